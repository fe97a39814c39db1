"""`AnnotationUI`, from the kernel's side: what a page asks and what is on disk then."""

import contextvars
import os
import time

import numpy as np
import pytest
import traitlets

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.errors import StorageError
from jupyter_imgcls.ui_utils import ui_annotation
from jupyter_imgcls.widgets.annotation import AnnotationUI

from .test_image_grid import Page, rows


@pytest.fixture
def dataset(class_folders):
    return ClassificationDataset.create_from_dir("photos", class_folders(cup=4, plate=2))


@pytest.fixture
def ui(dataset):
    ui = AnnotationUI(dataset)
    yield ui
    ui.close()
    ui.journal.close()


class AnnotationPage(Page):
    """Asks for edits and keeps what is told meanwhile."""

    def __init__(self, ui):
        super().__init__(ui)
        self.told = []

    def edit(self, kind, photos=None, **values):
        buffers = [] if photos is None else [np.array(photos, "<u4").tobytes()]
        self.tell({"kind": kind, "id": "e", "values": values}, buffers)
        return self.answer()[0]

    def ask(self, **request):
        self.tell({"id": "q1", "view": "v", **request})
        return self.answer()

    def answer(self):
        while True:
            content, buffers = self.next()
            if content.pop("kind") == "answer":
                assert content.pop("id")
                return content, buffers
            self.told.append((content, buffers))


@pytest.fixture
def page(ui):
    return AnnotationPage(ui)


def labels(dataset):
    return [",".join(label.name for label in image.labels) for image in dataset.images]


def in_journal(dataset):
    """The labels that another kernel finds."""
    again = ClassificationDataset.create_from_dir("photos", dataset.source[1])
    with Journal.open(again):
        return labels(again)


def test_a_label_is_on_disk_before_the_page_is_told(dataset, page):
    answer = page.edit("label", [0, 5], name="plate", several=False)

    assert answer["said"] == "2 photos: plate"
    assert in_journal(dataset) == ["plate", "cup", "cup", "cup", "plate", "plate"]
    (photos, _), (state, _) = page.told
    assert (photos["rows"], photos["photos"][0]["badge"]) == ([0], "plate")
    assert (state["rows"], state["done"]) == ([0], [True])
    assert [(c["name"], c["count"]) for c in state["classes"]] == [("cup", 3), ("plate", 3)]
    assert (state["can_undo"], state["can_redo"]) == (True, False)


def test_a_label_is_taken_away_and_undone_and_redone(dataset, page):
    page.edit("label", [1], name=None, several=False)
    assert labels(dataset)[1] == ""
    assert page.edit("undo") == {"said": "Undone: 1 photo", "row": 1}
    assert labels(dataset)[1] == "cup"
    assert page.edit("redo")["said"] == "Done again: 1 photo"
    assert labels(dataset)[1] == ""


def test_with_several_labels_one_is_added_and_taken_from_all(dataset, page):
    page.edit("label", [0], name="plate", several=True)
    assert labels(dataset)[0] == "cup,plate"
    # One of them lacks it: both have it now.
    assert page.edit("label", [0, 1], name="plate", several=True)["said"] == "2 photos: plate"
    assert labels(dataset)[:2] == ["cup,plate", "cup,plate"]
    said = page.edit("label", [0, 1], name="plate", several=True)["said"]
    assert said == "2 photos: no longer plate"
    assert labels(dataset)[:2] == ["cup", "cup"]


def test_excluding_twice_includes_again(dataset, page):
    assert page.edit("exclude", [0, 1])["said"] == "2 photos: excluded"
    state, _ = page.told[-1]
    assert (state["labelled"], state["of"], state["excluded"]) == (4, 4, 2)
    assert page.edit("exclude", [1])["said"] == "cup2.png: included again"
    content, _ = page.ask(kind="captions", rows=[0, 1])
    assert [photo["badge"] for photo in content["photos"]] == ["excluded", "cup"]


def test_classes_are_added_renamed_and_merged(dataset, page):
    page.edit("add_class", name="bowl ")
    page.edit("rename_class", old="bowl", new="dish")
    assert [label.name for label in dataset.labels] == ["cup", "plate", "dish"]
    page.edit("merge_classes", old="plate", into="dish")
    assert labels(dataset)[4:] == ["dish", "dish"]
    assert page.edit("rename_class", old="nothing", new="x")["error"].startswith(
        "There is no class"
    )


def test_an_edit_that_fails_changes_nothing_and_says_why(dataset, page, tmp_path):
    os.unlink(dataset.paths[1])
    answer = page.edit("label", [0, 1], name="plate", several=False)
    assert "cup2.png" in answer["error"]
    assert labels(dataset)[:2] == ["cup", "cup"]
    assert "the dataset has 6" in page.edit("label", [9], name="plate", several=False)["error"]


def test_a_long_edit_tells_how_far_it_is_and_can_be_stopped(class_folders):
    dataset = ClassificationDataset.create_from_dir("many", class_folders(cup=450))
    ui = AnnotationUI(dataset)
    page = AnnotationPage(ui)
    buffer = [np.arange(450, dtype="<u4").tobytes()]
    page.tell({"kind": "label", "id": "e", "values": {"name": "x", "several": False}}, buffer)
    told, _ = page.next()
    assert (told["what"], told["done"], told["of"]) == ("progress", 200, 450)
    page.tell({"kind": "stop"})
    assert page.answer()[0]["error"] == "Stopped: nothing was changed."
    assert set(labels(dataset)) == {"cup"}
    ui.close()
    ui.journal.close()


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({"show": "unlabelled"}, [1]),
        ({"show": "labelled"}, [2, 3, 4, 5]),
        ({"show": "excluded"}, [0]),
        ({"show": "edited"}, [0, 1, 2]),
        ({"shown_class": "plate"}, [2, 4, 5]),
        ({"name_part": "CUP"}, [0, 1, 2, 3]),
        ({"show": "edited", "shown_class": "cup", "name_part": "1"}, [0]),
        ({"shown_class": "no such class"}, []),
    ],
)
def test_filters(ui, page, filters, shown):
    page.edit("exclude", [0])
    page.edit("label", [1], name=None, several=False)
    page.edit("label", [2], name="plate", several=False)
    page.edit("label", [3], name="plate", several=False)
    page.edit("undo")
    for trait, value in filters.items():
        setattr(ui, trait, value)
    assert ui.order.tolist() == shown


def test_photos_stay_in_sight_until_the_filter_is_applied_again(ui, page):
    ui.shown_class = "cup"
    page.edit("label", [0], name="plate", several=False)
    assert ui.order.tolist() == [0, 1, 2, 3]
    page.edit("filter")
    assert ui.order.tolist() == [1, 2, 3]


def test_only_the_given_photos_are_shown_in_the_given_order(dataset):
    ui = AnnotationUI(dataset, img_indices=[5, 0, 1])
    page = AnnotationPage(ui)
    assert ui.order.tolist() == [5, 0, 1]
    ui.shown_class = "cup"
    assert ui.order.tolist() == [0, 1]
    content, _ = page.ask(kind="labels")
    assert (content["labelled"], content["of"]) == (3, 3)
    ui.close()
    ui.journal.close()


def test_the_grid_can_be_given_a_size(dataset):
    ui = AnnotationUI(dataset, grid_size=(2, 3))
    assert (ui.columns, ui.height) == (3, 322)
    ui.close()
    ui.journal.close()


def test_the_page_is_told_which_photos_need_no_label_any_more(page):
    page.edit("label", [1, 2], name=None, several=False)
    page.edit("exclude", [2])
    _, (flags,) = page.ask(kind="labels")
    assert np.unpackbits(np.frombuffer(flags, np.uint8), bitorder="little")[:6].tolist() == [
        *(1, 0, 1, 1, 1, 1)
    ]


def test_details_of_a_photo_with_its_history(page):
    page.edit("label", [0], name="plate", several=False)
    page.edit("exclude", [0])
    page.edit("undo")
    content, _ = page.ask(kind="details", rows=[0])
    assert (content["name"], content["size"], content["labels"]) == (
        "cup1.png",
        [32, 24],
        ["plate"],
    )
    assert content["bytes"] > 0
    assert [(e["action"], e["before"], e["after"]) for e in content["history"]] == [
        ("edit", "cup", "plate"),
        ("edit", "part of the dataset", "excluded"),
        ("undo", "excluded", "part of the dataset"),
    ]


def test_details_of_a_photo_that_has_gone_say_so(dataset, page):
    os.unlink(dataset.paths[0])
    content, _ = page.ask(kind="details", rows=[0])
    assert content["problem"] == "the file does not exist"


def test_two_widgets_and_the_code_stay_in_step(dataset, ui):
    other = AnnotationUI(dataset)
    page = AnnotationPage(other)
    assert other.journal is ui.journal

    dataset.change_label_for_image(dataset.images[3], "plate")

    content, _ = page.next()
    assert (content["rows"], content["photos"][0]["badge"]) == ([3], "plate")
    other.close()
    page.inbox.queue.clear()
    dataset.change_label_for_image(dataset.images[3], "cup")
    assert page.inbox.empty()


def test_an_edit_of_another_kernel_arrives(dataset, ui, page):
    again = ClassificationDataset.create_from_dir("photos", dataset.source[1])
    with Journal.open(again) as journal:
        journal.edit([again.images[2]], "plate")
    deadline = time.monotonic() + 20
    while labels(dataset)[2] != "plate":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    content, _ = page.next()
    assert content["rows"] == [2]


def test_the_labels_are_written_after_a_look_at_what_will_happen(dataset, page, tmp_path):
    page.edit("label", [0], name="plate", several=False)
    file = tmp_path / "labels.csv"
    answer = page.edit("commit", target=str(file), dry_run=True)
    assert answer["writes"] and not file.exists()
    assert f"written to {file}" in answer["plan"]
    page.edit("commit", target=str(file), dry_run=False)
    assert "plate" in file.read_text()

    root = dataset.source[1]
    answer = page.edit("commit", target=root, dry_run=True)
    assert (answer["moves"], answer["writes"]) == (1, False)
    page.edit("commit", target=root, dry_run=False)
    assert os.path.exists(f"{root}/plate/cup1.png")
    assert page.edit("commit", target=" ", dry_run=True)["error"].startswith("Say where")


def test_names_that_are_no_text_reach_the_page_and_come_back(tmp_path, class_folders):
    root = class_folders(cup=1, plate=1)
    os.rename(os.fsencode(root) + b"/cup", os.fsencode(root) + b"/c\xfcp")
    dataset = ClassificationDataset.create_from_dir("odd", root)
    ui = AnnotationUI(dataset)
    page = AnnotationPage(ui)
    content, _ = page.ask(kind="labels")
    assert sorted(c["name"] for c in content["classes"]) == [r"c\xfcp", "plate"]
    plate = labels(dataset).index("plate")
    page.edit("label", [plate], name=r"c\xfcp", several=False)
    assert labels(dataset) == [r"c\xfcp"] * 2
    assert page.ask(kind="details", rows=[0])[0]["labels"] == [r"c\xfcp"]
    ui.close()
    ui.journal.close()


@pytest.mark.parametrize("rows", [[-1], [0, 10_000], [0.0], ["0"], [True], [None]])
@pytest.mark.parametrize("action", ["label", "exclude"])
def test_photos_that_are_not_there_are_refused_and_nothing_changes(dataset, ui, action, rows):
    before = labels(dataset)
    values = {"name": "plate", "several": False} if action == "label" else {}
    answer = AnnotationPage(ui).edit(action, rows=rows, **values)
    assert "that are not there" in answer["error"]
    assert labels(dataset) == before
    assert len(ui.journal.excluded) == 0


def test_a_widget_that_no_page_shows_does_nothing_until_one_does(dataset, ui):
    """As when its cell was run again."""
    page = AnnotationPage(ui)
    page.ask(kind="state", view="a")
    page.ask(kind="state", view="b")
    page.tell({"kind": "close", "view": "a"})
    assert ui.shown
    page.tell({"kind": "close", "view": "b"})
    assert not ui.shown
    page.told.clear()
    ui.journal.edit([dataset.images[0]], "plate")
    page.ask(kind="state", view="c")
    told = [content for content, _ in page.told if content.get("what") == "labels"]
    assert len(told) == 1, "only when it is shown again"
    counts = {label["name"]: label["count"] for label in told[0]["classes"]}
    assert counts == dataset.count_labels()


def test_what_is_answered_in_a_thread_has_the_context_of_who_asked(dataset, ui, monkeypatch):
    """Shiny finds by it the page to which a message goes."""
    session = contextvars.ContextVar("session", default="none")
    seen = []
    page = AnnotationPage(ui)
    send = ui.send
    monkeypatch.setattr(ui, "send", lambda *a: (seen.append(session.get()), send(*a)))
    session.set("mine")
    page.edit("label", [0], name="plate", several=False)
    page.ask(kind="photos", rows=[0, 1], size=64)
    assert len(seen) >= 3
    assert set(seen) == {"mine"}


def test_an_order_that_is_set_stays_when_other_photos_are_shown(dataset, ui):
    ui.journal.edit([dataset.images[0], dataset.images[4]], [])
    ui.order = [4, 5, 0, 1]
    ui.show = "unlabelled"
    assert ui.order.tolist() == [4, 0]
    ui.order = [0, 4]
    assert ui.order.tolist() == [0, 4]
    ui.show = "all"
    assert ui.order.tolist() == [0, 4]
    ui.order = None
    assert ui.order is None


def test_wrong_values_are_refused(dataset, ui):
    with pytest.raises(traitlets.TraitError, match="row 9"):
        AnnotationUI(dataset, img_indices=[9])
    with pytest.raises(traitlets.TraitError):
        ui.show = "nonsense"
    with pytest.raises(TypeError, match="AnnotationUI has no 'size'"):
        AnnotationUI(dataset, size=3)


def test_it_has_the_names_of_the_article(ui):
    assert ui.ui is ui
    assert ui_annotation.AnnotationUI is AnnotationUI


def test_rows_are_selected_as_in_the_grid(ui, page):
    ui.selected = [1, 2]
    content, buffers = page.next()
    assert (content["what"], rows(buffers[0])) == ("selected", [1, 2])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files in their place")
def test_that_the_file_of_the_journal_was_deleted_is_told_once(ui, page):
    ui.journal.file.unlink()
    told = [page.next()[0] for _ in range(2)]
    assert "was deleted or moved while it was open" in told[-1]["trouble"]
    ui.journal.edit(ui.dataset.images[:1], "bowl")
    told = [page.next()[0] for _ in range(2)]
    assert told[-1]["trouble"] == ""


def test_edits_of_other_kernels_that_cannot_be_had_are_told(ui, page, monkeypatch):
    def refuse():
        raise StorageError("The journal's disk has gone.")

    monkeypatch.setattr(ui.journal, "refresh", refuse)
    told = [page.next()[0] for _ in range(2)]
    assert told[-1]["trouble"] == "The journal's disk has gone."
    monkeypatch.undo()
    told = [page.next()[0] for _ in range(2)]
    assert told[-1]["trouble"] == ""
