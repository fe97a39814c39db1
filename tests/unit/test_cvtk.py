"""The names of 2018: what they do beyond being other names."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.cvtk import CNTKTLModel, ObjectDetectionDataset, TFFasterRCNN
from jupyter_imgcls.cvtk.evaluation.evaluation_utils import graph_error_counts
from jupyter_imgcls.cvtk.logging import ToolkitLogger, get_azureml_logger
from jupyter_imgcls.cvtk.operationalization import AMLDeployment
from jupyter_imgcls.cvtk.utils import detection_utils
from jupyter_imgcls.cvtk.utils.constants import ClassificationRESTApiParamters
from jupyter_imgcls.errors import OtherTaskError, WeightsError


def test_the_toolkit_logger_silences_all_modules_of_the_package_and_only_them(caplog):
    ours, theirs = logging.getLogger("jupyter_imgcls.data.dataset"), logging.getLogger("theirs")
    ToolkitLogger.getInstance().setEnabled(False)
    ours.error("never seen")
    theirs.error("seen")
    assert caplog.messages == ["seen"]
    ToolkitLogger.getInstance().setEnabled(True)
    ours.error("seen again")
    assert caplog.messages == ["seen", "seen again"]


def test_the_run_logger_logs_named_values(caplog):
    caplog.set_level(logging.INFO)
    get_azureml_logger().log("accuracy", 0.95)
    assert caplog.messages == ["accuracy: 0.95"]


def test_the_model_takes_the_keyword_and_the_base_model_names_of_2018():
    model = CNTKTLModel(["cup", "plate"], "efficientnet_lite0", image_dims=(3, 64, 96))
    assert model.base_model.name == "efficientnet_lite0"
    assert model.image_dims == (3, 64, 96)
    path = Context.get_global_context().storage.outputs_path / "saved_classifier.model"
    model.serialize(path)
    loaded = CNTKTLModel.deserialize(path)
    assert isinstance(loaded, CNTKTLModel)
    assert loaded.class_map == {0: "cup", 1: "plate"}


def test_the_default_base_model_is_that_of_2018(monkeypatch):
    for name in ("MXNET_GLUON_REPO", "HF_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens: no weights to download
    with pytest.raises(WeightsError, match="resnet18.safetensors"):
        CNTKTLModel(["cup", "plate"])


def test_a_deployment_takes_the_keywords_of_2018():
    deployment = AMLDeployment(
        deployment_name="wsdeployment",
        aml_env="cluster",
        associated_DNNModel="cups.model",
        cluster_name="ray://head:10001",
        resource_group="<resource group>",
        replicas=2,
    )
    assert (deployment.name, deployment.target) == ("wsdeployment", "cluster")
    assert (deployment._wanted.address, deployment._wanted.replicas) == ("ray://head:10001", 2)
    assert not deployment.is_existing_service()
    assert AMLDeployment("wsdeployment", aml_env="local", cluster_name="c").target == "local"


def test_the_parameter_of_a_scoring_request_keeps_its_name():
    assert ClassificationRESTApiParamters.ADD_SOFTMAX == "addSoftmax"


CODE_OF_2018 = """
import jupyter_imgcls.cvtk.as_cvtk

import warnings
from azureml.logging import get_azureml_logger
from cvtk import CNTKTLModel, ClassificationDataset, Context, Dataset, DNNModel, Label
from cvtk import Splitter, StorageContext, TFFasterRCNN, TransferLearningModel
from cvtk.augmentation import augment_dataset
from cvtk.core import ObjectDetectionDataset
from cvtk.core.classifier import ScikitClassifier
from cvtk.core.model import CNTKTLModel
from cvtk.evaluation import ClassificationEvaluation, DetectionEvaluation, basic_plot
from cvtk.evaluation import graph_confusion_matrix, graph_pr_curve, graph_roc_curve
from cvtk.evaluation.evaluation_utils import graph_error_counts
from cvtk.operationalization import AMLDeployment
from cvtk.utils import detection_utils
from cvtk.utils.constants import ClassificationRESTApiParamters
from azuremltkbase.deployment import CliSetup
from azuremltkbase.logging import ToolkitLogger
from ui_utils.ui_annotation import AnnotationUI
from ui_utils.ui_precision_recall import PrecisionRecallUI
from ui_utils.ui_results_viewer import ResultsUI
import cvtk.core.context

CliSetup().run()
ToolkitLogger.getInstance().setEnabled(False)
assert cvtk.core.context.Context is Context
assert Label("cup").name == "cup"
print(type(get_azureml_logger()).__module__, AnnotationUI.__module__)
"""


def run_code(code, folder, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_of_2018_work_after_one_line(tmp_path):
    shown = run_code(CODE_OF_2018, tmp_path)
    assert shown.split() == ["jupyter_imgcls.cvtk.logging", "jupyter_imgcls.widgets.annotation.ui"]


def test_what_is_installed_or_beside_the_notebook_stays(tmp_path):
    (tmp_path / "ui_utils").mkdir()
    (tmp_path / "ui_utils" / "ui_annotation.py").write_text("from cvtk import Label\nown = Label")
    (tmp_path / "azureml").mkdir()
    (tmp_path / "azureml" / "core.py").write_text("own = 1")
    run_code(
        "import jupyter_imgcls.cvtk.as_cvtk\n"
        "import azureml.core, azureml.logging, ui_utils.ui_annotation\n"
        "assert azureml.core.own and ui_utils.ui_annotation.own\n"
        "azureml.logging.get_azureml_logger()",
        tmp_path,
    )


def test_another_cvtk_that_was_imported_before_is_not_replaced(tmp_path):
    (tmp_path / "cvtk.py").write_text("own = 1")
    run_code(
        "import cvtk\n"
        "try:\n    import jupyter_imgcls.cvtk.as_cvtk\n"
        "except ImportError as error:\n    assert 'restart the kernel' in str(error)\n"
        "else:\n    raise AssertionError\n"
        "assert cvtk.own",
        tmp_path,
    )


@pytest.mark.parametrize(
    "use",
    [
        lambda: TFFasterRCNN(["cup"]),
        lambda: ObjectDetectionDataset.create_from_dir("foods", "photos"),
        detection_utils.visualize,
        lambda: graph_error_counts([]),
    ],
)
def test_names_of_other_tasks_explain_themselves_when_they_are_used(use):
    with pytest.raises(OtherTaskError, match="is for object detection, and this package"):
        use()
    assert repr(TFFasterRCNN) == "<TFFasterRCNN: object detection, not in this package>"
