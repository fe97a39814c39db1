"""The door to MXNet: repaired imports, devices, and errors that say what to do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jupyter_imgcls.backends import get_backend
from jupyter_imgcls.backends.mxnet_runtime import (
    import_exporter,
    import_gluoncv,
    import_mxnet,
    memory_errors,
    parse_device,
)
from jupyter_imgcls.errors import BackendUnavailableError, TrainingError

REPOSITORY = Path(__file__).parents[2]


def run_python(code: str, **environment: str) -> str:
    """Run `code` in a fresh interpreter in which every warning is an error."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | environment,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_package_and_its_backends_import_without_a_framework():
    loaded = run_python(
        "import sys, jupyter_imgcls, jupyter_imgcls.backends.base_models, "
        "jupyter_imgcls.backends.gluon\n"
        "print({'mxnet', 'gluoncv', 'onnx', 'onnxruntime'} & set(sys.modules))"
    )
    assert loaded.strip() == "set()"


def test_mxnet_gluoncv_and_the_exporter_import_without_a_warning_beside_torch_2(tmp_path):
    (tmp_path / "torch.py").write_text("__version__ = '2.13.0'\nclass Tensor: pass")
    code = (
        "import torch\n"
        "from jupyter_imgcls.backends import mxnet_runtime as runtime\n"
        "print(runtime.import_gluoncv().resnet18_v1b.__name__)\n"
        "print(runtime.import_exporter().export_model.__name__)\n"
        "import sys; assert sys.modules['torch'] is torch\n"
        # gluoncv would have photos that are cut off read as if they were whole.
        "from PIL import ImageFile; assert not ImageFile.LOAD_TRUNCATED_IMAGES"
    )
    assert run_python(code, PYTHONPATH=str(tmp_path)).split() == ["resnet18_v1b", "export_model"]


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ("mxnet", "Linux.*macOS.*PyTorch"),
        ("distutils", "pip install 'setuptools<81'"),
    ],
)
def test_where_mxnet_does_not_load_the_reason_and_what_to_do_are_said(missing, advice):
    message = run_python(
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from jupyter_imgcls.backends import get_backend\n"
        "from jupyter_imgcls.errors import BackendUnavailableError\n"
        "try:\n"
        "    get_backend('gluon')\n"
        "except BackendUnavailableError as error:\n"
        "    print(error)"
    )
    assert missing in message
    assert re.search(advice, message)


def test_a_missing_gluoncv_or_onnx_is_named_too(monkeypatch):
    # Past the caches of the door, as in a process that has not imported them yet.
    monkeypatch.setitem(sys.modules, "gluoncv.model_zoo", None)
    with pytest.raises(BackendUnavailableError, match=r"needs gluoncv.*pip install 'gluoncv=="):
        import_gluoncv.__wrapped__()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BackendUnavailableError, match=r"needs onnx.*pip install onnx"):
        import_exporter.__wrapped__()


def test_an_unknown_backend_lists_those_that_there_are():
    with pytest.raises(BackendUnavailableError, match=r"no backend 'cntk'. Backends: auto, gluon"):
        get_backend("cntk")


def test_numpy_names_that_mxnet_needs_have_their_numpy_2_meaning():
    import_mxnet()
    assert vars(np)["bool"] is np.bool_


def test_importing_twice_gives_the_same_modules():
    assert import_mxnet() is import_mxnet()
    assert import_gluoncv() is import_gluoncv()
    assert import_exporter() is import_exporter()


def test_the_cpu_is_a_device_and_auto_always_finds_one():
    mx = import_mxnet()
    assert parse_device("cpu") == [mx.cpu()]
    assert parse_device("auto")


@pytest.mark.parametrize("device", ["", "tpu", "gpu", "gpu(x)", "gpu(0),cpu", "gpu(0),gpu(0)"])
def test_an_unknown_device_shows_the_forms(device):
    with pytest.raises(BackendUnavailableError, match=r"Unknown device.*'gpu\(0\),gpu\(1\)'"):
        parse_device(device)


def test_a_gpu_that_is_not_there_says_how_to_get_on():
    with pytest.raises(BackendUnavailableError, match=r"no gpu\(99\).*'auto' or 'cpu'.*CUDA"):
        parse_device("gpu(99)")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
def test_running_out_of_memory_says_to_use_a_smaller_minibatch():
    import resource

    mx = import_mxnet()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, hard))
    try:
        with pytest.raises(TrainingError, match="batch_size"), memory_errors():
            mx.nd.empty((2**20, 2**10)).wait_to_read()
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_minibatch_larger_than_mxnet_can_count_is_a_lack_of_memory_too():
    mx = import_mxnet()
    with pytest.raises(TrainingError, match="batch_size"), memory_errors():
        mx.nd.empty((2**20, 2**30))


def test_other_errors_of_the_framework_are_not_called_a_lack_of_memory():
    mx = import_mxnet()
    with pytest.raises(mx.MXNetError), memory_errors():
        mx.nd.dot(mx.nd.zeros((2, 3)), mx.nd.zeros((2, 3))).wait_to_read()
