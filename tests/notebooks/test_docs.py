"""What the documentation tells a reader to type works, page by page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_imgcls import Context, ScikitClassifier, TransferLearningModel
from jupyter_imgcls.data.sample import tableware
from jupyter_imgcls.serving.targets import local

from .snippets import newcomer, run_page, snippets

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    page
    for page in sorted(DOCS.rglob("*.md"))
    if snippets(page.read_text("utf-8"), "python", "sh", "javascript")
]


@pytest.fixture(scope="module")
def a_readers_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for granted: sorted and unsorted photos, one photo, a classifier."""
    folder = tmp_path_factory.mktemp("reader")
    Context.create(folder / "context", folder / "context", folder / "context")
    dataset = tableware(n=16, root=folder / "photos", progress=False)
    photo, *others = dataset.images
    shutil.copy(photo.storage_path, folder / "photo.jpg")
    (folder / "unsorted").mkdir()
    for image in others[:10]:
        shutil.copy(image.storage_path, folder / "unsorted")
    model = TransferLearningModel(dataset.labels)
    ScikitClassifier(model).train(dataset, progress=False).serialize(folder / "tableware.model")
    shutil.rmtree(folder / "context")
    return folder


@pytest.fixture
def folder(
    a_readers_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    shutil.copytree(a_readers_files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    # Of the shell commands as well, so that these find the deployments of the Python code.
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    Context._global = None
    yield tmp_path
    for service in Context.get_global_context().storage.persistent_path.glob("deployments/*"):
        local.stop(service)


@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_the_code_of_a_page_runs_from_top_to_bottom(page, folder, monkeypatch):
    monkeypatch.setattr("matplotlib.pyplot.show", lambda: None)
    run_page(page, newcomer(folder))
