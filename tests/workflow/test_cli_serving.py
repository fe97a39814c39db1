"""The commands for web services: ``imgcls deploy | deployments | undeploy | score-service``."""

import json
from pathlib import Path

import httpx
import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.serving.deployment import Deployment
from jupyter_imgcls.serving.targets import local

from .test_cli import imgcls


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    return tmp_path_factory.mktemp("user")


@pytest.fixture(autouse=True)
def user_folders(context, user, monkeypatch):
    """Commands know no storage context but the user's own; here it is a temporary one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(user / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(user / "cache"))
    monkeypatch.setattr(Context, "_global", None)


@pytest.fixture(scope="module")
def saved(small_model, tmp_path_factory):
    """The file of a classifier."""
    return small_model().serialize(tmp_path_factory.mktemp("saved") / "my cups.model")


@pytest.fixture
def service(saved):
    """A service that was deployed by the command, as the command tells of it."""
    done = imgcls("deploy", saved, "--json")
    assert done.exit_code == 0, done.output
    yield json.loads(done.stdout)
    Deployment.delete_if_service_exist("my-cups")


def test_a_service_from_its_start_to_its_end(saved, photos):
    started = imgcls("deploy", saved, "--name", "cups")
    try:
        assert started.exit_code == 0, started.output
        assert "cups is running: http://127.0.0.1:" in started.stdout
        key_file = Path(started.stdout.partition("Key: ")[2].splitlines()[0])
        assert key_file.read_text() not in started.output
        url = started.stdout.partition("is running: ")[2].splitlines()[0]
        assert imgcls("deployments").stdout.startswith(f"cups\trunning\t{url}\t")

        by_name = imgcls("score-service", "cups", Path(photos.images[0].storage_path).parent)
        by_url = imgcls("score-service", url, *photos.paths[:5], "--key-file", key_file)
        local_scores = imgcls("score", saved, *photos.paths[:5], "-q")
        assert by_name.exit_code == by_url.exit_code == 0, by_url.output
        assert by_name.stdout == by_url.stdout
        assert len(by_url.stdout.splitlines()) == 5
        for served, here in zip(
            by_url.stdout.splitlines(), local_scores.stdout.splitlines(), strict=True
        ):
            assert served.split("\t")[:2] == here.split("\t")[:2]
            assert float(served.split("\t")[2]) == pytest.approx(
                float(here.split("\t")[2]), abs=2e-4
            )
    finally:
        ended = imgcls("undeploy", "cups")
    assert ended.stdout == "cups is deleted.\n"
    assert imgcls("deployments").stdout == "Nothing is deployed.\n"
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_the_name_is_that_of_the_file_and_the_json_has_no_key(service):
    assert (service["name"], service["status"], service["target"]) == (
        "my-cups",
        "running",
        "local",
    )
    assert Path(service["key_file"]).read_text() not in json.dumps(service)
    assert json.loads(imgcls("deployments", "--json").stdout)["deployments"] == [service]


def test_a_crashed_service_is_shown_and_started_again(service):
    folder = Path(service["log"]).parent
    (supervisor,), (process,) = local.supervisors(folder), local.processes(folder)
    supervisor.kill()  # else it starts the service again
    process.kill()
    local.wait_gone([supervisor, process], 60)
    assert "\tcrashed\t" in imgcls("deployments").stdout

    again = imgcls("deploy", "--name", "my-cups", "--json")

    assert json.loads(again.stdout) == service


def test_another_classifier_takes_the_place_of_one(service, small_model, tmp_path, photos):
    small_model(["saucer", "spoon"]).serialize(tmp_path / "new.model")

    done = imgcls("deploy", tmp_path / "new.model", "--name", "my-cups", "--update")

    assert done.exit_code == 0, done.output
    assert service["url"] in done.stdout
    shown = imgcls("score-service", "my-cups", photos.paths[0], "--top", 2).stdout
    assert "saucer" in shown
    assert "spoon" in shown


def test_what_is_no_photo_is_left_out_with_its_reason(service, photos, tmp_path):
    (tmp_path / "notes.txt").write_text("not a photo")
    whole = Path(photos.images[0].storage_path)
    # Its header is fine, so that only the service sees that it ends early.
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:-400])

    done = imgcls("score-service", "my-cups", whole, *sorted(tmp_path.glob("*.*")), "--json")
    none = imgcls("score-service", "my-cups", tmp_path / "notes.txt")

    shown = json.loads(done.stdout)
    assert list(shown["photos"]) == [str(whole)]
    assert "not an image" in shown["left_out"][str(tmp_path / "notes.txt")]
    assert shown["left_out"][str(tmp_path / "cut.png")]
    assert none.exit_code == 1
    assert "No photo could be scored" in none.stderr


def test_the_deployments_of_a_notebook_are_found(small_model, tmp_path):
    notebook = Context.create(tmp_path, tmp_path, tmp_path)
    deployment = Deployment("of-a-notebook", small_model()).deploy()
    try:
        Context._global = None
        assert "of-a-notebook\trunning" in imgcls("deployments").stdout
        assert "of-a-notebook\trunning" in imgcls("deployments", "--storage", tmp_path).stdout
        Context._global = None
    finally:
        assert imgcls("undeploy", "of-a-notebook").exit_code == 0
    assert not deployment.folder.exists()
    assert notebook.storage.persistent_path.exists()


def test_mistakes_are_one_line_and_exit_code_1(saved, tmp_path):
    for arguments, message in [
        (("deploy", tmp_path / "none.model"), "There is no file"),
        (("deploy",), "--name of a crashed service"),
        (("deploy", "--name", "none"), "no deployment named 'none'"),
        (("deploy", saved, "--name", "a b"), "cannot be named 'a b'"),
        (("undeploy", "none"), "no deployment named 'none'"),
        (("score-service", "none", saved), "no deployment named 'none'"),
        (("score-service", "http://127.0.0.1:9/score", saved, "--key-file", "no"), "Cannot read"),
        (("deployments", "--storage", tmp_path / "none"), "There is no folder"),
    ]:
        done = imgcls(*arguments)
        assert (done.exit_code, done.stdout) == (1, ""), arguments
        assert message in done.stderr
        assert done.stderr.count("\n") == 1
