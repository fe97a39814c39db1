"""Output of the commands: results as text or JSON, messages, errors, exit codes."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import typer
from tqdm.contrib.logging import logging_redirect_tqdm

from ..context import Context
from ..errors import ImgclsError
from ..text import as_text

if TYPE_CHECKING:
    from ..evaluation import ClassificationEvaluation

__all__ = [
    "complain",
    "describe_evaluation",
    "evaluation_metrics",
    "finish",
    "finish_scores",
    "running",
]


@contextmanager
def running(output: Path | None = None, quiet: bool = False) -> Iterator[None]:
    """Run a command: log messages to standard error, errors as one line and an exit code.

    Parameters
    ----------
    output : Path, optional
        Folder for outputs; weights stay in the user's own folder.
    quiet : bool
        Whether to hide messages below warnings.
    """
    logger = logging.getLogger("jupyter_imgcls")
    handler = logging.StreamHandler()
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    try:
        if output is not None:
            Context.create(
                outputs_path=output,
                persistent_path=platformdirs.user_data_path("jupyter_imgcls"),
                temp_path=platformdirs.user_cache_path("jupyter_imgcls"),
            )
        with logging_redirect_tqdm([logger]), warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = lambda message, *_: complain(f"Note: {message}")
            yield
    except ImgclsError as error:
        complain(f"Error: {error}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        complain("Interrupted.")
        raise typer.Exit(130) from None
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate


def finish(text: str, result: dict[str, Any], as_json: bool) -> None:
    """Print a command's result to standard output, as text or JSON."""
    shown = json.dumps(result, indent=2, ensure_ascii=False) if as_json else text
    typer.echo(as_text(shown))


def finish_scores(
    scores: Mapping[str, Sequence[float]],
    labels: Sequence[str],
    left_out: Mapping[str, str],
    top: int,
    as_json: bool,
) -> None:
    """Print the most probable classes of photos, and which photos could not be scored.

    Parameters
    ----------
    scores : mapping of str to sequence of float
        Probabilities of the classes by a photo's path.
    labels : sequence of str
        The classes.
    left_out : mapping of str to str
        Reasons by a photo's path.
    top : int
        Classes to show for each photo.
    as_json : bool
        See `finish`.

    Raises
    ------
    ImgclsError
        If no photo could be scored.
    """
    best = {}
    for path, row in scores.items():
        order = sorted(range(len(row)), key=lambda i: -row[i])[:top]
        best[path] = {labels[i]: row[i] for i in order}
    lines = [
        "\t".join([path, *(f"{name}\t{value:.4f}" for name, value in shown.items())])
        for path, shown in best.items()
    ]
    if lines or as_json:
        finish("\n".join(lines), {"photos": best, "left_out": dict(left_out)}, as_json)
    for path, reason in left_out.items():
        complain(f"Left out: {path}: {reason}")
    if not best:
        raise ImgclsError("No photo could be scored.")


def complain(message: str) -> None:
    """Print a message to standard error."""
    typer.echo(as_text(message), err=True)


def evaluation_metrics(evaluation: ClassificationEvaluation) -> dict[str, Any]:
    """Metrics of an evaluation, for JSON."""
    matrix = evaluation.compute_confusion_matrix()
    return {
        "photos": int(matrix.sum()),
        "left_out": evaluation.left_out,
        "accuracy_micro": evaluation.compute_accuracy("micro"),
        "accuracy_macro": evaluation.compute_accuracy("macro"),
        "labels": [label.name for label in evaluation.labels],
        "confusion_matrix": matrix.tolist(),
    }


def describe_evaluation(evaluation: ClassificationEvaluation) -> str:
    """Accuracy, the confusion matrix and the metrics of each class, as text."""
    import pandas as pd

    matrix = evaluation.compute_confusion_matrix()
    names = [label.name for label in evaluation.labels]
    low, high = evaluation.compute_confidence_interval("accuracy", average="micro")
    table = pd.DataFrame(matrix, index=names, columns=names)
    return "\n".join(
        [
            f"Correct: {matrix.trace()} of {matrix.sum()} test photos "
            f"({evaluation.compute_accuracy('micro'):.1%}, 95 % interval {low:.1%} to {high:.1%})",
            f"Class-averaged accuracy: {evaluation.compute_accuracy('macro'):.1%}",
            "",
            "Confusion matrix (rows: ground truth, columns: prediction)",
            table.to_string(),
            "",
            evaluation.compute_report().to_string(float_format="{:.3f}".format, na_rep="-"),
        ]
    )
