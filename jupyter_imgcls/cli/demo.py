"""The whole workflow, step by step, for ``imgcls demo``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends import refines_here
from ..classifiers import Classifier, ScikitClassifier, TransferLearningModel, load_classifier
from ..context import Context
from ..data import ClassificationDataset
from ..data.augment.copies import augment_dataset, mirror_and_crop
from ..data.sample import tableware
from ..data.types import given_sides
from ..errors import MissingExtraError
from ..evaluation import ClassificationEvaluation
from ..serving.deployment import Deployment
from .console import complain, describe_evaluation, evaluation_metrics

if TYPE_CHECKING:
    from ..serving.load_test import LoadTestResult

__all__ = ["run_demo"]

TRAIN_SIZE = 0.66


def run_demo(data: Path | None, epochs: int, progress: bool) -> tuple[str, dict[str, Any]]:
    """Create, split and augment a dataset, train and evaluate two classifiers, try a service.

    Parameters
    ----------
    data : Path, optional
        Class folders. Default: sample images.
    epochs : int
        Epochs of fine-tuning the network; 0 skips it.
    progress : bool
        Whether to print the steps and show progress bars.

    Returns
    -------
    text : str
        The results.
    result : dict
        The same for JSON.
    """
    say = complain if progress else (lambda _: None)
    outputs = Context.get_global_context().storage.outputs_path / "demo"
    if data is None:
        dataset = tableware(progress=progress)
    else:
        dataset = ClassificationDataset.create_from_dir(data.resolve().name, data)
    say(f"1. {dataset.describe()}")
    train_set, test_set = dataset.split(None if given_sides(dataset.parts) else TRAIN_SIZE)
    say(f"2. Split: {len(train_set)} photos to train on, {len(test_set)} to test")
    augmented = augment_dataset(train_set, [mirror_and_crop()], progress=progress)
    say(f"3. Augment: {len(augmented)} training photos with mirrored and cropped copies")
    model = TransferLearningModel(dataset.labels)
    say(f"4. Base model: {model.base_model.name}, {model.base_model.feature_size} features")

    seconds: dict[str, float] = {}
    evaluations: dict[str, ClassificationEvaluation] = {}

    def run(name: str, title: str, train: Any) -> Classifier:
        say(title)
        started = time.perf_counter()
        classifier: Classifier = train()
        seconds[name] = time.perf_counter() - started
        evaluations[name] = ClassificationEvaluation(classifier, test_set, progress=progress)
        return classifier

    svm = ScikitClassifier(model)
    run(
        "LinearSVC",
        "5. Featurize and fit LinearSVC",
        lambda: svm.train(augmented, progress=progress),
    )
    saved = [svm.serialize(outputs / "svm.model")]
    if epochs:

        def refine() -> Classifier:
            model.train(
                train_set,
                learning_rate=0.01,
                batch_size=8,
                num_epochs=epochs,
                eval_dataset=test_set,
                progress=progress,
            )
            return model

        what = "the network" if refines_here() else "the last layer of the network"
        run("refined", f"6. Fine-tune {what} for {epochs} epochs", refine)
        saved.append(model.serialize(outputs / "refined.model"))
    report = evaluations["LinearSVC"].to_html(outputs / "report.html")
    say("7. Deploy LinearSVC as a web service, score three photos, run a load test, delete it")
    service, answers, load = _try_service(saved[0], test_set, progress)

    if isinstance(load, MissingExtraError):
        say(f"   No load test: {load}")
        load_text, load_result = f"No load test: {load}", None
    else:
        load_text, load_result = str(load), load.to_dict()

    rows = [f"{'classifier':<12}{'trained in':>11}{'correct':>10}{'class-averaged':>16}"]
    for name, evaluation in evaluations.items():
        micro, macro = (evaluation.compute_accuracy(a) for a in ("micro", "macro"))
        rows.append(f"{name:<12}{seconds[name]:>9.1f} s{micro:>10.1%}{macro:>16.1%}")
    text = [
        "",
        *rows,
        "",
        "LinearSVC:",
        describe_evaluation(evaluations["LinearSVC"]),
        "",
        f"Service (deleted again): {service}",
        *(f"    {photo}: {label} ({score:.1%})" for photo, (label, score) in answers.items()),
        *(f"    {line}" for line in load_text.splitlines()),
        "",
        *(f"Saved: {path}" for path in saved),
        f"Report: {report}",
    ]
    result = {
        "dataset": {"photos": len(dataset), "classes": dataset.count_labels()},
        "train": len(train_set),
        "augmented": len(augmented),
        "test": len(test_set),
        "classifiers": {
            name: {"seconds": seconds[name], **evaluation_metrics(evaluation)}
            for name, evaluation in evaluations.items()
        },
        "service": {"url": service, "answers": answers, "load_test": load_result},
        "saved": [str(path) for path in saved],
        "report": str(report),
    }
    return "\n".join(text), result


def _try_service(
    saved: Path, test_set: ClassificationDataset, progress: bool
) -> tuple[str, dict[str, tuple[str, float]], LoadTestResult | MissingExtraError]:
    """Deploy a saved classifier, try it, and delete the service.

    Returns the URL, class and probability of three photos by their names, and the result of a load
    test, or why there is none: Locust is an extra.
    """
    classifier = load_classifier(saved)
    # With a name of its own, as several demos may run at once.
    service = Deployment(f"demo-{os.getpid()}", saved).deploy()
    try:
        photos = test_set.images[:3]
        answer = service.score_image(photos, parameters={"addSoftmax": True})
        answers = {
            photo.name: (classifier.class_map[row.index(max(row))], max(row))
            for photo, row in zip(photos, classifier.parse_serialized_result(answer), strict=True)
        }
        load: LoadTestResult | MissingExtraError
        try:
            load = service.load_test(test_set, duration=5, progress=progress)
        except MissingExtraError as error:
            load = error
        return service.service_url, answers, load
    finally:
        service.delete()
