"""What the plots show, read back from matplotlib's own objects and from the drawn picture."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jupyter_imgcls.evaluation import (
    ClassificationEvaluation,
    basic_plot,
    graph_confusion_matrix,
    graph_pr_curve,
    graph_reliability,
    graph_roc_curve,
    plot_curves,
    plot_style,
)
from jupyter_imgcls.style import ACCENT
from jupyter_imgcls.text import shown_name

GRAPHS = [graph_roc_curve, graph_pr_curve, graph_confusion_matrix, graph_reliability]


def evaluation(classes=4, photos=60, names=None, seed=0):
    rng = np.random.default_rng(seed)
    true = np.arange(photos) % classes
    scores = rng.dirichlet(np.ones(classes), photos) + np.eye(classes)[true] * 0.3
    scores /= scores.sum(axis=1, keepdims=True)
    names = names or [f"class {i}" for i in range(classes)]
    return ClassificationEvaluation.from_scores(scores, true, names)


def new_axes(width=6.0, height=4.0):
    return Figure(figsize=(width, height)).subplots()


def draw(ax):
    FigureCanvasAgg(ax.figure).draw()


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("classes", [2, 10, 11, 100])
def test_every_graph_draws_2_to_100_classes_and_returns_its_axes(graph, classes):
    ax = new_axes()
    settings = {**mpl.rcParams}
    assert graph(evaluation(classes, 200), ax) is ax
    draw(ax)
    assert mpl.rcParams == settings


@pytest.mark.parametrize("graph", GRAPHS)
def test_without_axes_the_current_ones_are_used(graph):
    with mpl.rc_context():
        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, (_, second) = plt.subplots(1, 2)
        assert graph(evaluation()) is second
        plt.close(figure)


@pytest.mark.parametrize("graph", GRAPHS)
def test_class_names_are_shown_as_they_are_written(graph):
    names = ["under $5 and $6$", "<b>_{x}^", "_hidden", "two\nlines\x1b"]
    ax = new_axes()
    graph(evaluation(names=names), ax)
    draw(ax)  # a half-written formula would raise here
    texts = [text for text in ax.findobj(mpl.text.Text) if "under $5" in text.get_text()]
    assert all(not text.get_parse_math() for text in texts)
    if graph is not graph_reliability:
        shown = " ".join(text.get_text() for text in ax.findobj(mpl.text.Text))
        for name in [
            "under $5 and $6$",
            "<b>_{x}^",
            "_hidden",
            "two lines\N{REPLACEMENT CHARACTER}",
        ]:
            assert name in shown


def test_long_names_lose_their_middle():
    assert shown_name("a rather long class name 26", 16) == "a rather…name 26"
    assert shown_name("exactly sixteen!", 16) == "exactly sixteen!"
    assert shown_name("\udcff\u202eright") == "\N{REPLACEMENT CHARACTER}" * 2 + "right"


def test_the_roc_curves_legend_gives_the_areas():
    ce, ax = evaluation(3), new_axes()
    graph_roc_curve(ce, ax)
    areas = [ce.compute_auc("micro"), ce.compute_auc("macro"), *ce.compute_auc(None)]
    names = ["micro average", "macro average", "class 0", "class 1", "class 2"]
    expected = [f"{area:.3f}  {name}" for area, name in zip(areas, names, strict=True)]
    assert legend_of(ax) == expected


def test_the_pr_curves_legend_gives_the_average_precisions():
    ce, ax = evaluation(2), new_axes()
    graph_pr_curve(ce, ax)
    assert legend_of(ax)[:2] == [
        f"{ce.compute_average_precision('micro'):.3f}  micro average",
        f"{ce.compute_average_precision('macro'):.3f}  macro average",
    ]


@pytest.mark.parametrize("graph", [graph_roc_curve, graph_pr_curve])
def test_the_area_under_the_drawn_macro_curve_is_the_mean_of_the_classes(graph):
    ce, ax = evaluation(4, 300), new_axes()
    graph(ce, ax)
    [macro] = [line for line in ax.lines if len(line.get_xdata()) == 501]
    x, y = macro.get_data()
    drawn = ((y[1:] + y[:-1]) / 2 * np.diff(x)).sum()
    mean = ce.compute_auc() if graph is graph_roc_curve else ce.compute_average_precision()
    assert drawn == pytest.approx(mean, abs=0.01)


@pytest.mark.parametrize("graph", [graph_roc_curve, graph_pr_curve])
def test_of_many_classes_only_the_worst_five_are_named(graph):
    ce, ax = evaluation(30, 600), new_axes()
    graph(ce, ax)
    assert len(legend_of(ax)) == 2 + 5
    areas = ce.compute_auc(None) if graph is graph_roc_curve else ce.compute_average_precision(None)
    assert [float(text[:5]) for text in legend_of(ax)[2:]] == pytest.approx(
        np.sort(areas)[:5], abs=0.0006
    )
    assert "lowest 5 of 30 classes" in ax.get_legend().get_title().get_text()


def test_classes_without_test_photos_have_no_curve():
    scores = np.full((4, 3), 1 / 3)
    ce = ClassificationEvaluation.from_scores(scores, [0, 0, 1, 1], ["bowl", "cup", "plate"])
    for graph in (graph_roc_curve, graph_pr_curve):
        ax = new_axes()
        graph(ce, ax)
        assert [text.split("  ")[1] for text in legend_of(ax)[2:]] == ["bowl", "cup"]


def test_a_test_set_of_one_class_has_a_micro_curve_only():
    ce = ClassificationEvaluation.from_scores([[0.8, 0.2], [0.4, 0.6]], [0, 0], ["bowl", "cup"])
    ax = new_axes()
    graph_roc_curve(ce, ax)
    assert [text.split("  ")[1] for text in legend_of(ax)] == ["micro average"]


def test_a_class_has_the_same_colour_in_both_kinds_of_curves():
    colours = []
    for graph in (graph_roc_curve, graph_pr_curve):
        ax = new_axes()
        graph(evaluation(10, 200), ax)
        handles = ax.get_legend().get_lines()[2:]
        colours.append([(line.get_color(), line.is_dashed()) for line in handles])
    assert colours[0] == colours[1]
    assert len(set(colours[0])) == 10


def test_a_curve_of_a_million_points_is_drawn_with_hundreds():
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.random((2, 100_000)), axis=1)
    thin_x, thin_y = plot_curves.thinned(x, y)
    assert len(thin_x) <= 602
    assert (thin_x[0], thin_x[-1]) == (x[0], x[-1])
    assert np.abs(np.interp(x, thin_x, thin_y) - y).max() < 0.01


def test_the_cells_hold_counts_and_shares():
    ce = ClassificationEvaluation.from_scores(
        [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]], [0, 0, 1, 1, 1], ["bowl", "cup"]
    )
    ax = new_axes()
    graph_confusion_matrix(ce, ax)
    texts = [(*text.get_position(), text.get_text()) for text in ax.texts]
    assert (0, 0, "2") in texts
    assert (0, 1, "1") in texts
    assert [text for *_, text in texts if "%" in text] == ["100%", "33%", "67%"]


def test_the_texts_of_cells_stand_out_from_their_shade():
    ax = new_axes()
    graph_confusion_matrix(evaluation(2, 200), ax)
    accent = np.array(mpl.colors.to_rgb(ACCENT))
    shares = ax.images[0].get_array()
    for text in ax.texts:
        column, row = text.get_position()
        share = shares[round(row), round(column)]
        shade = share * accent + (1 - share)
        if text.get_alpha() == 1:
            assert plot_style.contrast(mpl.colors.to_rgb(text.get_color()), shade) >= 4


def test_contrast_is_that_of_wcag():
    assert plot_style.contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21)
    assert plot_style.contrast((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)) == pytest.approx(1)


def test_a_matrix_of_very_many_classes_is_shades_and_some_names():
    ax = new_axes()
    graph_confusion_matrix(evaluation(200, 1000), ax)
    assert not ax.texts
    assert 10 < len(ax.get_xticks()) < 200
    assert "shade: share of the row" in ax.get_title()


def test_long_class_names_are_turned_and_short_ones_are_not():
    turned, straight = new_axes(), new_axes()
    graph_confusion_matrix(evaluation(names=["a class with a long name", *"xyz"]), turned)
    graph_confusion_matrix(evaluation(names=list("wxyz")), straight)
    assert turned.get_xticklabels()[0].get_rotation() == 45
    assert straight.get_xticklabels()[0].get_rotation() == 0


def test_the_reliability_bars_count_every_photo():
    ax = new_axes()
    graph_reliability(evaluation(3, 90), ax)
    assert sum(int(text.get_text()) for text in ax.texts) == 90


def test_basic_plot_draws_one_line_with_its_texts():
    ax = basic_plot([1, 2, 3], [0.5, 0.7, 0.8], "Epoch", "Accuracy", "Training", new_axes())
    assert ax.lines[0].get_ydata().tolist() == [0.5, 0.7, 0.8]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("Epoch", "Accuracy", "Training")
