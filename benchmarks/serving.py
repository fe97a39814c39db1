"""Requests a second of the service, beside LitServe and beside the network alone.

    python -m benchmarks.serving [--model resnet18] [--clients 8] [--folder my/photos]

Measures in one run, in turns, and prints the median of the ratios, so that what else the machine
does touches all sides alike:

* alone: ONNX Runtime with its own settings, on batches of tensors that are ready in memory; the
  size of a batch is the fastest of some that was found before;
* service: JPEG files in base64 over HTTP to ``python -m jupyter_imgcls.serving.server``;
* litserve: the same requests to LitServe with the same network and preprocessing, batching as in
  its documentation; and once more with a worker process for each core.

The clients run on the same cores. LitServe is installed from PyPI into a temporary folder. A
server that is not being measured is suspended. A turn beside which other programs were busy is
done again, a few times. Core-ms are milliseconds of a core for a request, of all processes of a
side, its clients too: they change less than requests a second when the machine does other things.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import onnxruntime as ort
import psutil
from numpy.typing import NDArray
from safetensors.numpy import save_file

from jupyter_imgcls.backends import get_backend
from jupyter_imgcls.backends.base import BaseModel
from jupyter_imgcls.backends.base_models import get_base_model
from jupyter_imgcls.classifiers import TransferLearningModel
from jupyter_imgcls.scoring.pipeline import available_cores
from jupyter_imgcls.serving.load_test import start_load_test

from .scoring import make_photos

BATCHES = (1, 4, 8, 16)
# Cores that other programs may use beside a turn; else it is done again, so many times.
QUIET, ATTEMPTS = 0.15, 4
LONGEST_WAIT = 20.0
LITSERVE = """
import base64, json, sys
import litserve, numpy as np, onnxruntime as ort
from jupyter_imgcls.classifiers import load_classifier

onnx, model, port, workers, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])

class Classifier(litserve.LitAPI):
    def setup(self, device):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        self.prepare = load_classifier(model).preprocessing

    def decode_request(self, request):
        return self.prepare(base64.b64decode(request[0]["image_in_base64"]))

    def batch(self, images):
        return np.stack(images)

    def predict(self, images):
        return self.session.run(["logits"], {"images": images})[0]

    def unbatch(self, scores):
        return list(scores)

    def encode_response(self, scores):
        return [json.dumps(scores.tolist())]

if __name__ == "__main__":
    api = Classifier(max_batch_size=16, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.run(port=port, host="127.0.0.1", generate_client_file=False, log_level="warning")
"""


@dataclass
class Turn:
    """What a side did in one turn.

    Requests a second, latency in ms, core-ms a request; and how many cores other programs used.
    """

    speed: float
    p99: float | None
    core_ms: float
    errors: int = 0
    others: float = 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="resnet18", help="name of a base model")
    parser.add_argument("--clients", type=int, default=8, help="that ask at the same time")
    parser.add_argument("--seconds", type=float, default=5, help="of one turn")
    parser.add_argument("--repeats", type=int, default=5, help="turns")
    parser.add_argument("--folder", type=Path, help="JPEG files; made 640 x 480 ones by default")
    parser.add_argument("--no-litserve", action="store_true", help="leave that out")
    options = parser.parse_args()

    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = options.folder or make_photos(_new(work / "photos"))
        photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg"})
        base_model = get_base_model(options.model)
        onnx, model = save_model(base_model, work)

        def asked(url: str) -> Callable[[psutil.Process], Turn]:
            return lambda server: ask(url, server, photos, options.clients, options.seconds)

        sides: dict[str, Callable[[], Turn]] = {
            "alone": alone(onnx, base_model.input_size, options.seconds)
        }
        commands = {"service": service_command(model)}
        if not options.no_litserve:
            cores = available_cores()
            commands["litserve"] = litserve_command(work, onnx, model, 1, cores)
            commands[f"litserve, {cores} workers"] = litserve_command(work, onnx, model, cores, 1)
        for side, (command, port, path) in commands.items():
            server = stack.enter_context(running(command, port, work))
            sides[side] = suspended(server, asked(f"http://127.0.0.1:{port}{path}"))
        report(sides, options.repeats, f"{base_model.name}, {options.clients} clients")


def save_model(base_model: BaseModel, work: Path) -> tuple[Path, Path]:
    """An untrained network as an ONNX file and as a classifier; its speed is that of any."""
    dims = (3, base_model.input_size, base_model.input_size)
    network = get_backend("gluon").build(
        base_model, 4, dims, weights="random", device="cpu", seed=0
    )
    weights = {
        name.removeprefix("body."): value
        for name, value in network.get_weights().items()
        if name.startswith("body.")
    }
    save_file(weights, work / "weights.safetensors")
    (work / "network.onnx").write_bytes(network.to_onnx())
    classifier = TransferLearningModel(
        list("abcd"), base_model.name, dims, weights=work / "weights.safetensors"
    )
    return work / "network.onnx", classifier.serialize(work / "classifier.model")


def alone(onnx: Path, size: int, seconds: float) -> Callable[[], Turn]:
    """The network on ready tensors, in the batches that it takes fastest."""
    session = ort.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).normal(size=(max(BATCHES), 3, size, size))
    tensors = images.astype(np.float32)

    def measure(batch: int, seconds: float) -> Turn:
        ready: NDArray[np.float32] = tensors[:batch]
        used, started, photos = time.process_time(), time.perf_counter(), 0
        busy = all_busy()
        while time.perf_counter() - started < seconds:
            session.run(["logits"], {"images": ready})
            photos += batch
        elapsed = time.perf_counter() - started
        cpu = time.process_time() - used
        others = (all_busy() - busy - cpu) / elapsed
        return Turn(photos / elapsed, None, 1000 * cpu / photos, others=others)

    # The highest of several, as what else the machine does can only slow it down.
    rounds = [{batch: measure(batch, 0.6).speed for batch in BATCHES} for _ in range(4)]
    best = max(BATCHES, key=lambda batch: max(speeds[batch] for speeds in rounds))
    print(f"the network alone is fastest in batches of {best}", flush=True)
    return lambda: measure(best, seconds)


def service_command(model: Path) -> tuple[list[str], int, str]:
    """Our service: command, port, and path at which it scores."""
    port = free_port()
    command = [sys.executable, "-m", "jupyter_imgcls.serving.server", "--artifact", str(model)]
    command += ["--name", "benchmark", "--port", str(port), "--no-key"]
    return command, port, "/api/v1/service/benchmark/score"


def litserve_command(
    work: Path, onnx: Path, model: Path, workers: int, threads: int
) -> tuple[list[str], int, str]:
    """LitServe: the same."""
    script, libraries = work / "classifier_api.py", work / "litserve"
    if not script.exists():
        script.write_text(LITSERVE)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(libraries)]
        subprocess.run([*pip, "litserve==0.2.19"], check=True)
    port = free_port()
    numbers = [str(number) for number in (port, workers, threads)]
    command = [sys.executable, str(script), str(onnx), str(model), *numbers]
    return command, port, "/predict"


@contextmanager
def running(command: list[str], port: int, work: Path) -> Iterator[psutil.Process]:
    """A server from when it answers, until it is killed with its children."""
    paths = os.pathsep.join([str(Path.cwd()), str(work / "litserve")])
    environment = {**os.environ, "PYTHONPATH": paths}
    with (work / f"{port}.log").open("w+") as log:
        process = psutil.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            until = time.monotonic() + 120
            while not answers(port):
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise SystemExit(f"{command} did not start:\n{log.read()[-2000:]}")
                time.sleep(0.2)
            yield process
        finally:
            for member in family(process) if process.poll() is None else []:
                member.kill()
            process.wait()


def answers(port: int) -> bool:
    """Whether a server there says that it is ready: ours at /readyz, LitServe at /health."""
    try:
        base = f"http://127.0.0.1:{port}"
        return any(httpx.get(base + path).status_code == 200 for path in ("/readyz", "/health"))
    except httpx.HTTPError:
        return False


def family(process: psutil.Process) -> list[psutil.Process]:
    """A server's processes."""
    return [*process.children(recursive=True), process]


def suspended(
    process: psutil.Process, measure: Callable[[psutil.Process], Turn]
) -> Callable[[], Turn]:
    """Let a server run only while it is measured."""
    for member in family(process):
        member.suspend()

    def turn() -> Turn:
        for member in family(process):
            member.resume()
        try:
            return measure(process)
        finally:
            for member in family(process):
                member.suspend()

    return turn


def ask(url: str, server: psutil.Process, photos: list[Path], clients: int, seconds: float) -> Turn:
    """A load test of a server."""
    run = start_load_test(url, None, photos, clients, seconds, warm_up=1, sizes=(None,))
    while run.time < 0 and not run.wait(0.02):
        pass
    before, busy, started = used(server), all_busy(), time.perf_counter()
    run.wait()
    elapsed = time.perf_counter() - started
    result = run.result
    assert result is not None
    cpu = used(server) - before + result.cores * result.duration
    return Turn(
        result.throughput,
        result.percentiles[99],
        1000 * cpu / max(1, len(result.arrived)),
        sum(result.errors.values()),
        (all_busy() - busy - cpu) / elapsed,
    )


def all_busy() -> float:
    """Seconds of a core that all programs of the machine used so far."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


def used(process: psutil.Process) -> float:
    """Seconds of a core that a server used so far."""
    times = [member.cpu_times() for member in family(process)]
    return sum(time.user + time.system for time in times)


def report(sides: dict[str, Callable[[], Turn]], repeats: int, what: str) -> None:
    """Let the sides take turns, and print the medians."""
    turns: dict[str, list[Turn]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side, turn in sides.items():
            turns[side].append(least_disturbed(turn))
            last = turns[side][-1]
            print(
                f"  {side}: {last.speed:.1f} requests/s, {last.core_ms:.1f} core-ms, "
                f"{last.others:.2f} cores for others",
                flush=True,
            )
    print(f"{what}, median of {repeats} turns")
    for side, done in turns.items():
        latencies = [turn.p99 for turn in done if turn.p99 is not None]
        p99 = f"{statistics.median(latencies):4.0f} ms" if latencies else "-"
        ratios = [a.speed / b.speed for a, b in zip(done, turns["alone"], strict=True)]
        efficiency = [b.core_ms / a.core_ms for a, b in zip(done, turns["alone"], strict=True)]
        print(
            f"{side:20} {statistics.median(t.speed for t in done):7.1f} requests/s   "
            f"p99 {p99:>7}   "
            f"{statistics.median(t.core_ms for t in done):6.1f} core-ms   "
            f"of alone: {statistics.median(ratios):.2f} in time, "
            f"{statistics.median(efficiency):.2f} in core-ms   "
            f"{sum(t.errors for t in done)} errors"
        )
    ours = turns["service"]
    for side, theirs in turns.items():
        if side.startswith("litserve"):
            ratios = [a.speed / b.speed for a, b in zip(ours, theirs, strict=True)]
            print(f"service / {side}: {statistics.median(ratios):.2f}")


def least_disturbed(turn: Callable[[], Turn]) -> Turn:
    """A turn beside which other programs did little, or the least disturbed of several."""
    tried = []
    for _ in range(ATTEMPTS):
        until = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < until and psutil.cpu_percent(interval=0.5) > 10:
            pass
        tried.append(turn())
        if tried[-1].others < QUIET:
            break
    return min(tried, key=lambda done: done.others)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
