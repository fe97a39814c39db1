"""ResultsUI: where is the classifier right, and where is it wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.errors import EvaluationError, ImgclsError
from jupyter_imgcls.widgets.results import ORDERS, Results
from jupyter_imgcls.widgets.results_viewer import ResultsUI
from tests.conftest import save_photo

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


def shown(ui):
    """All text that the widget shows as HTML."""
    return "".join(part.value for part in (ui._summary, ui._count, ui._details, ui._message))


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
    assert "3 of 5 correct" in shown(ui) and "Photo 1 of 5" in shown(ui)
    assert dataset.images[0].storage_path in shown(ui)
    assert ui._photo.value[:2] == b"\xff\xd8", "a JPEG"


def test_the_filters_are_traits_and_the_photo_follows(ui):
    ui.which = "wrong"
    assert (ui.rows, ui.row) == ((2, 4), 2)
    ui.order = "loss"
    assert (ui.rows, ui.row) == ((4, 2), 2), "the photo that is looked at stays"
    assert "Photo 2 of 2" in shown(ui)
    ui.truth = 2
    assert (ui.rows, ui.row) == ((4,), 4)


def test_the_buttons_and_the_slider_go_through_the_photos_that_match(ui):
    ui.which = "correct"
    ui._step(1)
    assert ui.row == 1
    ui._step(5)
    assert ui.row == 3, "it stops at the last"
    ui._position.value = 1
    assert ui.row == 0


def test_a_click_on_the_matrix_shows_the_photos_in_that_cell(ui):
    ui.which = "correct"
    # What the browser sends.
    message = {"event": "element_click", "data": {"rowNum": 2, "columnNum": 1}}
    ui._matrix._handle_custom_msgs(None, message)

    assert (ui.which, ui.truth, ui.prediction) == ("all", 2, 1)
    assert ui.rows == (4,)
    ui._clear()
    assert ui.rows == (0, 1, 2, 3, 4)


def test_where_nothing_matches_it_says_what_to_do(ui):
    ui.truth, ui.prediction = 0, 2

    assert (ui.rows, ui.row) == ((), -1)
    assert "No photos match: clear the filters." in shown(ui)
    ui._clear()
    assert ui.row == 0
    assert ui._one.layout.display == ""


def test_a_label_is_corrected_right_there_and_the_metrics_follow(ui, dataset):
    ui.row = 4
    ui._label.value = "cup"

    assert [label.name for label in dataset.images[4].labels] == ["cup"]
    assert "4 of 5 correct" in shown(ui)
    assert ui._matrix.color.tolist()[1] == [1 / 3, 2 / 3, 0]
    assert "correct" in ui._details.value


def test_the_bars_show_the_scores_and_whether_the_prediction_is_right(ui):
    right = ui._bars.colors[0]
    np.testing.assert_array_equal(ui._bars.y, SCORES[0])
    ui.row = 2

    np.testing.assert_array_equal(ui._bars.y, SCORES[2])
    assert ui._bars.colors[0] != right


def test_a_photo_that_is_gone_is_said_and_its_scores_are_shown(ui, dataset, tmp_path):
    (tmp_path / "1.png").unlink()
    ui.row = 1

    assert "the file does not exist" in shown(ui)
    assert ui._photo.layout.display == "none"
    ui._step(1)
    assert ui._photo.layout.display == ""
    assert "does not exist" not in shown(ui)


def test_names_are_text_never_html(tmp_path):
    hostile = "<img src=x onerror=alert(1)>"
    dataset = ClassificationDataset("photos", [hostile, "cup"])
    dataset.add_image(save_photo(tmp_path / "<b onclick=x>.png"), hostile)
    ui = ResultsUI(dataset, None, [[0.2, 0.8]])

    assert "<img src" not in shown(ui) and "<b onclick" not in shown(ui)
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown(ui)
    ui._say(hostile)
    assert "<img src" not in shown(ui)


def test_what_goes_wrong_is_shown_in_the_widget(ui):
    ui._guarded(lambda: 1 / 0)()

    assert "ZeroDivisionError: division by zero" in shown(ui)


def test_the_article_finds_it_where_it_was():
    from jupyter_imgcls.ui_utils.ui_results_viewer import ResultsUI as OldName

    assert OldName is ResultsUI
