"""PrecisionRecallUI: what a program reads and sets, and what a click, a key and a class change."""

from __future__ import annotations

import io
from pathlib import Path

import bqplot
import ipywidgets
import numpy as np
import pytest
import traitlets
from PIL import Image

from jupyter_imgcls import ClassificationDataset, ClassificationEvaluation
from jupyter_imgcls.errors import EvaluationError
from jupyter_imgcls.ui_utils.ui_precision_recall import PrecisionRecallUI as ArticlesName
from jupyter_imgcls.widgets.base.frame import Frame
from jupyter_imgcls.widgets.precision_recall import PrecisionRecallUI
from jupyter_imgcls.widgets.precision_recall.operating_points import OperatingPoints
from jupyter_imgcls.widgets.precision_recall.wrong_side import WrongSideView, find_wrong_side

from .screen import every, one, press, problem, send, text

EVIL = "<img src=x onerror=alert(1)>"
CURVE = ([1.0, 0.8, 0.5], [0.4, 0.8, 1.0], [0.9, 0.6, 0.2])


@pytest.fixture
def dataset(tmp_path: Path) -> ClassificationDataset:
    """Four photos, the last of which is broken."""
    dataset = ClassificationDataset("test", ["cup", EVIL])
    for number, label in enumerate(["cup", "cup", EVIL, EVIL]):
        file = tmp_path / f"{number}.jpg"
        Image.new("RGB", (400, 300), (60 * number, 90, 30)).save(file)
        dataset.add_image(file, label)
    (tmp_path / "3.jpg").write_bytes(b"not a photo")
    return dataset


@pytest.fixture
def evaluation(dataset: ClassificationDataset) -> ClassificationEvaluation:
    # Photo 1, a cup, is taken for the other class; photo 3, of that class, for a cup.
    scores = [[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]]
    return ClassificationEvaluation.from_scores(
        scores, [0, 0, 1, 1], ["cup", EVIL], paths=list(dataset.paths)
    )


def all_html(widget) -> str:
    """The text of all HTML widgets under a widget."""
    own = widget.value if type(widget).__name__ == "HTML" else ""
    return own + "".join(all_html(child) for child in getattr(widget, "children", ()))


def test_begins_at_the_highest_f1():
    ui = PrecisionRecallUI(*CURVE)
    assert (ui.threshold, ui.precision, ui.recall) == (0.6, 0.8, 0.8)
    assert ui.f1 == pytest.approx(0.8)


def dot(ui: PrecisionRecallUI) -> bqplot.Scatter:
    """The point on the curve that is chosen."""
    return one(ui, bqplot.Scatter)


def wrong_side(ui: PrecisionRecallUI) -> list[ipywidgets.HBox]:
    """The boxes of photos that the threshold gets wrong: false alarms, and those missed."""
    return every(one(ui, WrongSideView), ipywidgets.HBox)


def test_takes_the_curve_as_the_article_gives_it(evaluation: ClassificationEvaluation):
    precisions, recalls, thresholds = evaluation.compute_precision_recall_curve()
    longer = [*thresholds, thresholds[-1]]
    article = ArticlesName(100 * precisions[::-1], 100 * recalls[::-1], longer[::-1])
    direct = PrecisionRecallUI(precisions, recalls, thresholds)
    assert article.ui is article
    for ui in (article, direct):
        slider = one(ui, ipywidgets.IntSlider)
        assert slider.max - slider.min + 1 == len(thresholds), "the end of the curve is no point"
    assert article.threshold == direct.threshold
    assert article.precision == pytest.approx(direct.precision)


def test_a_threshold_becomes_the_measured_one_that_decides_the_same():
    ui = PrecisionRecallUI(*CURVE)
    seen = []
    ui.observe(lambda change: seen.append(change["new"]), "threshold")
    for asked, got in [(0.7, 0.9), (0.6, 0.6), (0.15, 0.2), (5, 0.9), (0.21, 0.6)]:
        ui.threshold = asked
        assert ui.threshold == got
    assert seen == [0.9, 0.6, 0.2, 0.9, 0.6]
    with pytest.raises(traitlets.TraitError, match="number"):
        ui.threshold = float("nan")


def test_slider_and_buttons_step_along_the_points():
    ui = PrecisionRecallUI(*CURVE)
    one(ui, ipywidgets.IntSlider).value = 0
    assert ui.threshold == 0.9
    surer, _, more, best, _ = ui.children[1].children[1].children[-1].children
    for _ in range(5):  # to the end and no further
        more.click()
    assert ui.threshold == 0.2
    assert one(ui, ipywidgets.IntSlider).value == 2
    surer.click()
    best.click()
    assert ui.threshold == 0.6


def test_keys_step_along_the_points_and_to_the_best():
    ui = PrecisionRecallUI(*CURVE)
    for key, threshold in [("End", 0.2), ("ArrowLeft", 0.6), ("Home", 0.9), ("ArrowRight", 0.6)]:
        press(ui, key)
        assert ui.threshold == threshold
    ui.threshold = 0.9
    press(ui, "b")
    assert ui.threshold == 0.6


def test_the_height_of_the_chart_is_a_trait_that_the_page_sets():
    ui = PrecisionRecallUI(*CURVE)
    one(ui, Frame).height = 444  # what a drag in the page does
    assert ui.height == 444
    ui.height = 200
    assert one(ui, Frame).height == 200


def test_a_click_on_the_chart_takes_the_nearest_point():
    ui = PrecisionRecallUI(*CURVE)
    # What the page does: it adds a point where the click was.
    with dot(ui).hold_trait_notifications():
        dot(ui).x, dot(ui).y = np.array([80.0, 98.0]), np.array([80.0, 47.0])
    assert ui.threshold == 0.2
    np.testing.assert_allclose([*dot(ui).x, *dot(ui).y], [100, 50])
    with dot(ui).hold_trait_notifications():
        dot(ui).x, dot(ui).y = np.array([100.0, 100.0]), np.array([50.0, 50.0])
    assert len(dot(ui).x) == 1, "a click on the dot itself adds none"


def test_a_dragged_dot_shows_the_nearest_point_and_snaps_to_it():
    ui = PrecisionRecallUI(*CURVE)
    send(dot(ui), {"event": "drag", "point": {"x": 99, "y": 53}})
    assert ui.threshold == 0.2, "on the way"
    send(dot(ui), {"event": "drag_end", "point": {"x": 30, "y": 99}})
    assert ui.threshold == 0.9
    # The page tells where it left the dot after a key was pressed.
    press(ui, "ArrowRight")
    with dot(ui).hold_trait_notifications():
        dot(ui).x, dot(ui).y = np.array([30.0]), np.array([99.0])
    assert ui.threshold == 0.6
    press(ui, "ArrowLeft")
    np.testing.assert_allclose([*dot(ui).x, *dot(ui).y], [40, 100])


def test_photos_on_the_wrong_side(evaluation: ClassificationEvaluation):
    wrong = find_wrong_side(evaluation, 0.5, column=0)
    assert wrong.false_alarms.tolist() == [[3, 0]]
    assert wrong.missed.tolist() == [[1, 0]]
    everything = find_wrong_side(evaluation, 0.5, column=None)
    assert everything.false_alarms.tolist() == [[1, 1], [3, 0]], "the highest score first"
    assert everything.missed.tolist() == [[1, 0], [3, 1]], "the lowest score first"


def test_unlabelled_photos_are_on_no_side():
    scores = [[0.9, 0.1], [0.4, 0.6], [0.9, 0.1]]
    evaluation = ClassificationEvaluation.from_scores(scores, [0, 1, -1], ["cup", "plate"])
    assert not any(len(cells) for cells in find_wrong_side(evaluation, 0.5, None))


def test_shows_small_pictures_of_photos_on_the_wrong_side(evaluation, dataset):
    ui = PrecisionRecallUI(evaluation=evaluation, dataset=dataset)
    ui.class_name = "cup"
    ui.threshold = 0.6
    alarms, missed = (box.children for box in wrong_side(ui))
    assert [len(alarms), len(missed)] == [1, 1]
    picture = Image.open(io.BytesIO(one(missed[0], ipywidgets.Image).value))
    assert (picture.format, max(picture.size)) == ("JPEG", 160)
    assert not every(alarms[0], ipywidgets.Image), "a broken photo has no picture"
    assert "0.60" in text(alarms[0])
    ui.threshold = 0.3
    assert "Missed: 0" in all_html(ui)


def test_at_most_twelve_pictures(tmp_path: Path):
    file = tmp_path / "one.jpg"
    Image.new("RGB", (40, 30)).save(file)
    dataset = ClassificationDataset("many", ["cup", "plate"])
    for number in range(40):
        copy = tmp_path / f"{number}.jpg"
        copy.write_bytes(file.read_bytes())
        dataset.add_image(copy, "cup" if number % 2 else "plate")
    truth = np.arange(40) % 2 == 0
    wrong = np.where(truth[:, None], [0.8, 0.2], [0.2, 0.8])  # all of them
    evaluation = ClassificationEvaluation.from_scores(
        wrong, truth.astype(int), ["cup", "plate"], paths=list(dataset.paths)
    )
    ui = PrecisionRecallUI(evaluation=evaluation, dataset=dataset)
    ui.threshold = 0.8
    assert sum(len(box.children) for box in wrong_side(ui)) == 12
    assert "Missed: 40" in all_html(ui)


def test_names_of_classes_are_text_and_never_html(evaluation, dataset):
    ui = PrecisionRecallUI(evaluation=evaluation, dataset=dataset)
    for name in ("", EVIL, "cup"):
        ui.class_name = name
        assert "<img" not in all_html(ui)
    ui.class_name = EVIL
    assert "&lt;img src=x onerror=alert(1)&gt;" in all_html(ui)


def test_chooses_the_class_from_the_list(evaluation: ClassificationEvaluation):
    ui = PrecisionRecallUI(evaluation=evaluation)
    one(ui, ipywidgets.Dropdown).value = "cup"
    assert ui.class_name == "cup"
    assert ui.threshold in evaluation.compute_precision_recall_curve("cup")[2]
    with pytest.raises(traitlets.TraitError, match="no curve"):
        ui.class_name = "spoon"


def test_an_error_in_a_handler_is_shown_in_the_widget():
    ui = PrecisionRecallUI(*CURVE)
    send(dot(ui), {"event": "drag", "point": {}})
    assert "KeyError" in problem(ui)
    ui.threshold = 0.9
    assert problem(ui) == ""


def test_a_saved_notebook_has_a_still_picture():
    bundle = PrecisionRecallUI(*CURVE)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert Image.open(io.BytesIO(bundle["image/png"])).format == "PNG"
    assert len(bundle["image/png"]) < 300_000


@pytest.mark.parametrize(
    ("curve", "words"),
    [
        (([1, 0.5], [0.5], [0.1, 0.2]), "as many of each"),
        (([1, 0.5], [0.5, 1], [0.1]), "one threshold less"),
        (([1, 101], [0.5, 1], [0.1, 0.2]), "from 0 to 100"),
        (([1, -0.1], [0.5, 1], [0.1, 0.2]), "from 0 to 1"),
        (([1, "high"], [0.5, 1], [0.1, 0.2]), "precisions must be a list of numbers"),
        (([1, 0.5], [0.5, 1], [0.1, np.nan]), "thresholds must be a list of numbers"),
        (([], [], []), "no measured point"),
        (([1.0], [0.0], [0.3]), "no measured point"),
    ],
)
def test_says_what_is_wrong_with_a_curve(curve, words):
    with pytest.raises(EvaluationError, match=words):
        OperatingPoints.create(*curve)


def test_says_what_is_missing_or_too_much(evaluation, dataset):
    with pytest.raises(EvaluationError, match="or an evaluation"):
        PrecisionRecallUI()
    with pytest.raises(EvaluationError, match="not both"):
        PrecisionRecallUI(*CURVE, evaluation=evaluation)
    with pytest.raises(EvaluationError, match="with an evaluation"):
        PrecisionRecallUI(*CURVE, dataset=dataset)
    with pytest.raises(EvaluationError, match="not the test set"):
        PrecisionRecallUI(evaluation=evaluation, dataset=dataset.take([0, 1]))
