"""The commands for web services: ``imgcls deploy | deployments | undeploy | score-service | …``."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import typer

from ..context import Context
from ..errors import DeploymentError, ServiceError
from ..files import write_whole
from .console import finish, finish_scores, running

__all__ = ["COMMANDS"]


class Target(str, Enum):
    """Where a service runs."""

    local = "local"
    cluster = "cluster"


Storage = Annotated[
    Path | None,
    typer.Option(help="A notebook's storage folder (persistent_path). Default: your own."),
]
Service = Annotated[str, typer.Argument(help="Name of a deployment, or URL of a service.")]
KeyFile = Annotated[
    Path | None, typer.Option(help="File with the key of a service given by its URL.")
]
Photos = Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def deploy(
    model: Annotated[
        Path | None,
        typer.Argument(help="A saved classifier. Without it: restart the crashed service --name."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the deployment. Default: the file's name.")
    ] = None,
    target: Annotated[
        Target, typer.Option(help="Run on this machine, or on Ray Serve (jupyter_imgcls[cluster]).")
    ] = Target.local,
    host: Annotated[
        str, typer.Option(help="local: address to listen on; 0.0.0.0 admits other machines.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="local: port. Default: a free one.", min=1, max=65535)
    ] = None,
    key: Annotated[bool, typer.Option(help="Create a key that requests need.")] = True,
    replicas: Annotated[int, typer.Option(min=1, help="cluster: number of replicas.")] = 1,
    autoscaling: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="MIN MAX", help="cluster: scale replicas with the load, instead of --replicas."
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(help="cluster: ray://host:10001 or host:6379. Default: start one here."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Replace the classifier of a running service.")
    ] = False,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Deploy the classifier MODEL as a web service.

    It runs until 'imgcls undeploy', even after you log out.
    """
    from ..serving.deployment import Deployment

    with running(quiet=True):
        _use(storage)
        if model is None and name is None:
            raise DeploymentError("Give a saved classifier, or --name of a crashed service.")
        # A file name may have characters that a service's name may not.
        named = name or re.sub("[^a-zA-Z0-9]+", "-", model.stem if model else "").strip("-")[:50]
        if model is None:
            deployment = Deployment.find(named).restart()
        elif update:
            deployment = Deployment.find(named).update(model)
        else:
            deployment = Deployment(
                named,
                model,
                target.value,
                replicas,
                host=host,
                port=port,
                with_key=key,
                autoscaling=autoscaling,
                address=address,
            ).deploy()
        facts = deployment.describe()
        finish(_describe(facts), facts, as_json)


def deployments(storage: Storage = None, as_json: AsJson = False) -> None:
    """List your services, running or crashed."""
    from ..serving.deployment import Deployment

    with running(quiet=True):
        _use(storage)
        found = [d.describe() for d in Deployment.list_deployment(everywhere=storage is None)]
        lines = [
            "\t".join(facts[key] or "-" for key in ("name", "status", "url", "log"))
            for facts in found
        ]
        finish("\n".join(lines) or "Nothing is deployed.", {"deployments": found}, as_json)


def undeploy(
    name: Annotated[str, typer.Argument(help="Name of the deployment.")],
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Stop and delete a service.

    It finishes accepted requests first.
    """
    from ..serving.deployment import Deployment

    with running(quiet=True):
        _use(storage)
        Deployment.find(name).delete()
        finish(f"{name} is deleted.", {"deleted": name}, as_json)


def score_service(
    service: Service,
    photos: Photos,
    top: Annotated[int, typer.Option(min=1, help="Classes to show for each photo.")] = 1,
    key_file: KeyFile = None,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Score photos with a service.

    The output is that of 'imgcls score'.
    """
    import json

    from ..data import ClassificationDataset
    from ..serving.client import describe_service, score

    with running(quiet=True):
        _use(storage)
        url, key = _service(service, key_file)
        labels = describe_service(url, key)["labels"]
        dataset = ClassificationDataset.create_from_files("photos", photos)
        left_out = {problem.path: problem.reason for problem in dataset.problems}
        scores = {}
        if len(dataset):
            answers = json.loads(score(dataset, url, key, parameters={"addSoftmax": True}))
            for path, answer in zip(dataset.paths, map(json.loads, answers), strict=True):
                if isinstance(answer, dict):
                    left_out[path] = str(answer.get("error"))
                else:
                    scores[path] = answer
        finish_scores(scores, labels, left_out, top, as_json)


def loadtest(
    service: Service,
    photos: Photos,
    users: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Concurrent clients. Default: 8; repeat for a sweep."),
    ] = None,
    duration: Annotated[float, typer.Option(min=1, help="Seconds to measure.")] = 10,
    rate: Annotated[
        float | None,
        typer.Option(help="Send requests at this rate per second, instead of --users."),
    ] = None,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds of load before measuring.")] = 2,
    picture: Annotated[
        Path | None, typer.Option(help="File for a chart: .png, .svg or .pdf.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="CSV file for the requests, one per line.")
    ] = None,
    key_file: KeyFile = None,
    storage: Storage = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure the throughput and latency of a service.

    Sends the photos in turn, in several sizes.
    """
    from ..data import ClassificationDataset
    from ..serving.load_test import LoadSweep, LoadTestResult, load_sweep, load_test

    with running(quiet=quiet):
        _use(storage)
        if rate is not None and users:
            raise ServiceError("Give --users or --rate, not both.")
        if picture is not None and picture.suffix not in (".png", ".svg", ".pdf"):
            raise ServiceError(f"A picture is a .png, .svg or .pdf file, not {picture}.")
        url, key = _service(service, key_file)
        images = ClassificationDataset.create_from_files("photos", photos)
        options: dict[str, Any] = {
            "duration": duration,
            "warm_up": warm_up,
            "progress": not quiet,
        }
        result: LoadSweep | LoadTestResult
        if users and len(users) > 1:
            result = load_sweep(url, key, images, users, **options)
        else:
            number = users[0] if users else 8
            result = load_test(url, key, images, users=number, rate=rate, **options)
        if picture is not None:
            buffer = BytesIO()
            result.plot().savefig(buffer, format=picture.suffix[1:])
            write_whole(picture, buffer.getvalue())
        if csv is not None:
            from ..data.csv_text import csv_bytes

            write_whole(csv, csv_bytes(result.frame))
        finish(str(result), result.to_dict(), as_json)


COMMANDS: list[Callable[..., None]] = [deploy, deployments, undeploy, score_service, loadtest]


def _use(storage: Path | None) -> None:
    if storage is None:
        return
    if not storage.is_dir():
        raise DeploymentError(f"There is no folder {storage}.")
    Context.create(outputs_path=storage, persistent_path=storage, temp_path=storage)


def _service(service: str, key_file: Path | None) -> tuple[str, str | None]:
    """URL and key of a service."""
    from ..serving.deployment import Deployment

    if not service.startswith(("http://", "https://")):
        deployment = Deployment.find(service)
        return deployment.service_url, deployment.service_key
    if key_file is None:
        return service, None
    try:
        return service, key_file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise ServiceError(f"Cannot read the key from {key_file}: {error}.") from error


def _describe(facts: dict[str, Any]) -> str:
    lines = [
        f"{facts['name']} is {facts['status']}: {facts['url']}",
        f"Try it in a browser: {facts['url'].partition('/api/')[0]}/",
    ]
    if facts["key_file"]:
        lines.append(f"Key: {facts['key_file']}")
    if facts["log"]:
        lines.append(f"Log: {facts['log']}")
    return "\n".join(lines)
