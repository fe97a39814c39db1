"""Check that the required libraries are installed, compatible, and load."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import requires, version

from packaging.requirements import Requirement

from .environment import here
from .finding import Finding, note, ok, problem
from .probe import Probe, ProbeError, python

__all__ = ["LibraryProbes", "examine_extras", "examine_libraries"]

_NAME = "jupyter_imgcls"
_OPENCV = "opencv-contrib-python-headless"
# Without a window system there is no libGL, which the wrong OpenCV needs.
_CV2 = """
import cv2, numpy
assert cv2.imencode(".jpg", numpy.zeros((8, 8, 3), numpy.uint8))[0]
print(cv2.__version__)
"""
_MXNET = """
import sys
from jupyter_imgcls.backends.mxnet_runtime import import_gluoncv, import_mxnet
from jupyter_imgcls.errors import BackendUnavailableError
try:
    mxnet, _ = import_mxnet(), import_gluoncv()
except BackendUnavailableError as error:
    # The first sentence gives the reason, the others advice.
    sys.exit(" ".join(str(error).partition(". ")[0].split()))
print(mxnet.__version__, mxnet.util.get_gpu_count())
"""
_ONNX = """
import onnxruntime
print(onnxruntime.__version__, *onnxruntime.get_available_providers())
"""
# Every module of them: a widget whose front end was not built cannot be imported.
_WIDGETS = """
import pkgutil
import jupyter_imgcls.widgets as widgets
for module in pkgutil.walk_packages(widgets.__path__, widgets.__name__ + "."):
    __import__(module.name)
"""
_EXTRAS = {
    "torch": ("torch", "refining whole networks with PyTorch"),
    "locust": ("load", "load tests"),
    "ray": ("cluster", "services on Ray"),
    "voila": ("dashboard", "the dashboard"),
    "tensorboardX": ("tensorboard", "curves in TensorBoard"),
    "pillow-heif": ("heic", "HEIC photos"),
}


class LibraryProbes:
    """Processes that load the libraries that may crash."""

    def __init__(self) -> None:
        # The check of the requirements reports those that are not installed.
        self.mxnet = python(_MXNET) if here().version("mxnet") else None
        self.cv2 = python(_CV2) if here().version(_OPENCV) else None
        self.onnxruntime = python(_ONNX) if here().version("onnxruntime") else None
        self.widgets = python(_WIDGETS)


def examine_libraries(probes: LibraryProbes) -> Iterator[Finding]:
    """Check Python, the requirements, and the compiled libraries."""
    yield ok("Python", f"{platform.python_version()}, {here().python}")
    yield ok(_NAME, version(_NAME))
    yield from _requirements()
    if probes.cv2:
        yield _opencv(probes.cv2)
    if probes.onnxruntime:
        yield _onnxruntime(probes.onnxruntime)
    if probes.mxnet:
        yield _mxnet(probes.mxnet)
    elif _has_wheel("mxnet"):
        text = "not installed; needed to refine whole networks"
        yield note("MXNet", text, here().pip(f"{_NAME}[gluon]"))
    else:
        text = (
            f"no wheel for {platform.system()} on {platform.machine()}: to refine whole networks "
            "here, use PyTorch"
        )
        yield note("MXNet", text, here().pip(f"{_NAME}[torch]"))
    yield _widgets(probes.widgets)


def examine_extras() -> Iterator[Finding]:
    """Check the optional packages and programs."""
    for name, (extra, use) in _EXTRAS.items():
        found = here().version(name)
        if found is None:
            yield note(name, f"not installed; needed for {use}", here().pip(f"{_NAME}[{extra}]"))
        else:
            yield ok(name, f"{found}, for {use}")
    if shutil.which("docker"):
        yield ok("Docker", "installed, for container images")
    else:
        install = "https://docs.docker.com/engine/install/"
        yield note("Docker", "not installed; needed for container images", install)


def _requirements() -> Iterator[Finding]:
    wrong = {}
    wanted = _wanted()
    for one in wanted:
        found = here().version(one.name)
        if found is None or not one.specifier.contains(found, prereleases=True):
            wrong[one] = found
    for one, found in wrong.items():
        text = f"{found or 'not installed'}, but {_NAME} needs {one.name}{one.specifier}"
        yield problem(one.name, text, here().pip(f"{one.name}{one.specifier}"))
    if not wrong:
        yield ok("requirements", f"all {len(wanted)} installed in compatible versions")


def _opencv(probe: Probe) -> Finding:
    try:
        return ok("OpenCV", probe.result())
    except ProbeError as error:
        wheel = next(text for text in requires(_NAME) or () if text.startswith(_OPENCV))
        to_do = here().pip("--force-reinstall", "--no-deps", wheel)
        return problem("OpenCV", f"does not load: {error}", to_do)


def _onnxruntime(probe: Probe) -> Finding:
    try:
        number, *providers = probe.result().split()
    except ProbeError as error:
        to_do = here().pip("--force-reinstall", "--no-deps", "onnxruntime")
        return problem("ONNX Runtime", f"does not load: {error}", to_do)
    names = ", ".join(name.removesuffix("ExecutionProvider") for name in providers)
    return ok("ONNX Runtime", f"{number}, runs on: {names}")


def _mxnet(probe: Probe) -> Finding:
    try:
        number, _ = probe.result().split()
        return ok("MXNet", f"{number}, refines whole networks")
    except ProbeError as error:
        with_it = ("mxnet", "gluoncv", "setuptools")
        wheels = [f"{one.name}{one.specifier}" for one in _wanted("gluon") if one.name in with_it]
        to_do = here().pip("--force-reinstall", "--no-deps", *wheels)
        return problem("MXNet", str(error), to_do)


def _widgets(probe: Probe) -> Finding:
    try:
        probe.result()
    except ProbeError as error:
        to_do = here().pip("--force-reinstall", "--no-deps", _NAME)
        return problem("widgets", f"cannot be imported: {error}", to_do)
    return ok("widgets", "all can be imported")


def _wanted(extra: str = "") -> list[Requirement]:
    """Requirements of the package, with an extra, on this system."""
    every = [Requirement(text) for text in requires(_NAME) or ()]
    return [one for one in every if one.marker is None or one.marker.evaluate({"extra": extra})]


def _has_wheel(name: str) -> bool:
    return name in {one.name for one in _wanted("gluon")}
