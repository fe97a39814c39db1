"""The imgcls command."""

import json
import re
import sys

import pytest
from typer.testing import CliRunner

from jupyter_imgcls.cli import app
from jupyter_imgcls.data.sample import tableware
from tests.conftest import save_photo


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Class folders of drawn photos."""
    root = tmp_path_factory.mktemp("cli") / "tableware"
    tableware(n=24, root=root)
    return root


@pytest.fixture(scope="module")
def model(photos, tmp_path_factory):
    """A classifier trained by the command."""
    file = tmp_path_factory.mktemp("models") / "svm.model"
    done = imgcls(
        "train", photos, file, "--image-size", 64, "--output", file.parent, "--json", "-q"
    )
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["train"] == 15 and result["photos"] == 9
    assert sum(map(sum, result["confusion_matrix"])) == 9
    return file


def imgcls(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)


def test_help_names_every_command_and_its_arguments():
    shown = imgcls("--help").stdout

    for command in ("demo", "info", "train", "evaluate", "score", "augment", "deploy", "loadtest"):
        assert command in shown
        assert imgcls(command, "--help").exit_code == 0
    assert "support vector machine" in imgcls("train", "--help").stdout


def test_info_shows_what_is_installed():
    shown = json.loads(imgcls("info", "--json").stdout)

    assert shown["backends"].keys() == {"gluon", "torch"}
    assert shown["backends"]["gluon"] == "available"
    assert shown["base_models"]["resnet18"]["feature_size"] == 512
    assert "efficientnet_lite0" in imgcls("info").stdout


def test_info_counts_the_photos_of_a_folder_and_names_the_bad_files(class_folders):
    root = class_folders(cup=2, plate=1)
    (root / "cup" / "notes.txt").write_text("not a photo")

    shown = json.loads(imgcls("info", root, "--json").stdout)

    assert (shown["photos"], shown["classes"]) == (3, {"cup": 2, "plate": 1})
    assert list(shown["left_out"]) == [str(root / "cup" / "notes.txt")]
    assert "notes.txt: not an image" in imgcls("info", root).stdout


def test_info_says_what_a_classifier_is(model):
    shown = json.loads(imgcls("info", model, "--json").stdout)

    assert shown["kind"] == "network and estimator"
    assert shown["labels"] == ["bowl", "cup", "cutlery", "plate"]
    assert "64 x 64 pixels" in imgcls("info", model).stdout


def test_evaluate_prints_metrics_and_writes_the_report(model, photos, tmp_path):
    done = imgcls("evaluate", model, photos, "--report", tmp_path / "report.html", "-q")

    assert done.exit_code == 0
    assert "of 24 test photos" in done.stdout
    assert (tmp_path / "report.html").exists()


def test_a_csv_file_is_as_good_as_folders(model, photos, tmp_path):
    (tmp_path / "few.csv").write_text(f"path,label\n{photos}/cup/cup_000.jpg,cup\n")

    shown = json.loads(imgcls("evaluate", model, tmp_path / "few.csv", "--json", "-q").stdout)

    assert shown["photos"] == 1


def test_score_prints_a_line_for_each_photo(model, photos):
    lines = imgcls("score", model, photos / "cup", "--top", 2, "-q").stdout.splitlines()

    assert len(lines) == len(list((photos / "cup").iterdir()))
    path, first, first_score, _, second_score = lines[0].split("\t")
    assert path.endswith("cup_000.jpg")
    assert first in ("bowl", "cup", "cutlery", "plate")
    assert float(first_score) >= float(second_score)


def test_score_leaves_out_what_is_no_photo_and_says_so(model, photos, tmp_path):
    (tmp_path / "notes.txt").write_text("not a photo")
    cup = photos / "cup" / "cup_000.jpg"

    mixed = imgcls("score", model, cup, tmp_path / "notes.txt", "--json", "-q")
    none = imgcls("score", model, tmp_path / "notes.txt")

    assert mixed.exit_code == 0
    assert list(json.loads(mixed.stdout)["photos"]) == [str(cup)]
    assert list(json.loads(mixed.stdout)["left_out"]) == [str(tmp_path / "notes.txt")]
    assert none.exit_code == 1
    assert "Left out: " in none.stderr and "Error: No photo could be scored" in none.stderr


def test_augment_writes_photos_and_copies_to_a_new_folder(class_folders, tmp_path):
    root = class_folders(cup=2, plate=1)
    done = imgcls(
        "augment", root, tmp_path / "new", "--copies", 2, "--output", tmp_path / "o", "-q"
    )

    assert done.exit_code == 0, done.output
    assert done.stdout == f"9 photos are in {tmp_path / 'new'}\n"
    assert len(list((tmp_path / "new" / "cup").iterdir())) == 6
    again = imgcls("augment", root, tmp_path / "new", "--output", tmp_path / "o", "-q")
    assert again.exit_code == 1
    assert "already exists" in again.stderr


def test_refining_trains_the_network_and_can_be_resumed(photos, tmp_path):
    arguments = ["train", photos, tmp_path / "dnn.model", "--method", "dnn", "--image-size", 64]
    arguments += ["--epochs", 2, "--learning-rate", 0.01, "--copies", 1, "--output", tmp_path]
    done = imgcls(*arguments, "--resume")

    assert done.exit_code == 0, done.output
    assert "Finished epoch 2 of 2" in done.stderr
    assert f"Saved as {tmp_path / 'dnn.model'}" in done.stdout
    assert " of 2 is kept, with the lowest evaluation error: " in done.stdout
    assert "The test photos chose it" in done.stdout
    assert json.loads(imgcls("info", tmp_path / "dnn.model", "--json").stdout)["history"]


def test_validation_photos_choose_the_epoch_where_there_are_some(tmp_path, class_folders):
    for part in ("train", "validation", "test"):
        class_folders(tmp_path / "photos" / part, cup=3, plate=3)
    arguments = ["train", tmp_path / "photos", tmp_path / "dnn.model", "--method", "dnn"]
    arguments += ["--image-size", 64, "--epochs", 1, "--learning-rate", 0.01, "--quiet"]
    done = imgcls(*arguments, "--output", tmp_path)

    assert "Epoch 1 of 1 is kept, with the lowest evaluation error: " in done.stdout
    assert "The test photos chose it" not in done.stdout
    assert "of 6 test photos" in done.stdout
    done = imgcls(*arguments, "--output", tmp_path, "--keep", "last")
    assert done.stdout.startswith("Epoch 1 of 1 is kept, the last one.\n\n")


def test_mistakes_are_one_line_and_exit_code_1(tmp_path, class_folders):
    missing = imgcls("train", tmp_path / "nowhere", tmp_path / "x.model")
    unknown = imgcls(
        "train", class_folders(a=3, b=3), tmp_path / "x.model", "--base-model", "resnet19"
    )

    assert (missing.exit_code, unknown.exit_code) == (1, 1)
    assert missing.stderr.startswith("Error: There is no folder")
    assert "resnet18" in unknown.stderr
    assert not (tmp_path / "x.model").exists()


def test_wrong_usage_is_exit_code_2(tmp_path):
    assert imgcls("train", "a", "b", "--method", "magic").exit_code == 2


def test_notes_are_shown_as_such(tmp_path):
    save_photo(tmp_path / "photos" / "cup" / "a.png")
    (tmp_path / "photos" / "bowl").mkdir()

    done = imgcls("info", tmp_path / "photos")

    assert done.exit_code == 0
    assert "Note: No photos in class bowl" in done.stderr


def test_the_demo_tells_every_step_and_ends_with_the_report(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    done = imgcls("demo", "--data", photos, "--epochs", 1, "--output", tmp_path)

    assert done.exit_code == 0, done.output
    for step in "1234567":
        assert f"\n{step}. " in f"\n{done.stderr}"
    assert f"Report: {tmp_path / 'demo' / 'report.html'}" in done.stdout
    assert (tmp_path / "demo" / "refined.model").exists()
    answers = re.findall(
        r"^    \S+\.jpg: (?:bowl|cup|cutlery|plate) \(\d+\.\d%\)$", done.stdout, re.M
    )
    assert len(answers) == 3
    assert re.search(r"Throughput +\d+\.\d requests/s", done.stdout)
    assert imgcls("deployments").stdout == "Nothing is deployed.\n"


def test_without_locust_the_demo_leaves_the_load_test_out_and_says_so(
    photos, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    monkeypatch.setitem(sys.modules, "locust", None)
    demo = ("demo", "--data", photos, "--epochs", 0, "--output", tmp_path, "--json")

    done = imgcls(*demo)

    assert done.exit_code == 0, done.output
    service = json.loads(done.stdout)["service"]
    assert len(service["answers"]) == 3
    assert service["load_test"] is None
    assert "No load test: Load tests need Locust: pip install 'jupyter_imgcls[load]'" in done.stderr
