"""The wheel, installed by pip into an empty environment, does the whole job there."""

import re
import shutil
import socket
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from ..notebooks.snippets import snippets

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jupyter_imgcls"
EXTENSION = ROOT / "share/jupyter/labextensions/jupyter_imgcls"


def run(*command, cwd, **options):
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as for a release: the source distribution first, and the wheel from that."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.whl"))


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    tracked = run("git", "ls-files", "jupyter_imgcls", cwd=ROOT).split()

    with zipfile.ZipFile(wheel) as archive:
        packed = archive.namelist()

    assert set(tracked) <= set(packed)
    built = {f"jupyter_imgcls/static/{file.name}" for file in (PACKAGE / "static").iterdir()}
    assert {f"jupyter_imgcls/static/image_grid.{kind}" for kind in ("js", "css")} <= built
    assert built <= set(packed)
    assert not [name for name in packed if name.startswith("tests")]
    shared = run("git", "ls-files", "share", cwd=ROOT).split()
    assert shared
    extension = [str(file.relative_to(ROOT)) for file in EXTENSION.rglob("*") if file.is_file()]
    assert f"{EXTENSION.relative_to(ROOT)}/install.json" in extension
    assert {name.partition(".data/data/")[2] for name in packed} >= {*shared, *extension}


def test_nothing_is_packed_without_the_front_end(tmp_path):
    for name in ("setup.py", "pyproject.toml", "package.json", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("static"))
    shutil.copytree(ROOT / "share", tmp_path / "share")
    # Not for an editable installation, which comes before the front end in a clone.
    for command in ("sdist", "build"):
        done = subprocess.run(
            [sys.executable, "setup.py", "--quiet", command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert (
            "image_grid.js is missing: the repository does not hold the built front end"
            in done.stderr
        )


def test_the_wheel_does_all_that_the_readme_begins_with_where_nothing_else_is_installed(
    wheel, photos, tmp_path
):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ((_, commands, _),) = snippets((ROOT / "README.md").read_text("utf-8"), "sh")
    make, install, show = commands.splitlines()
    assert make == "make wheel"
    # pip's own settings (proxies, mirrors) are the machine's; the home folder is not.
    # Python compiles the few modules that are used when it imports them.
    assert install.startswith('pip install "$(ls dist/*.whl)[')
    install = install.replace("$(ls dist/*.whl)", str(wheel)) + " --quiet --no-compile"
    run("sh", "-c", f"{python} -m {install}", cwd=tmp_path)

    imgcls = tmp_path / "env" / "bin" / "imgcls"
    demo = [imgcls, "demo", "--data", photos.source[1], "--epochs", "1"]
    shown = run(*demo, cwd=tmp_path, env=environment)

    assert "Confusion matrix" in shown
    assert "Load tests need Locust: pip install 'jupyter_imgcls[load]'" in shown
    assert (tmp_path / "imgcls_output" / "demo" / "report.html").exists()
    # OpenCV's build with windows needs libGL, which servers and containers lack.
    build = run(python, "-c", "import cv2; print(cv2.getBuildInformation())", cwd=tmp_path)
    assert [line.split() for line in build.splitlines() if "GUI:" in line] == [["GUI:", "NONE"]]
    run(python, "-m", "pip", "check", cwd=tmp_path)
    # The front end is in the wheel: it needs no Node, which is not on this PATH.
    code = "import shutil, jupyter_imgcls.widgets.image_grid.grid; assert not shutil.which('node')"
    run(python, "-c", code, cwd=tmp_path, env={**environment, "PATH": str(python.parent)})
    listed = [python, "-m", "jupyterlab.labextensions", "list", "--verbose"]
    shown = subprocess.run(listed, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    assert re.search(r"jupyter_imgcls v\S+ .*enabled.* .*OK.* \(python, jupyter_imgcls\)", shown)

    assert show == "imgcls dashboard"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A person's browser would be opened.
    started = subprocess.Popen(
        [imgcls, *show.split()[1:], "--port", str(port)],
        cwd=tmp_path,
        env={**environment, "BROWSER": "/bin/true"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = re.search(r"http://\S+", started.stderr.readline())[0]
        assert "widget-view+json" in httpx.get(url, timeout=300, trust_env=False).text
    finally:
        started.terminate()
        started.communicate(timeout=60)
    assert started.returncode == 0

    assert "No problem" in run(imgcls, "doctor", cwd=tmp_path, env=environment)
    shutil.rmtree(tmp_path / "env/share/jupyter/labextensions/bqplot")
    doctor = [imgcls, "doctor"]
    ill = subprocess.run(doctor, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert ill.returncode == 1
    assert b"Jupyter lacks its front end bqplot" in ill.stdout


def test_without_a_framework_and_with_numpy_2_all_but_refining_works(wheel, photos, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    requirements = (f"{wheel}[dashboard]", "numpy>=2")
    run(python, "-m", "pip", "install", "--quiet", "--no-compile", *requirements, cwd=tmp_path)
    run(python, "-m", "pip", "check", cwd=tmp_path)
    installed = run(python, "-m", "pip", "list", "--format=freeze", cwd=tmp_path)
    assert not {"mxnet", "gluoncv", "torch"} & {line.split("==")[0] for line in installed.split()}

    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    program = Path(__file__).with_name("without_framework.py")
    said = run(python, program, tmp_path / "out", photos.source[1], cwd=tmp_path, env=environment)
    assert said.endswith("3 epochs of the head\n")
    imgcls = tmp_path / "env" / "bin" / "imgcls"
    shown = run(imgcls, "demo", "--epochs", "1", cwd=tmp_path, env=environment)
    assert "Confusion matrix" in shown
    assert "not installed; needed to refine" in run(imgcls, "doctor", cwd=tmp_path, env=environment)
