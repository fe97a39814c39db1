"""The names of 2018: what they do beyond being other names."""

from __future__ import annotations

import logging

import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.cvtk import CNTKTLModel
from jupyter_imgcls.cvtk.logging import ToolkitLogger, get_azureml_logger
from jupyter_imgcls.cvtk.operationalization import AMLDeployment
from jupyter_imgcls.cvtk.utils.constants import ClassificationRESTApiParamters
from jupyter_imgcls.errors import WeightsError


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
