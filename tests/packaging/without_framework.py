"""The workflow in an environment without a training framework; run by `test_wheel`."""

import sys
from pathlib import Path

import numpy as np

# Before imgaug, which NumPy 2 lacks names for.
from jupyter_imgcls import (
    AnnotationUI,
    ClassificationDataset,
    ClassificationEvaluation,
    Context,
    Deployment,
    ImgclsError,
    PrecisionRecallUI,
    ResultsUI,
    ScikitClassifier,
    TransferLearningModel,
    augment_dataset,
    load_classifier,
)

from imgaug import augmenters  # isort: skip

assert int(np.__version__.split(".")[0]) >= 2, np.__version__
root = Path(sys.argv[1])
Context.create(root, root, root)
dataset = ClassificationDataset.create_from_dir("photos", sys.argv[2])
AnnotationUI(dataset)
train_set, test_set = dataset.split(0.5)
steps = [
    augmenters.Fliplr(0.5),
    augmenters.Affine(rotate=(-10, 10)),
    augmenters.GaussianBlur((0, 1)),
    augmenters.AddToHueAndSaturation((-20, 20)),
]
augmented = augment_dataset(train_set, [augmenters.Sequential(steps)], progress=False)
model = TransferLearningModel(dataset.labels)
classifier = ScikitClassifier(model).train(augmented)
evaluation = ClassificationEvaluation(classifier, test_set)
ResultsUI(test_set, pred_scores=evaluation.scores)
PrecisionRecallUI(evaluation=evaluation, dataset=test_set)
evaluation.to_html(root / "report.html")
model.train(train_set, 0.01, 8, num_epochs=3, eval_dataset=test_set, progress=False)
trained = load_classifier(model.serialize(root / "photos.model"))
assert np.array_equal(trained.score(test_set), model.score(test_set))
try:
    trained.train(train_set, 0.01, 8, trainable="all", progress=False)
except ImgclsError as error:
    assert "jupyter_imgcls[gluon]" in str(error)
deployment = Deployment("without-framework", trained).deploy()
try:
    deployment.score_image(test_set.images[0])
finally:
    deployment.delete()
sys.stdout.write(f"{evaluation.compute_accuracy():.0%}, {len(model.history)} epochs of the head\n")
