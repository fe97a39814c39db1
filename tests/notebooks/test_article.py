"""The code of the 2018 article, cell by cell, with only its import lines changed.

What differs beside them are values that the article invites to change, and the URL of a photo that
is no longer there. Its widgets are not here.
"""

# ruff: noqa: E501 - the article's own lines
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from jupyter_imgcls import TransferLearningModel
from jupyter_imgcls.backends.base_models import get_base_model
from jupyter_imgcls.backends.gluon import GluonBackend
from tests.unit.file_server import file_server

from . import article_deployment
from .conftest import printed, results

SET_UP = """\
import warnings
warnings.filterwarnings("ignore")
import json, numpy as np, os, timeit
from jupyter_imgcls.cvtk.logging import get_azureml_logger
from imgaug import augmenters
from IPython.display import display
from sklearn import svm
from jupyter_imgcls.cvtk import ClassificationDataset, CNTKTLModel, Context, Splitter, StorageContext
from jupyter_imgcls.cvtk.augmentation import augment_dataset
from jupyter_imgcls.cvtk.core.classifier import ScikitClassifier
from jupyter_imgcls.cvtk.evaluation import ClassificationEvaluation, graph_roc_curve, graph_pr_curve, graph_confusion_matrix, basic_plot
import matplotlib.pyplot as plt
%matplotlib inline

# Disable printing of logging messages
from jupyter_imgcls.cvtk.logging import ToolkitLogger
ToolkitLogger.getInstance().setEnabled(False)

# Set storage context.
out_root_path = "../../../cvtk_output"
Context.create(outputs_path=out_root_path, persistent_path=out_root_path, temp_path=out_root_path)
"""

DATASET = """\
# Root image directory
dataset_location = os.path.abspath(os.path.join(os.getcwd(), "../sample_data/imgs_recycling"))

dataset_name = 'recycling'
dataset = ClassificationDataset.create_from_dir(dataset_name, dataset_location)
print("Dataset consists of {} images with {} labels.".format(len(dataset.images), len(dataset.labels)))
print("Select information for image 2: name={}, label={}, unique id={}.".format(
    dataset.images[2].name, dataset.images[2]._labels[0].name, dataset.images[2]._storage_id))
"""

SPLIT = """\
# Split the dataset into train and test
train_set_orig, test_set = dataset.split(train_size = 0.66, stratify = "label")
print("Number of training images = {}, test images = {}.".format(train_set_orig.size(), test_set.size()))
"""

AUGMENT = """\
augment_train_set = False

if augment_train_set:
    aug_sequence = augmenters.Sequential([
            augmenters.Fliplr(0.5),             # horizontally flip 50% of all images
            augmenters.Crop(percent=(0, 0.1)),  # crop images by 0-10% of their height/width
        ])
    train_set = augment_dataset(train_set_orig, [aug_sequence])
    print("Number of original training images = {}, with augmented images included = {}.".format(train_set_orig.size(), train_set.size()))
else:
    train_set = train_set_orig
"""

MODEL = """\
# Default parameters (224 x 224 pixels resolution, Resnet-18)
lr_per_mb = [0.05]*7 + [0.005]*7 +  [0.0005]
mb_size = 32
input_resoluton = 224
base_model_name = "ResNet18_ImageNet_CNTK"

# Suggested parameters for 500 x 500 pixels resolution, Resnet-50
# (see in the Appendix "How to improve accuracy", last row in table)
# lr_per_mb   = [0.01] * 7 + [0.001] * 7 + [0.0001]
# mb_size    = 8
# input_resoluton = 500
# base_model_name = "ResNet50_ImageNet_CNTK"

# Initialize model
dnn_model = CNTKTLModel(train_set.labels,
                       base_model_name=base_model_name,
                       image_dims = (3, input_resoluton, input_resoluton))
"""

TRAIN = """\
# Train either the DNN or a SVM as classifier
classifier_name = "dnn"

if classifier_name.lower() == "dnn":
    dnn_model.train(train_set, lr_per_mb = lr_per_mb, mb_size = mb_size, eval_dataset=test_set) #, tensorboard_logdir=r"tensorboard"
    classifier = dnn_model
elif classifier_name.lower() == "svm":
    learner = svm.LinearSVC(C=1.0, class_weight='balanced', verbose=0)
    classifier = ScikitClassifier(dnn_model, learner = learner)
    classifier.train(train_set)
else:
    raise Exception("Classifier unknown: " + classifier)
"""

PROGRESS = """\
# Plot how the training and test accuracy increases during gradient descent.
if classifier_name == "dnn":
    [train_accs, test_accs, epoch_numbers] = classifier.train_eval_accs
    plt.xlabel("Number of training epochs")
    plt.ylabel("Classification accuracy")
    train_plot = plt.plot(epoch_numbers, train_accs, 'r-', label = "Training accuracy")
    test_plot = plt.plot(epoch_numbers, test_accs, 'b-.', label = "Test accuracy")
    plt.legend()
"""

EVALUATE = """\
# Run the classifier on all test set images
ce = ClassificationEvaluation(classifier, test_set, minibatch_size = mb_size)

# Compute Accuracy and the confusion matrix
acc = ce.compute_accuracy()
print("Accuracy = {:2.2f}%".format(100*acc))
cm  = ce.compute_confusion_matrix()
print("Confusion matrix = \\n{}".format(cm))

# Show PR curve, ROC curve, and confusion matrix
fig, ((ax1, ax2, ax3)) = plt.subplots(1,3)
fig.set_size_inches(18, 4)
graph_roc_curve(ce, ax=ax1)
graph_pr_curve(ce, ax=ax2)
graph_confusion_matrix(ce, ax=ax3)
plt.show()
"""

# The article hands these to its widgets.
FOR_THE_VIEWERS = """\
labels = [l.name for l in dataset.labels]
pred_scores = ce.scores #classification scores for all images and all classes
pred_labels = [labels[i] for i in np.argmax(pred_scores, axis=1)]

precisions, recalls, thresholds = ce.compute_precision_recall_curve()
thresholds = list(thresholds)
thresholds.append(thresholds[-1])
"""

# Commented out in the article, as optional.
SAVE = """\
save_model_path = os.path.join(Context.get_global_context().storage.persistent_path, "saved_classifier.model")
# Save model to disk
dnn_model.serialize(save_model_path)
# Load model from disk
dnn_model = CNTKTLModel.deserialize(save_model_path)
"""

# Not of the article.
CHECK = """\
assert len(pred_labels) == len(pred_scores) == test_set.size()
assert len(precisions) == len(recalls) == len(thresholds)
assert dnn_model.class_map == dict(enumerate(labels))
assert np.allclose(dnn_model.score(test_set).sum(axis=1), 1)
"""

CELLS = [
    SET_UP, DATASET, SPLIT, AUGMENT, MODEL, TRAIN, PROGRESS, EVALUATE, FOR_THE_VIEWERS, SAVE, CHECK,
    *article_deployment.CELLS,
]  # fmt: skip
CELL_BREAK = "# %%\n"
COUNTS = {"bowl": 5, "cup": 19, "cutlery": 7, "plate": 32}  # as many as the article has


def article(photo_url: str, aml_env: str, **values: object) -> list[str]:
    """Its cells, with other values for some of its variables."""
    text = CELL_BREAK.join(CELLS)
    for old, new in {
        article_deployment.PHOTO_URL: photo_url,
        'aml_env="cluster"': f'aml_env="{aml_env}"',
        # Where it says 'please replace'.
        'service_endpoint_url = ""': "service_endpoint_url = deploy_obj.service_url",
        'service_key = ""': "service_key = deploy_obj.service_key",
    }.items():
        assert old in text
        text = text.replace(old, new)
    for name, value in values.items():
        line = f"{name} = {value!r}"
        text, found = re.subn(rf"^{name} = .*$", lambda _, line=line: line, text, flags=re.M)
        assert found == 1, name
    return text.split(CELL_BREAK)


def put_photos(root: Path) -> str:
    """As many photos as the article has, each class of a colour of its own."""
    generator = np.random.default_rng(0)
    for name, count in COUNTS.items():
        (root / name).mkdir(parents=True)
        colour = generator.integers(30, 225, 3)
        for number in range(1, count + 1):
            pixels = colour + generator.integers(-30, 30, (60, 80, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{name}{number}.png")
    return str(root)


def put_weights(file: Path) -> None:
    """Put ResNet-18's weights where the article would have them downloaded to; random ones here."""
    network = GluonBackend().build(
        get_base_model("resnet18"), 4, (3, 64, 64), weights="random", device="cpu", seed=0
    )
    file.parent.mkdir(parents=True)
    body = {
        name.removeprefix("body."): values
        for name, values in network.get_weights().items()
        if name.startswith("body.")
    }
    safetensors.numpy.save_file(body, file)


@pytest.mark.parametrize(
    ("classifier_name", "augment_train_set", "aml_env"),
    [
        # Starts a Ray of its own, which takes what two cores have.
        pytest.param("dnn", True, "cluster", marks=pytest.mark.xdist_group("ray")),
        ("svm", False, "local"),
    ],
)
def test_the_articles_code_runs_with_only_its_imports_changed(
    classifier_name, augment_train_set, aml_env, tmp_path, run_notebook
):
    put_weights(tmp_path / "cvtk_output" / "base_models" / "resnet18.safetensors")
    photos = put_photos(tmp_path / "imgs_recycling")
    with file_server() as web:
        web.files["/microsoft_logo.png"] = (tmp_path / "imgs_recycling/cup/cup1.png").read_bytes()
        cells = article(
            f"{web.url}/microsoft_logo.png",
            aml_env,
            out_root_path="cvtk_output",
            dataset_location=photos,
            augment_train_set=augment_train_set,
            lr_per_mb=[0.05, 0.005],
            input_resoluton=64,
            classifier_name=classifier_name,
        )
        notebook = run_notebook(new_notebook(cells=[new_code_cell(cell) for cell in cells]))

    text = printed(notebook)
    assert '"outputs_path": "cvtk_output"' in results(notebook, "text/plain")[0]
    assert "Dataset consists of 63 images with 4 labels.\n" in text
    assert "image 2: name=bowl3.png, label=bowl, unique id=3.\n" in text
    assert "Number of training images = 41, test images = 22.\n" in text
    augmented = "original training images = 41, with augmented images included = 82.\n"
    assert (augmented in text) is augment_train_set
    accuracy = re.search(r"Accuracy = (\d+\.\d\d)%", text)
    assert accuracy
    if classifier_name == "svm":
        # Even random features tell the colours of the classes apart.
        assert float(accuracy[1]) == 100
    (matrix,) = re.findall(r"Confusion matrix = \n(.*?\]\])", text, re.S)
    assert sum(map(int, re.findall(r"\d+", matrix))) == 22
    refined = classifier_name == "dnn"
    assert len(results(notebook, "image/png")) == 1 + refined  # of the evaluation and the training
    assert len(list((tmp_path / "cvtk_output").glob("model_trained/*.model"))) == refined
    assert (tmp_path / "cvtk_output" / "saved_classifier.model").exists()

    assert "Deployment DONE\n" in text
    assert len(re.findall(r"Time for API call: \d+\.\d\d seconds\n", text)) == 10
    answers = re.findall(r"serialized_result_in_json: (.*)", text)
    assert len(answers) == len(["file", "URL", "softmax", "file", "URL", "file"])
    rows = [TransferLearningModel.parse_serialized_result(answer) for answer in answers]
    assert np.array(rows).shape == (6, 1, 4)
    assert np.array(rows[2]).sum() == pytest.approx(1, abs=1e-4)
    (by_http,) = (shown for shown in results(notebook, "text/plain") if shown.startswith("['["))
    assert by_http.count("[") == 3
    label = re.search(r"Class label: (\w+)", text)
    assert label
    assert label[1] in COUNTS
    assert f"<Deployment 'wsdeployment', {aml_env}, running, http://" in text
    assert not list((tmp_path / "cvtk_output" / "deployments").glob("*"))
