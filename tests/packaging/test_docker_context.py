"""What a Docker image is built from, installed into an empty environment and started there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import venv

import httpx
import pytest

from jupyter_imgcls import ScikitClassifier
from jupyter_imgcls.errors import DeploymentError
from jupyter_imgcls.serving.client import score
from jupyter_imgcls.serving.docker.image import SERVING, build_context, build_image

pytestmark = pytest.mark.long

KEY = "a-key-for-the-test"


@pytest.fixture(scope="module")
def classifier(small_model, tmp_path_factory):
    """Of the kind that needs most: scikit-learn on top of the network."""
    from sklearn.linear_model import LogisticRegression

    from tests.conftest import draw_photos

    classifier = ScikitClassifier(small_model(), LogisticRegression())
    classifier.train(draw_photos(tmp_path_factory.mktemp("photos") / "photos"))
    return classifier


@pytest.fixture(scope="module")
def context(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("docker")
    classifier.serialize(folder / "cups.model")
    return build_context(folder / "cups.model", "cups", folder / "context")


def test_the_context_starts_a_service_where_nothing_else_is_installed(
    context, classifier, photos, tmp_path
):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = [python, "-m", "pip"]
    install = [*pip, "install", "-q", "--no-compile", "-r", "requirements.txt"]
    subprocess.run(install, cwd=context, check=True)
    subprocess.run([*pip, "check"], check=True)
    listed = subprocess.run([*pip, "list", "--format=json"], capture_output=True, check=True)
    names = {package["name"].lower().replace("_", "-") for package in json.loads(listed.stdout)}
    assert set(SERVING) <= names
    assert not {"mxnet", "gluoncv", "jupyterlab", "ipywidgets", "imgaug"} & names
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    command = arguments(context / "Dockerfile")
    for inside, here in {
        "python": str(python),
        "/service/classifier.model": str(context / "classifier.model"),
        "/run/secrets/service_key": str(key_file),
        "0.0.0.0": "127.0.0.1",
    }.items():
        command[command.index(inside)] = here

    # As in a container, nothing is known of this machine's user.
    with subprocess.Popen(
        [*command, "--port", "0"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": "/"},
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        try:
            line = next(line for line in service.stderr if "Serving cups at" in line)
            base = line.split()[-1]
            answer = score(
                photos,
                f"{base}api/v1/service/cups/score",
                KEY,
                parameters={"addSoftmax": True},
                retries=8,
            )
            refused = httpx.get(f"{base}api/v1/service/cups", trust_env=False)
        finally:
            service.send_signal(signal.SIGTERM)
        assert service.wait(30) == 0

    assert refused.status_code == 401
    for scores, own in zip(
        classifier.parse_serialized_result(answer), classifier.score(photos), strict=True
    ):
        assert scores == pytest.approx(own.tolist(), abs=1e-5)


def arguments(dockerfile):
    """What a container of the image runs."""
    text = dockerfile.read_text().replace("\\\n", " ")
    lines = dict(line.split(maxsplit=1) for line in text.splitlines() if line.strip())
    return json.loads(lines["ENTRYPOINT"]) + json.loads(lines["CMD"])


def test_a_service_imports_just_what_is_pinned(context):
    code = (
        "import json, sys; sys.modules['mxnet'] = None\n"
        "from importlib.metadata import packages_distributions\n"
        "import jupyter_imgcls.serving.server as server\n"
        f"server.ServedModel.load({str(context / 'classifier.model')!r})\n"
        "import uvicorn; uvicorn.Config(None).get_loop_factory()\n"
        "found = packages_distributions()\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(json.dumps(sorted({d for top in tops for d in found.get(top, [])})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    imported = {name.lower().replace("_", "-") for name in json.loads(done.stdout)}

    assert set(SERVING) <= imported


def test_the_image_runs_as_nobody_and_holds_no_key(context):
    text = (context / "Dockerfile").read_text()
    wheel = next(context.glob("*.whl")).name

    files = {"Dockerfile", "Dockerfile.ray", ".dockerignore", "README.txt"}
    assert set(os.listdir(context)) == {*files, "requirements.txt", "classifier.model", wheel}
    user = [line for line in text.splitlines() if line.startswith("USER")]
    assert user == ["USER 10001"]
    assert text.index("USER") < text.index("ENTRYPOINT")
    assert "HEALTHCHECK" in text
    requirements = (context / "requirements.txt").read_text().split()
    assert requirements.pop() == f"./{wheel}"
    assert all("==" in line for line in requirements)


def test_the_same_classifier_gives_the_same_context(context, tmp_path):
    again = build_context(context / "classifier.model", "cups", tmp_path / "again")
    build_context(context / "classifier.model", "cups", again)  # once more, into the same folder

    for file in context.iterdir():
        assert (again / file.name).read_bytes() == file.read_bytes()


def test_other_files_are_not_overwritten(context, tmp_path):
    (tmp_path / "thesis.txt").write_text("all of it")

    with pytest.raises(DeploymentError, match="holds other files"):
        build_context(context / "classifier.model", "cups", tmp_path)

    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_without_an_engine_it_says_so_and_leaves_the_context(context, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = build_image(context, "cups")
    # Nobody listens there, whatever engine this machine has.
    monkeypatch.undo()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    silent = build_image(context, "cups")

    assert "not installed" in missing.problem
    assert str(context) in repr(missing)
    assert "docker build -t imgcls-cups ." in repr(missing)
    assert "no Docker engine answers" in silent.problem or "not installed" in silent.problem
    assert (context / "Dockerfile").is_file()


def test_an_engine_that_answers_builds_the_image(context, tmp_path, monkeypatch):
    """With a stand-in for Docker, since test machines have no engine."""
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n[ "$1" != "$FAILS" ]\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    image = build_image(context, "cups")

    assert image.problem is None
    assert "imgcls-cups" in repr(image)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["info", f"build --tag imgcls-cups {context}"]
    monkeypatch.setenv("FAILS", "build")
    with pytest.raises(DeploymentError, match="'docker build' failed"):
        build_image(context, "cups")
