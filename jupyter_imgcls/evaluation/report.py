"""An evaluation as one HTML file: no script, no other file, no network, light and dark."""

from __future__ import annotations

import base64
import io
import re
import uuid
import warnings
from collections.abc import Callable
from datetime import datetime, timezone
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from ..data.decoding.decode import decode_rgb
from ..errors import StorageError, UnreadableImageError
from ..text import shown_name
from . import plots

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup
    from matplotlib.axes import Axes

    from .evaluated import Evaluated

__all__ = ["render_report", "write_report"]

_UNDEFINED = "\N{EN DASH}"
_MISTAKES = 24
_CONFUSIONS = 10
_FEW_PHOTOS = 200
_THUMBNAIL = (320, 240)
# The light theme's colours; in the page they become CSS variables, which follow the theme.
_THEME = {"#1b2127": "var(--ink)", "#fdfdfc": "var(--card)", "#c9ced3": "var(--line)"}
_INK, _CARD, _LINE = _THEME


def write_report(ce: Evaluated, path: Path) -> Path:
    """Write `render_report` to a file, whole or not at all.

    Raises
    ------
    StorageError
        If the file cannot be written; the message names it.
    """
    page = render_report(ce).encode()
    beside = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(page)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"Cannot write the report {path}: {error.strerror or error}. Choose another file."
        ) from error
    return path


def render_report(ce: Evaluated) -> str:
    """The report as HTML; everything that comes from files and class names is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = _percent
    environment.filters["number"] = _number
    report = ce.compute_report()
    photos = int(ce.evaluated.sum())
    template = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        name=shown_name(ce.name, 80),
        made=datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        version=_version(),
        photos=photos,
        classes=len(ce.labels),
        unreadable=ce.unreadable,
        unlabelled=ce.unlabelled,
        few_photos=photos < _FEW_PHOTOS,
        untested=[shown_name(label.name) for label in ce.untested_labels],
        **_headline(ce, report),
        table=_table(report),
        confusions=_confusions(ce),
        mistakes=_mistakes(ce),
        confusion_matrix=_svg(ce, plots.graph_confusion_matrix, *_matrix_size(len(ce.labels))),
        roc=_svg(ce, plots.graph_roc_curve, 5.4, 4.4),
        pr=_svg(ce, plots.graph_pr_curve, 5.4, 4.4),
        reliability=_svg(ce, plots.graph_reliability, 5.4, 4.0),
    )


def _version() -> str:
    try:
        return metadata.version("jupyter_imgcls")
    except metadata.PackageNotFoundError:  # run from a source folder
        return ""


def _percent(share: float) -> str:
    return _UNDEFINED if np.isnan(share) else f"{share:.1%}"


def _number(value: float) -> str:
    return _UNDEFINED if np.isnan(value) else f"{value:.3f}"


def _headline(ce: Evaluated, report: pd.DataFrame) -> dict[str, Any]:
    photos = int(ce.evaluated.sum())
    correct = int((ce.true_labels == ce.pred_labels)[ce.evaluated].sum())
    # Resampling says nothing where there is no mistake to draw; Wilson's interval does.
    share_interval = stats.binomtest(correct, photos).proportion_ci(0.95, method="wilson")
    return {
        "correct": correct,
        "accuracy": float(report["recall"].mean()),
        "accuracy_interval": ce.compute_confidence_interval("accuracy"),
        "share": correct / photos,
        "share_interval": (share_interval.low, share_interval.high),
        "auc": float(report["auc"].mean()),
        "average_precision": float(report["average_precision"].mean()),
        "log_loss": ce.compute_log_loss(),
        "guessing_loss": float(np.log(len(ce.labels))),
        "calibration_error": ce.compute_calibration_error(),
    }


def _table(report: pd.DataFrame) -> list[dict[str, Any]]:
    rows = report.reset_index().to_dict("records")
    return [{**row, "label": shown_name(row["label"], 40)} for row in rows]


def _confusions(ce: Evaluated) -> list[dict[str, Any]]:
    """The cells beside the diagonal with the most photos."""
    matrix = ce.compute_confusion_matrix()
    support = matrix.sum(axis=1)
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:_CONFUSIONS]
    cells = [divmod(int(cell), len(matrix)) for cell in order]
    return [
        {
            "true": shown_name(ce.labels[row].name, 40),
            "predicted": shown_name(ce.labels[column].name, 40),
            "count": int(matrix[row, column]),
            "share": matrix[row, column] / support[row],
        }
        for row, column in cells
        if matrix[row, column]
    ]


def _mistakes(ce: Evaluated) -> list[dict[str, Any]]:
    return [
        {
            "file": shown_name("/".join(Path(mistake.path).parts[-2:]), 60),
            "picture": _thumbnail(mistake.path),
            "true": shown_name(mistake.true),
            "predicted": shown_name(mistake.predicted),
            "score": float(mistake.score),
            "true_score": float(ce.scores[mistake.Index, ce.true_labels[mistake.Index]]),
        }
        for mistake in ce.find_mistakes(_MISTAKES).itertuples()
    ]


def _thumbnail(path: str) -> str | None:
    """A small JPEG as a ``data:`` URL, about 10 kB; None if there is no such photo any more."""
    from PIL import Image

    if not path:
        return None
    width, height = _THUMBNAIL
    try:
        picture = Image.fromarray(decode_rgb(path, min_size=(height, width)))
    except UnreadableImageError:
        return None
    picture.thumbnail(_THUMBNAIL)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _matrix_size(classes: int) -> tuple[float, float]:
    side = min(4.2 + 0.25 * max(classes - 4, 0), 9)
    return side + 0.8, side


def _svg(
    ce: Evaluated,
    graph: Callable[[Evaluated, Axes], Axes],
    width: float,
    height: float,
) -> Markup:
    """A plot as inline SVG whose text is text and whose colours follow the page's theme."""
    from markupsafe import Markup
    from matplotlib import style
    from matplotlib.figure import Figure

    colours = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), _INK)
    colours |= {"axes.facecolor": _CARD, "axes.edgecolor": _LINE, "grid.color": _LINE}
    text = {"svg.fonttype": "none", "svg.hashsalt": graph.__name__, "font.size": 10}
    file = io.StringIO()
    with style.context(["default", {**colours, **text}]), warnings.catch_warnings():
        # The reader's browser has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        graph(ce, figure.subplots())
        figure.savefig(file, format="svg", transparent=True)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # the same in every figure, and an id is unique
    svg = svg.replace("<svg ", '<svg aria-hidden="true" ', 1)
    for colour, variable in _THEME.items():
        svg = svg.replace(colour, variable)
    return Markup(svg)  # noqa: S704 - matplotlib has escaped the class names in it
