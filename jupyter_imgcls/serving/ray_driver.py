"""What is done on a Ray cluster, in a process of its own: ``python -m …ray_driver``.

So that Ray, its threads, its log and its one connection a process stay out of the kernel, whose
user may use Ray for something else. It reads what to do from its standard input, as JSON, and
writes what came of it, as JSON, as the last line of its output.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "auto")


def main() -> int:
    """Do one thing on the cluster."""
    request = json.load(sys.stdin)
    try:
        answer = _do(request)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the kernel's user is told
        answer = {"error": f"{type(error).__name__}: {error}"}
    # Ray's own messages may stand before it.
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    return 0


def _do(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise RuntimeError(
            f"Ray Serve is not installed: pip install 'jupyter_imgcls[cluster]' ({error})"
        ) from error
    ray.init(
        address=request["address"],
        namespace="serve",
        log_to_driver=False,
        logging_level=logging.WARNING,
    )
    tasks = {"deploy": _deploy, "delete": _delete, "status": _status}
    try:
        return tasks[request["do"]](serve, request)
    finally:
        ray.shutdown()


def _deploy(serve: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    from .model import ServedModel
    from .ray_app import build

    name, settings = request["name"], dict(request["settings"])
    there = serve.status().applications
    if name in there and not request["update"]:
        return {"error": f"The name '{name}' is in use on this cluster. Choose another one."}
    # Where a replica failed to start, Ray Serve would call off those that serve, too.
    ServedModel.load(settings["artifact"])
    host = _host(request["address"])
    if request["send"]:  # the cluster's machines do not see the files of this one
        settings["artifact"] = Path(settings["artifact"]).read_bytes()
    # Where Serve runs already it goes on as it is.
    listen = "127.0.0.1" if host in _LOOPBACK else "0.0.0.0"  # noqa: S104 -- a key is required
    serve.start(http_options={"host": listen, "port": request["port"]})
    try:
        serve.run(build(settings), name=name, route_prefix=f"/{name}")
    except RuntimeError as error:
        reason = _status(serve, request)["message"] or str(error)
        if name not in there:
            serve.delete(name)
        return {"error": f"the service '{name}' did not start: {reason}"}
    return {"url": f"{_root_url(host)}/{name}/api/v1/service/{name}/score"}


def _delete(serve: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    applications = serve.status().applications
    if request["name"] in applications:
        serve.delete(request["name"])
    return {"left": len(set(applications) - {request["name"]})}


def _status(serve: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    application = serve.status().applications.get(request["name"])
    if application is None:
        return {"status": "NOT_THERE", "message": "", "replicas": {}}
    deployments = application.deployments.values()
    return {
        "status": application.status.value,
        "message": " ".join([application.message, *(d.message for d in deployments)]).strip(),
        "replicas": next((d.replica_states for d in deployments), {}),
    }


def _host(address: str) -> str:
    """``ray://host:10001``, ``host:6379`` or ``auto``: where the cluster is."""
    return address.removeprefix("ray://").rpartition(":")[0] or address


def _root_url(host: str) -> str:
    from ray.serve.context import _get_global_client

    client = _get_global_client()
    assert client is not None
    listens, port = client.http_config.host, client.http_config.port
    if listens in ("0.0.0.0", "::", ""):  # noqa: S104
        listens = "127.0.0.1" if host in _LOOPBACK else host
    return f"http://{listens}:{port}"


if __name__ == "__main__":
    sys.exit(main())
