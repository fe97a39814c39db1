"""The steps from the kernel's side: what unlocks what, what is kept, and what is said."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import ipywidgets
import pytest

from jupyter_imgcls.classifiers import load_classifier
from jupyter_imgcls.classifiers.run import Stopped
from jupyter_imgcls.dashboard import Dashboard
from jupyter_imgcls.dashboard.files.zips import extract_photos
from jupyter_imgcls.dashboard.running import Running
from jupyter_imgcls.dashboard.steps import labels_out
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.data.sample import tableware
from jupyter_imgcls.errors import ImgclsError
from jupyter_imgcls.text import counted
from tests.widgets.screen import every, is_shown, named, one, problem, send, text


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "dishes"
    tableware(24, root=folder, progress=False)
    return folder


def ready(folder):
    """A dashboard that has got ready, and has opened what it begins with."""
    dashboard = Dashboard(folder)
    deadline = time.monotonic() + 60
    while dashboard.state == "starting" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert dashboard.state == "ready", text(dashboard)
    finished(dashboard.panels[0])
    return dashboard


def finished(panel):
    """Wait for a step's work; what went wrong, if anything did."""
    assert panel.task.wait(120)
    return panel.task.problem.value


def states(dashboard):
    return [state for _, state, _ in dashboard.steps.steps]


def summary(results):
    """The results in words."""
    (words,) = [part for part in every(results, ipywidgets.HTML) if "never seen" in part.value]
    return words.value


def can_stop(panel):
    """Whether the page shows a button that stops."""
    buttons = every(panel, ipywidgets.Button)
    return any(is_shown(panel, button) for button in buttons if button.description == "Stop")


def close(dashboard):
    if dashboard.work.dataset is not None:
        dashboard.panels[3].close_parts()
        dashboard.work.journal.close()


def test_the_way_from_a_folder_to_a_model_and_back_another_day(photos, monkeypatch):
    dashboard = ready(photos)
    choose, label, train, results, attempt, keep = dashboard.panels
    assert "24 photos, 4 classes" in text(choose)
    assert states(dashboard) == ["done", "done", "open", "locked", "locked", "locked"]
    dashboard.current = 3
    assert dashboard.current == 0  # locked: First train

    # Labels: what is learnt from is what the journal says.
    dashboard.current = 1
    assert label.ui.can_write is False
    replies = []
    monkeypatch.setattr(label.ui, "send", lambda content, buffers=None: replies.append(content))
    send(label.ui, {"kind": "commit", "id": "1", "values": {}})
    assert "not moved here" in replies[0]["error"]

    # Train.
    dashboard.current = 2
    train.train()
    assert finished(train) == ""
    assert states(dashboard)[2:] == ["done", "done", "open", "open"]

    # Results: in words, and the threshold for the steps that follow.
    dashboard.current = 3
    assert "photos that it had never seen" in text(results)
    assert "expect between" in text(results)
    assert "chosen by these photos" not in text(results)
    results.curve.threshold = 0.99
    assert dashboard.work.threshold == results.curve.threshold

    # Try.
    dashboard.current = 4
    photo = next(photos.rglob("cup_*.jpg")).read_bytes()
    for threshold, words in ((0.0, "sure."), (1.1, "Not sure")):
        dashboard.work.choose_threshold(threshold)
        attempt.task.run("Looking", lambda task: attempt.look(task, photo, "mine.jpg"))
        assert finished(attempt) == ""
        assert words in attempt.answer.value
    attempt.task.run("Looking", lambda task: attempt.look(task, b"no photo", "mine.jpg"))
    assert "mine.jpg cannot be used" in finished(attempt)

    # Keep.
    dashboard.current = 5
    model, name = keep.make_model()
    assert name == "dishes.model"
    assert load_classifier(model).predict([photo])[0] in ("bowl", "cup", "cutlery", "plate")
    report, _ = keep.make_report()
    assert "<html" in report.read_text()
    table, _ = keep.labels.make_csv()
    (photos / "labels.csv").write_bytes(table.read_bytes())
    read = ClassificationDataset.create_from_csv("read", photos / "labels.csv")
    (photos / "labels.csv").unlink()
    assert read.count_labels() == dashboard.work.counts()
    before = summary(results)
    close(dashboard)

    # Another day: labels, model, results and threshold are there; a changed label is noticed.
    dashboard = ready(photos)
    assert states(dashboard) == ["done"] * 4 + ["open", "open"]
    assert dashboard.work.threshold == 1.1
    dashboard.current = 3
    assert summary(dashboard.panels[3]) == before
    work = dashboard.work
    work.dataset.change_label_for_image(work.dataset.images[0], "cup")
    assert states(dashboard)[2:4] == ["again", "again"]
    results = dashboard.panels[3]
    assert is_shown(results, named(results, "Train again"))
    work.journal.undo()
    assert states(dashboard)[2:4] == ["done", "done"]

    # Delete: the photos stay.
    keep = dashboard.panels[5]
    named(keep, "Yes, delete").click()
    assert states(dashboard) == ["open"] + ["locked"] * 5
    assert len(list(photos.rglob("*.jpg"))) == 24


@pytest.mark.parametrize("name", ["dishes", "mine"])
def test_labels_are_those_of_the_notebook_whatever_it_calls_the_photos(photos, name):
    notebook = ClassificationDataset.create_from_dir(name, photos)
    other = ClassificationDataset.create_from_dir(name, photos / "bowl")
    with Journal.open(notebook) as journal, Journal.open(other) as another:
        another.edit(other.images[:2], "cup")
        journal.edit(notebook.images[:3], "plate")
        dashboard = ready(photos)
        assert dashboard.work.counts() == {"bowl": 1, "cup": 7, "cutlery": 5, "plate": 11}
        assert dashboard.work.dataset.name == "dishes"
        dashboard.work.journal.edit(dashboard.work.dataset.images[:1], "cutlery")
        journal.refresh()
        assert notebook.count_labels() == dashboard.work.counts()
        close(dashboard)


def test_a_photo_that_is_gone_is_named_and_the_model_stays(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "dishes")
    dashboard = ready(tmp_path / "dishes")
    dashboard.panels[2].train()
    assert finished(dashboard.panels[2]) == ""
    tested = list(dashboard.work.trained.test_set.paths)
    close(dashboard)

    gone = Path(tested[2])
    gone.unlink()
    dashboard = ready(tmp_path / "dishes")
    assert states(dashboard)[2:] == ["again", "again", "open", "open"]
    dashboard.current = 3
    said = summary(dashboard.panels[3])
    assert f"1 test photo is not there any more: {gone.name}" in said
    assert f"of {len(tested) - 1} photos that it had never seen" in said
    assert list(dashboard.work.trained.test_set.paths) == tested[:2] + tested[3:]
    close(dashboard)

    for path in tested[:2] + tested[3:]:
        Path(path).unlink()
    dashboard = ready(tmp_path / "dishes")
    assert dashboard.steps.steps[2][1:] == ["open", "Train again"]
    dashboard.current = 2
    assert "None of the photos that it was tested on is there" in text(dashboard.panels[2])
    close(dashboard)


def test_a_renamed_class_keeps_its_results(photos):
    dashboard = ready(photos)
    dashboard.panels[2].train()
    assert finished(dashboard.panels[2]) == ""
    dashboard.current = 3
    step, work = dashboard.panels[3], dashboard.work
    before = summary(step)
    assert "cup" in before

    # Twice, by whoever has the journal open; and a class that was not there.
    with Journal.open(ClassificationDataset.create_from_dir("dishes", photos)) as notebook:
        notebook.rename_class("cup", "mug")
        notebook.rename_class("mug", "beaker")
        notebook.add_class("cup")
    work.journal.refresh()
    assert summary(step) == before.replace("cup", "beaker")
    assert "beaker" in step.results.results.names
    assert states(dashboard)[2:4] == ["again", "again"]
    step.results.journal.refresh()
    assert "cell" not in problem(step.results)
    report, _ = dashboard.panels[5].make_report()
    assert "beaker" in report.read_text()
    close(dashboard)

    dashboard = ready(photos)
    dashboard.current = 3
    assert summary(dashboard.panels[3]) == before.replace("cup", "beaker")
    for _ in range(3):
        dashboard.work.journal.undo()
    assert summary(dashboard.panels[3]) == before
    assert states(dashboard)[2:4] == ["done", "done"]
    close(dashboard)


def test_an_edit_is_drawn_later_when_the_page_is_being_drawn(photos):
    dashboard = ready(photos)
    work = dashboard.work
    image = work.dataset.images[0]
    # The thread of an edit has the journal's lock, for which the one that draws may wait.
    with dashboard._lock:
        editing = threading.Thread(target=work.journal.edit, args=([image], "plate"))
        editing.start()
        editing.join(20)
        assert not editing.is_alive()
        work.journal.undo()
    dashboard.current = 1
    assert dashboard.steps.steps[1][2] == "24 of 24 labelled"
    close(dashboard)


def test_a_second_page_shows_the_training_of_the_first_and_gets_its_model(photos):
    first, second = ready(photos), ready(photos)
    second.current = 2
    train = second.panels[2]
    with first.work.running.here("Computing features"):
        second.work.look()
        assert "before a reload: Computing features" in text(train)
        assert named(train, "Train").disabled and can_stop(train)
        assert second.steps.steps[2][1:] == ["open", "Training …"]
        train.train()
        assert "Another page of yours trains already" in finished(train)
        assert not first.panels[2].task.stop_asked
        second.work.running.stop_elsewhere()
        assert first.panels[2].task.stop_asked
    second.work.look()
    assert not named(train, "Train").disabled and not can_stop(train)

    first.panels[2].train()
    assert finished(first.panels[2]) == ""
    second.work.look()
    assert states(second)[2:4] == ["done", "done"]
    assert second.work.trained.scores.tolist() == first.work.trained.scores.tolist()
    close(first)
    close(second)


def test_the_training_of_a_page_that_was_killed_is_forgotten(tmp_path):
    program = "import sys; from jupyter_imgcls.dashboard.running import Running; " + (
        "from pathlib import Path; import time\n"
        "with Running(Path(sys.argv[1])).here('Training'):\n print('here', flush=True)\n"
        " time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "here\n"
        running = Running(tmp_path)
        assert running.elsewhere() == "Training"
        other.kill()
        other.wait()
        assert running.elsewhere() == ""
    with running.here("Mine"):
        assert running.elsewhere() == ""


def test_unsorted_photos_are_labelled_here(photos, tmp_path):
    loose = tmp_path / "loose"
    loose.mkdir()
    for photo in photos.rglob("*.jpg"):
        (loose / photo.name).write_bytes(photo.read_bytes())
    (loose / "broken.jpg").write_text("no photo")
    dashboard = ready(loose)
    assert states(dashboard)[:3] == ["done", "open", "locked"]
    assert "broken.jpg" in text(dashboard.panels[0])
    assert dashboard.steps.steps[2][2].startswith("2 classes with at least 2 labelled photos each")
    dashboard.current = 1
    assert dashboard.panels[1].ui.show == "unlabelled"
    images = list(dashboard.work.dataset.images)
    for image in images[:4]:
        dashboard.work.dataset.change_label_for_image(image, image.name.split("_")[0])
    assert dashboard.steps.steps[2][2].endswith("there is 1")
    for image in images[-4:]:
        dashboard.work.dataset.change_label_for_image(image, image.name.split("_")[0])
    assert states(dashboard)[:3] == ["done", "done", "open"]
    assert "16 photos have no label" in text(dashboard.panels[1])
    close(dashboard)


def test_labels_are_taken_out_before_any_training(photos, tmp_path, monkeypatch):
    mixed = tmp_path / "mixed"
    shutil.copytree(photos, mixed)
    (mixed / "loose.jpg").write_bytes(next(photos.rglob("*.jpg")).read_bytes())
    dashboard = ready(mixed)
    dashboard.current = 1
    work, out = dashboard.work, dashboard.panels[1].out
    assert is_shown(dashboard.panels[1], out)
    images = list(work.dataset.images)
    work.journal.edit(images[:1], ["cup", "plate"])
    work.journal.exclude(images[1:2])
    counts = work.journal.included().count_labels()
    assert counts == {"bowl": 2, "cup": 8, "cutlery": 5, "plate": 9}

    for make, read in (
        (out.make_csv, ClassificationDataset.create_from_csv),
        (out.make_json, ClassificationDataset.create_from_json),
    ):
        file, name = make()
        (mixed / name).write_bytes(file.read_bytes())
        assert read("read", mixed / name).count_labels() == counts
        (mixed / name).unlink()

    # Two photos of one name in one class, and one that is gone.
    (mixed / "cup" / "more").mkdir()
    first = next((mixed / "cup").glob("*.jpg"))
    (mixed / "cup" / "more" / first.name).write_bytes(first.read_bytes())
    close(dashboard)
    dashboard = ready(mixed)
    dashboard.current = 1
    work, out = dashboard.work, dashboard.panels[1].out
    counts = work.journal.included().count_labels()
    assert counts["cup"] == 9
    gone = next((mixed / "plate").glob("*.jpg"))
    gone.unlink()
    file, name = out.make_zip()
    assert name == "mixed-sorted.zip"
    assert out.zip.note == f"Without 1 photo that cannot be read: {gone.name}"
    root, left_out = extract_photos(file, tmp_path / "unpacked")
    assert (root.name, left_out) == ("mixed", [])
    read = ClassificationDataset.create_from_dir("read", root)
    assert read.count_labels() == counts | {"plate": counts["plate"] - 1}
    assert (root / "cup" / f"{first.stem}-2.jpg").read_bytes() == first.read_bytes()

    # What cannot be done is said, and leaves nothing behind.
    file.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(labels_out, "LARGEST", 1000)
        with pytest.raises(ImgclsError, match="1 KB at most can be saved from this page"):
            out.make_zip()
    out.zip._stop.set()
    with pytest.raises(Stopped):
        out.make_zip()
    work.journal.rename_class("cup", "a/b")
    with pytest.raises(ImgclsError, match="No folder can be called 'a/b'"):
        out.make_zip()
    assert not [path.name for path in file.parent.iterdir() if "zip" in path.name]
    close(dashboard)


def test_a_zip_is_opened_and_is_there_again(photos, tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for photo in photos.rglob("*.jpg"):
            archive.write(photo, f"my dishes/{photo.parent.name}/{photo.name}")
    (tmp_path / "empty").mkdir()
    dashboard = ready(tmp_path / "empty")
    assert "contains no photos" in finished(dashboard.panels[0])
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / "birds.zip").write_bytes(buffer.getvalue())
    dashboard.panels[0]._uploaded([sent / "birds.zip"])
    assert finished(dashboard.panels[0]) == ""
    assert dashboard.work.counts() == {"bowl": 4, "cup": 7, "cutlery": 5, "plate": 8}
    choice = one(dashboard.panels[0], ipywidgets.Dropdown)
    assert [name for name, _ in choice.options] == ["empty", "Your upload: birds"]
    close(dashboard)

    dashboard = ready(tmp_path / "empty")
    assert len(dashboard.work.dataset) == 24
    close(dashboard)


def test_what_is_neither_a_zip_nor_a_photo_is_refused(tmp_path):
    dashboard = ready(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ImgclsError, match="neither a zip nor a photo"):
        dashboard.panels[0]._uploaded([tmp_path / "notes.txt"])
    with pytest.raises(ImgclsError, match="not one of the folders"):
        dashboard.panels[0].open_folder(tmp_path.parent)


def test_work_can_be_stopped_and_what_it_raises_is_shown(tmp_path):
    dashboard = ready(tmp_path)
    task = dashboard.panels[0].task

    def endless(task):
        tell = task.count("Counting")
        for number in range(10_000):
            tell(number, 10_000)
            time.sleep(0.01)

    task.run("Counting", endless)
    assert dashboard.work.busy == "Counting"
    dashboard.panels[2].task.run("Training", endless)
    assert "Wait until this is done: Counting" in dashboard.panels[2].task.problem.value
    task.stop()
    assert task.wait(20)
    assert "Stopped" in text(task)
    assert dashboard.work.busy == ""

    def fail(_task):
        raise OSError(28, "No space left on device")

    task.run("Writing", fail)
    assert task.wait(20)
    assert "The disk is full" in task.problem.value


def test_a_folder_that_is_not_there_is_said_in_the_page(tmp_path):
    dashboard = Dashboard(tmp_path / "gone")
    deadline = time.monotonic() + 60
    while dashboard.state == "starting" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert dashboard.state == "failed"
    assert "There is no folder" in text(dashboard)


def test_in_voila_it_waits_for_the_browser_to_say_who_it_is(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5")
    monkeypatch.setenv("IMGCLS_DASHBOARD_STORAGE", str(tmp_path))
    dashboard = Dashboard(photos)
    assert dashboard.steps.asks_visitor
    assert dashboard.state == "starting"
    send(dashboard.steps, {"kind": "visitor", "id": "0" * 32})
    deadline = time.monotonic() + 60
    while dashboard.state == "starting" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert dashboard.state == "ready"
    assert finished(dashboard.panels[0]) == ""
    assert list((tmp_path / "people").glob("*/journals"))
    close(dashboard)


def test_the_thorough_way_can_be_stopped_and_keeps_the_best_round(photos):
    dashboard = ready(photos)
    train = dashboard.panels[2]
    dashboard.current = 2
    train.way.value = "refine"
    train.epochs.value = 50
    train.copies.value = True
    assert is_shown(train, train.epochs)
    train.train()
    deadline = time.monotonic() + 200
    while len(train.monitor.history) < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert train.way.disabled
    train.task.stop()
    assert finished(train) == ""
    rounds = len(train.monitor.history)
    assert dashboard.steps.steps[2][1:] == ["done", f"thorough, {counted(rounds, 'round')}"]
    assert train.monitor.state == "stopped"
    dashboard.current = 3
    assert "chosen by these photos" in text(dashboard.panels[3])
    close(dashboard)
