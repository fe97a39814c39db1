"""The command line: ``imgcls demo | info | doctor | train | evaluate | score | augment | …``.

Results go to standard output, as text or with ``--json`` as one JSON document; progress and
messages go to standard error. Exit codes: 0 success, 1 error, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..backends.base_models import DEFAULT_BASE_MODEL
from ..data import ClassificationDataset
from .about import describe_classifier, describe_installation
from .console import describe_evaluation, evaluation_metrics, finish, finish_scores, running
from .dashboard import dashboard
from .serving import COMMANDS

if TYPE_CHECKING:
    from ..classifiers import Classifier

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Image classification: from a folder of photos to a classifier as a web service. "
    "Put the photos of each class in a sub-folder of its own. Try 'imgcls demo' first.",
)


class Method(str, Enum):
    """How to train a classifier."""

    svm = "svm"
    dnn = "dnn"


class Keep(str, Enum):
    """Which epoch of a training is kept."""

    best = "best"
    last = "last"


class Check(str, Enum):
    """How thoroughly a dataset's files are checked."""

    header = "header"
    full = "full"
    none = "none"


Data = Annotated[
    Path,
    typer.Argument(help="Folder with a sub-folder for each class, or a CSV file: path,label."),
]
Model = Annotated[Path, typer.Argument(help="A saved classifier.")]
Output = Annotated[Path, typer.Option(help="Folder for all other output files.")]
Checked = Annotated[
    Check, typer.Option(help="What to check of each file: its header, all of it, or nothing.")
]
BatchSize = Annotated[int, typer.Option(min=1, help="Batch size: photos per step.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed: the same seed gives the same result.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]

OUTPUT = Path("imgcls_output")


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="Your photos, in class folders. Default: a sample."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=0, help="Epochs of fine-tuning; 0 skips it.")] = 3,
    output: Output = OUTPUT,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run the whole workflow and write a report.

    Creates, splits and augments a dataset, trains and evaluates two classifiers, and deploys one.
    """
    from .demo import run_demo

    with running(output, quiet):
        finish(*run_demo(data, epochs, progress=not quiet), as_json)


@app.command()
def info(
    path: Annotated[
        Path | None, typer.Argument(help="A folder of photos, a CSV file, or a classifier.")
    ] = None,
    check: Checked = Check.header,
    as_json: AsJson = False,
) -> None:
    """Show what is installed, or what PATH contains."""
    with running(quiet=True):
        if path is None:
            finish(*describe_installation(), as_json)
        elif path.is_dir() or path.suffix.lower() == ".csv":
            dataset = _dataset(path, check)
            left_out = {problem.path: problem.reason for problem in dataset.problems}
            text = [dataset.describe(), *(f"    {p}: {reason}" for p, reason in left_out.items())]
            result = {
                "photos": len(dataset),
                "classes": dataset.count_labels(),
                "left_out": left_out,
            }
            finish("\n".join(text), result, as_json)
        else:
            finish(*describe_classifier(path), as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check the installation, and say how to fix problems.

    Checks the libraries, Jupyter, the widgets, the GPU and the disk, and changes nothing. The exit
    code is 1 if there is a problem.
    """
    from ..doctor import examine

    with running(quiet=True):
        text, result = examine()
        finish(text, result, as_json)
        if result["problems"]:
            raise typer.Exit(1)


@app.command()
def train(
    data: Data,
    model: Annotated[
        Path, typer.Argument(help="File to save the classifier to, such as cups.model.")
    ],
    method: Annotated[
        Method,
        typer.Option(
            help="svm: fit a linear support vector machine to the base model's features, in "
            "seconds. dnn: fine-tune the base model itself, in minutes; often more accurate."
        ),
    ] = Method.svm,
    base_model: Annotated[
        str, typer.Option(help="Base model; 'imgcls info' lists them.")
    ] = DEFAULT_BASE_MODEL,
    weights: Annotated[
        Path | None, typer.Option(help="File with the base model's weights.")
    ] = None,
    image_size: Annotated[
        int, typer.Option(help="Photos are resized to this side in pixels, 64 to 1024.")
    ] = 224,
    train_size: Annotated[
        float | None,
        typer.Option(
            help="Share of photos to train on; the rest is the test set. Default: the dataset's "
            "own train and test folders if it has them, otherwise 0.66."
        ),
    ] = None,
    copies: Annotated[
        int,
        typer.Option(min=0, help="Mirrored and cropped copies of each training photo."),
    ] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="dnn: passes over the training photos.")] = 15,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="dnn: learning rate. Default: 0.05 for 7 epochs, 0.005 for 7, then 0.0005."
        ),
    ] = None,
    keep: Annotated[
        Keep,
        typer.Option(help="dnn: the epoch to keep: the one with the fewest errors, or the last."),
    ] = Keep.best,
    device: Annotated[str, typer.Option(help="dnn: auto, cpu, gpu(0), or gpu(0),gpu(1).")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="dnn: resume a training that was interrupted.")
    ] = False,
    batch_size: BatchSize = 32,
    seed: Seed = 0,
    check: Checked = Check.header,
    output: Output = OUTPUT,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a classifier on DATA and save it as MODEL.

    Some of the photos are held out to test it.
    """
    from ..classifiers import ScikitClassifier, TransferLearningModel
    from ..classifiers.training import LEARNING_RATE
    from ..evaluation import ClassificationEvaluation

    with running(output, quiet):
        dataset = _dataset(data, check)
        train_set, test_set = dataset.split(train_size, random_state=seed)
        if copies:
            train_set = _with_copies(train_set, copies, seed, quiet)
        network = TransferLearningModel(
            dataset.labels, base_model, (3, image_size, image_size), weights=weights, device=device
        )
        classifier: Classifier = network
        kept = ""
        if method is Method.svm:
            classifier = ScikitClassifier(network).train(train_set, batch_size, not quiet)
        else:
            choosing = test_set
            if train_size is None and {"train", "test", "validation"} <= set(dataset.parts):
                choosing = dataset.part("validation")
            run = network.train(
                train_set,
                LEARNING_RATE if learning_rate is None else learning_rate,
                batch_size=batch_size,
                num_epochs=epochs,
                eval_dataset=choosing,
                resume=resume,
                seed=seed,
                keep=keep.value,
                progress=not quiet,
            )
            kept = f"{run.describe_kept()}\n"
            if keep is Keep.best and choosing is test_set:
                kept += (
                    "The test photos chose it: its accuracy on them is a little too high. "
                    "'imgcls evaluate' measures it on other photos.\n"
                )
            kept += "\n"
        classifier.serialize(model)
        evaluation = ClassificationEvaluation(classifier, test_set, batch_size, progress=not quiet)
        finish(
            f"{kept}{describe_evaluation(evaluation)}\n\nSaved as {model}",
            {"model": str(model), "train": len(train_set), **evaluation_metrics(evaluation)},
            as_json,
        )


@app.command()
def evaluate(
    model: Model,
    data: Data,
    report: Annotated[Path | None, typer.Option(help="HTML file for a report with charts.")] = None,
    batch_size: BatchSize = 32,
    check: Checked = Check.header,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Test MODEL on all photos of DATA.

    Use photos that it was not trained on.
    """
    from ..classifiers import load_classifier
    from ..evaluation import ClassificationEvaluation

    with running(quiet=quiet):
        evaluation = ClassificationEvaluation(
            load_classifier(model), _dataset(data, check), batch_size, progress=not quiet
        )
        text, result = describe_evaluation(evaluation), evaluation_metrics(evaluation)
        if report is not None:
            result["report"] = str(evaluation.to_html(report))
            text += f"\n\nReport: {report}"
        finish(text, result, as_json)


@app.command()
def score(
    model: Model,
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    top: Annotated[int, typer.Option(min=1, help="Classes to show for each photo.")] = 1,
    batch_size: BatchSize = 32,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print the most probable classes of photos.

    Each line is a photo's path, then classes and their scores, separated by tabs.
    """
    from ..classifiers import load_classifier
    from ..data import ClassificationDataset

    with running(quiet=quiet):
        classifier = load_classifier(model)
        dataset = ClassificationDataset.create_from_files("photos", photos)
        scores = classifier.score(dataset, batch_size, not quiet)
        # NaN marks a photo that could not be read.
        read = {
            path: row
            for path, row in zip(dataset.paths, scores.tolist(), strict=True)
            if row[0] == row[0]
        }
        left_out = {problem.path: problem.reason for problem in dataset.problems}
        names = [label.name for label in classifier.labels]
        finish_scores(read, names, left_out, top, as_json)


@app.command()
def augment(
    data: Data,
    target: Annotated[Path, typer.Argument(help="New folder for the photos and copies.")],
    copies: Annotated[int, typer.Option(min=1, help="Copies of each photo.")] = 1,
    seed: Seed = 0,
    check: Checked = Check.header,
    output: Output = OUTPUT,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write DATA and mirrored and cropped copies to TARGET.

    Augment training photos only: with copies of a photo in both the training set and the test set,
    a classifier looks better than it is.
    """
    with running(output, quiet):
        augmented = _with_copies(_dataset(data, check), copies, seed, quiet)
        augmented.to_class_folders(target)
        finish(
            f"{len(augmented)} photos are in {target}",
            {"photos": len(augmented), "folder": str(target)},
            as_json,
        )


for command in [dashboard, *COMMANDS]:
    app.command()(command)


def main() -> None:
    """Entry point of the ``imgcls`` command."""
    app(prog_name="imgcls")


def _dataset(path: Path, check: Check) -> ClassificationDataset:
    """The dataset of a folder or a CSV file, named after it."""
    if path.is_file() and path.suffix.lower() == ".csv":
        return ClassificationDataset.create_from_csv(path.stem, path, check.value)
    return ClassificationDataset.create_from_dir(path.resolve().name, path, check.value)


def _with_copies(
    dataset: ClassificationDataset, copies: int, seed: int, quiet: bool
) -> ClassificationDataset:
    from ..data.augment.copies import augment_dataset, mirror_and_crop

    pipelines = [mirror_and_crop() for _ in range(copies)]
    return augment_dataset(dataset, pipelines, seed=seed, progress=not quiet)
