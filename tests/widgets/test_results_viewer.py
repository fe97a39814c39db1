"""ResultsUI: where is the classifier right, and where is it wrong."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import bqplot
import ipywidgets
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.errors import EvaluationError, ImgclsError
from jupyter_imgcls.widgets.base.frame import Frame
from jupyter_imgcls.widgets.base.theme import ErrorMessage
from jupyter_imgcls.widgets.results_viewer import ResultsUI
from jupyter_imgcls.widgets.results_viewer.matches import ORDERS, Results
from jupyter_imgcls.widgets.results_viewer.matrix import short_names
from tests.conftest import save_photo

from .screen import named, one, press, problem, send, text

NAMES = ["bowl", "cup", "plate"]
#             bowl  cup plate
SCORES = [
    [0.90, 0.05, 0.05],  # 0 bowl, correct and sure
    [0.40, 0.35, 0.25],  # 1 bowl, correct and unsure
    [0.70, 0.20, 0.10],  # 2 cup, wrong
    [0.10, 0.60, 0.30],  # 3 cup, correct
    [0.00, 0.95, 0.05],  # 4 plate, wrong and sure
]


@pytest.fixture
def dataset(tmp_path):
    """Two bowls, two cups and a plate."""
    made = ClassificationDataset("photos", NAMES)
    for number, name in enumerate(["bowl", "bowl", "cup", "cup", "plate"]):
        made.add_image(save_photo(tmp_path / f"{number}.png", number), name)
    return made


@pytest.fixture
def ui(dataset):
    """The widget, as the article makes it."""
    predicted = [NAMES[i] for i in np.argmax(SCORES, axis=1)]
    return ResultsUI(dataset, None, np.array(SCORES), predicted)


def click_cell(ui, truth, prediction):
    """What the page sends when a cell of the matrix is clicked."""
    cells = one(ui, bqplot.GridHeatMap)
    send(cells, {"event": "element_click", "data": {"rowNum": truth, "columnNum": prediction}})


# -- which photos, in which order ---------------------------------------------------------------


def test_photos_are_chosen_by_correctness_truth_and_prediction(dataset):
    results = Results(dataset, SCORES)

    assert results.rows("correct").tolist() == [0, 1, 3]
    assert results.rows("wrong").tolist() == [2, 4]
    assert results.rows(truth=1).tolist() == [2, 3]
    assert results.rows(prediction=0).tolist() == [0, 1, 2]
    assert results.rows("wrong", truth=2, prediction=1).tolist() == [4]
    assert results.counts() == (3, 5)
    assert results.confusion_matrix().tolist() == [[2, 0, 0], [1, 1, 0], [0, 1, 0]]


def test_photos_are_ordered_by_score_margin_and_loss(dataset):
    results = Results(dataset, SCORES)

    assert results.rows(order="score").tolist() == [1, 3, 2, 0, 4]
    assert results.rows(order="margin").tolist() == [1, 3, 2, 0, 4]
    assert results.rows(order="loss").tolist() == [4, 2, 1, 3, 0]


def test_photos_without_a_label_or_that_cannot_be_read_are_neither_right_nor_wrong(dataset):
    dataset.change_label_for_image(dataset.images[0], [])
    scores = np.array(SCORES)
    scores[4] = np.nan
    results = Results(dataset, scores)

    assert results.counts() == (2, 3)
    assert results.rows("correct").tolist() == [1, 3]
    assert results.rows("wrong").tolist() == [2]
    assert results.rows(order="loss").tolist() == [2, 1, 3, 0]


@given(
    scores=st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=12),
    order=st.sampled_from(list(ORDERS)),
    data=st.data(),
)
def test_correct_and_wrong_are_all_photos_in_any_order(scores, order, data):
    dataset = ClassificationDataset("photos", NAMES)
    for number in range(len(scores)):
        dataset.add_image(f"/{number}.jpg", data.draw(st.sampled_from(NAMES)))
    results = Results(dataset, scores)
    every = results.rows(order=order).tolist()
    parts = [results.rows(which, order=order).tolist() for which in ("correct", "wrong")]

    assert sorted(every) == list(range(len(scores)))
    assert sorted(parts[0] + parts[1]) == sorted(every)
    assert results.confusion_matrix().sum() == len(scores)


@pytest.mark.parametrize(
    ("scores", "predictions", "message"),
    [
        (SCORES[:4], None, "there are 5 photos and 3 classes"),
        (SCORES, ["cup"], "1 predictions for 5 photos"),
        (SCORES, ["cup", "vase", "cup", "cup", "cup"], "vase was predicted"),
    ],
)
def test_what_does_not_fit_together_is_named(dataset, scores, predictions, message):
    with pytest.raises(EvaluationError, match=message):
        ResultsUI(dataset, None, scores, predictions)


def test_scores_are_needed(dataset):
    with pytest.raises(ImgclsError, match="classifier.score"):
        ResultsUI(dataset)


# -- the widget -----------------------------------------------------------------------------------


def test_it_begins_with_the_first_photo_and_says_how_many_are_correct(ui, dataset):
    assert ui.ui is ui
    assert (ui.row, ui.rows) == (0, (0, 1, 2, 3, 4))
    assert "3 of 5 correct" in text(ui) and "Photo 1 of 5" in text(ui)
    assert dataset.images[0].storage_path in text(ui)
    assert one(ui, ipywidgets.Image).value[:2] == b"\xff\xd8", "a JPEG"


def test_the_filters_are_traits_and_the_photo_follows(ui):
    ui.which = "wrong"
    assert (ui.rows, ui.row) == ((2, 4), 2)
    ui.order = "loss"
    assert (ui.rows, ui.row) == ((4, 2), 2), "the photo that is looked at stays"
    assert "Photo 2 of 2" in text(ui)
    ui.truth = 2
    assert (ui.rows, ui.row) == ((4,), 4)


def test_the_buttons_and_the_slider_go_through_the_photos_that_match(ui):
    ui.which = "correct"
    named(ui, "Next").click()
    assert ui.row == 1
    for _ in range(5):
        named(ui, "Next").click()
    assert ui.row == 3, "it stops at the last"
    one(ui, ipywidgets.IntSlider).value = 1
    assert ui.row == 0


def test_a_click_on_the_matrix_shows_the_photos_in_that_cell(ui):
    ui.which = "correct"
    click_cell(ui, 2, 1)

    assert (ui.which, ui.truth, ui.prediction) == ("all", 2, 1)
    assert ui.rows == (4,)
    named(ui, "Clear the filters").click()
    assert ui.rows == (0, 1, 2, 3, 4)


def test_where_nothing_matches_it_says_what_to_do(ui):
    ui.truth, ui.prediction = 0, 2

    assert (ui.rows, ui.row) == ((), -1)
    assert "No photos match: clear the filters." in text(ui)
    named(ui, "Clear the filters").click()
    assert ui.row == 0
    assert "Photo 1 of 5" in text(ui)


def test_a_label_is_corrected_right_there_and_the_metrics_follow(ui, dataset):
    ui.row = 4
    named(ui, "Label").value = "cup"

    assert [label.name for label in dataset.images[4].labels] == ["cup"]
    assert "4 of 5 correct" in text(ui)
    assert one(ui, bqplot.GridHeatMap).color.tolist()[1] == [1 / 3, 2 / 3, 0]
    assert "correct" in text(ui)


def test_the_bars_show_the_scores_and_whether_the_prediction_is_right(ui):
    right = one(ui, bqplot.Bars).colors[0]
    np.testing.assert_array_equal(one(ui, bqplot.Bars).y, SCORES[0])
    ui.row = 2

    np.testing.assert_array_equal(one(ui, bqplot.Bars).y, SCORES[2])
    assert one(ui, bqplot.Bars).colors[0] != right


def test_a_photo_that_is_gone_is_said_and_its_scores_are_shown(ui, dataset, tmp_path):
    (tmp_path / "1.png").unlink()
    ui.row = 1

    assert "the file does not exist" in text(ui)
    assert one(ui, ipywidgets.Image).layout.display == "none"
    named(ui, "Next").click()
    assert one(ui, ipywidgets.Image).layout.display == ""
    assert "does not exist" not in text(ui)


def test_names_are_text_never_html(tmp_path):
    hostile = "<img src=x onerror=alert(1)>"
    dataset = ClassificationDataset("photos", [hostile, "cup"])
    dataset.add_image(save_photo(tmp_path / "<b onclick=x>.png"), hostile)
    ui = ResultsUI(dataset, None, [[0.2, 0.8]])

    assert "<img src" not in text(ui) and "<b onclick" not in text(ui)
    assert "&lt;img src=x onerror=alert(1)&gt;" in text(ui)
    one(ui, ErrorMessage).say(hostile)
    assert "<img src" not in text(ui)


def test_what_goes_wrong_is_shown_in_the_widget(ui):
    ui._guarded(lambda: 1 / 0)()

    assert "ZeroDivisionError: division by zero" in text(ui)


def test_the_article_finds_it_where_it_was():
    from jupyter_imgcls.ui_utils.ui_results_viewer import ResultsUI as OldName

    assert OldName is ResultsUI


# -- grid and matrix ------------------------------------------------------------------------------


def click_tick(ui, side, text):
    """What the page sends when a class beside or below the matrix is clicked."""
    send(one(ui, Frame), {"kind": "tick", "side": side, "text": text})


def test_the_grid_shows_the_photos_that_match_with_their_predictions(ui):
    ui.which = "wrong"
    ui.order = "loss"

    assert ui.grid.order.tolist() == [4, 2]
    texts = [photo["badge"] for photo in ui.grid._describe([0, 2, 4])]
    assert texts == ["✓ bowl", "✗ bowl", "✗ cup"]
    colours = [photo["color"] for photo in ui.grid._describe([0, 2, 4])]
    assert colours[0] == colours[1] != colours[2], "the colour of the predicted class"


def test_a_photo_chosen_in_the_grid_is_shown_large_and_the_other_way_round(ui):
    ui.grid.active = 3
    assert ui.row == 3
    assert "3.png" in text(ui)
    named(ui, "Previous").click()
    assert (ui.grid.active, ui.grid.selected.tolist()) == (2, [2])


def test_a_second_click_on_the_matrix_clears_the_filter(ui):
    for _ in range(2):
        click_cell(ui, 1, 0)
    assert (ui.truth, ui.prediction, len(ui.rows)) == (-1, -1, 5)


def test_a_click_on_a_class_beside_the_matrix_shows_its_row_or_column(ui):
    ui.which = "wrong"
    click_tick(ui, "row", "cup")
    assert (ui.which, ui.truth, ui.prediction, ui.rows) == ("all", 1, -1, (2, 3))
    click_tick(ui, "column", "cup")
    assert (ui.truth, ui.prediction, ui.rows) == (-1, 1, (3, 4))
    click_tick(ui, "column", "cup")
    assert ui.rows == (0, 1, 2, 3, 4)


def test_long_names_that_begin_and_end_alike_stay_two_in_the_matrix():
    names = ["a" * 40, "a" * 41, "b"]
    assert len(set(short_names(names))) == 3
    assert max(map(len, short_names(names))) < 20


# -- labels ---------------------------------------------------------------------------------------


def labels(dataset):
    return [image.labels[0].name for image in dataset.images]


def saved(dataset):
    """Photo and new labels of each edit in the journal's file."""
    with closing(sqlite3.connect(dataset.journal.file)) as connection:
        rows = connection.execute(
            "SELECT path, after FROM edit JOIN photo ON photo.id = photo ORDER BY edit.id"
        ).fetchall()
    return [(Path(os.fsdecode(path)).name, json.loads(after)) for path, after in rows]


def test_a_key_labels_all_selected_photos_on_disk(ui, dataset):
    ui.grid.selected = [2, 4]
    assert "2 photos are selected" in text(ui)
    assert named(ui, "Label").value is None, "they have no label in common"
    press(ui, "1")

    assert labels(dataset) == ["bowl", "bowl", "bowl", "cup", "bowl"]
    assert saved(dataset) == [("2.png", ["bowl"]), ("4.png", ["bowl"])]
    assert named(ui, "Label").value == "bowl"


def test_undo_and_redo_by_key_and_by_button(ui, dataset):
    ui.row = 4
    assert named(ui, "Undo").disabled and named(ui, "Undo").tooltip == "Nothing was changed yet."
    press(ui, "2")
    assert labels(dataset)[4] == "cup"
    ui.row = 0
    press(ui, "Control+z")
    assert labels(dataset)[4] == "plate"
    assert ui.row == 4, "what was changed is shown"
    assert "Undone: 1 photo." in text(ui)
    named(ui, "Redo").click()
    assert labels(dataset)[4] == "cup"
    named(ui, "Undo").click()
    press(ui, "Control+Shift+z")
    assert saved(dataset)[-1] == ("4.png", ["cup"])
    press(ui, "Control+Shift+z")
    assert "Nothing to redo." in text(ui)


def test_labels_are_there_the_next_time(ui, dataset, tmp_path):
    ui.row = 4
    press(ui, "2")
    again = ClassificationDataset("photos", NAMES)
    for number, name in enumerate(["bowl", "bowl", "cup", "cup", "plate"]):
        again.add_image(tmp_path / f"{number}.png", name)

    other = ResultsUI(again, None, SCORES)

    assert labels(again)[4] == "cup"
    assert "4 of 5 correct" in text(other)


def test_two_widgets_on_one_dataset_stay_in_step(ui, dataset):
    other = ResultsUI(dataset, None, SCORES)
    other.row = 4
    ui.row = 4
    press(ui, "2")
    assert "4 of 5 correct" in text(other)
    assert named(other, "Label").value == "cup"
    other.close()
    press(ui, "3")
    assert "4 of 5 correct" in text(other), "closed, it follows no more"


def test_a_label_of_the_test_set_is_one_of_the_whole_dataset(dataset):
    whole, part = dataset, dataset.take([2, 4])
    journal = Journal.open(whole)
    ui = ResultsUI(part, None, [SCORES[2], SCORES[4]])
    press(ui, "1")
    journal.refresh()
    assert labels(whole)[2] == "bowl"
    journal.edit([whole.images[4]], "cup")
    ui.journal.refresh()  # what its watch does every second
    assert "1 of 2 correct" not in text(ui)
    assert "2 of 2 correct" in text(ui)


def test_photos_that_are_excluded_do_not_count(ui, dataset):
    dataset.journal.exclude([dataset.images[2]])
    assert "3 of 4 correct" in text(ui)
    assert ui.results.confusion_matrix().sum() == 4

    ui.which = "wrong"
    assert ui.rows == (4,)
    dataset.journal.undo()
    assert "3 of 5 correct" in text(ui)


def test_a_new_class_gets_a_key_and_a_place_in_the_list(ui, dataset):
    dataset.journal.add_class("vase")
    assert [name for _, name in named(ui, "Label").options] == [*NAMES, "vase"]
    assert labels(dataset) == ["bowl", "bowl", "cup", "cup", "plate"]
    press(ui, "4")
    assert labels(dataset)[0] == "vase"
    assert one(ui, Frame).key_list[1][0] == "1 2 3 4"


def test_a_class_that_was_renamed_meanwhile_is_said(ui, dataset):
    dataset.journal.rename_class("cup", "mug")
    assert "cup: renamed or merged" in text(ui)
    dataset.journal.undo()
    assert problem(ui) == ""


def test_a_label_that_cannot_be_written_is_not_shown_as_if_it_were(ui, dataset, tmp_path):
    (tmp_path / "1.png").unlink()
    ui.row = 1
    named(ui, "Label").value = "cup"

    assert "Cannot read the photo" in text(ui)
    assert labels(dataset)[1] == named(ui, "Label").value == "bowl"


def test_edits_from_a_thread_and_keys_at_once_do_not_wait_for_each_other(ui, dataset):
    images = dataset.images

    def edit(row):
        for name in NAMES * 5:
            dataset.change_label_for_image(images[row], name)

    threads = [threading.Thread(target=edit, args=(row,), daemon=True) for row in (0, 1)]
    for thread in threads:
        thread.start()
    for number in range(15):
        ui.row = 2
        press(ui, str(number % 3 + 1))
        ui.which = ("all", "wrong", "all")[number % 3]
    for thread in threads:
        thread.join(30)

    assert not any(thread.is_alive() for thread in threads)
    assert labels(dataset)[:2] == ["plate", "plate"]
    assert problem(ui) == ""
    assert len(saved(dataset)) >= 29


def test_a_saved_notebook_has_a_still_picture(ui, tmp_path):
    bundle = ui._repr_mimebundle_()
    picture = Image.open(io.BytesIO(bundle["image/png"]))
    assert picture.width == 700
    assert len(bundle["image/png"]) < 300_000
    (tmp_path / "0.png").unlink()
    ui._repr_mimebundle_()  # a photo that is gone is no reason to fail


def test_a_drag_in_the_page_sets_the_height(ui):
    one(ui, Frame).height = 500
    assert ui.height == 500
