"""What is done on a Ray cluster, in a process of its own: ``python -m …ray_driver``.

So that Ray, its threads, its log and its one connection a process stay out of the kernel, whose
user may use Ray for something else. It reads what to do from its standard input, as JSON, and
writes what came of it, as JSON, as the last line of its output.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "auto")
_SECONDS_TO_JOIN = 90.0


def main() -> int:
    """Do one thing on the cluster."""
    request = json.load(sys.stdin)
    try:
        answer = _do(request)
    except Exception as error:  # noqa: BLE001 -- whatever it is, the kernel's user is told
        answer = {"error": f"{type(error).__name__}: {error}"}
    _say(answer)
    return 0


def _say(answer: Mapping[str, Any]) -> None:
    # Ray's own messages may stand before it.
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    sys.stdout.flush()


def _do(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise RuntimeError(
            f"Ray Serve is not installed: pip install 'jupyter_imgcls[cluster]' ({error})"
        ) from error
    # Ray itself goes on trying, for ten minutes and more.
    late = threading.Timer(_SECONDS_TO_JOIN, _give_up)
    late.start()
    try:
        ray.init(
            address=request["address"],
            namespace="serve",
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    finally:
        late.cancel()
    tasks = {"deploy": _deploy, "delete": _delete, "status": _status}
    try:
        return tasks[request["do"]](serve, request)
    finally:
        ray.shutdown()


def _give_up() -> None:
    _say({"error": "it cannot be joined: is there a Ray cluster, of the version that is here?"})
    os._exit(0)


def _deploy(serve: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    import ray

    from .app import build, try_out

    name, settings = request["name"], dict(request["settings"])
    there = serve.status().applications
    if name in there and not request["update"]:
        return {"error": f"The name '{name}' is in use on this cluster. Choose another one."}
    host = _host(request["address"])
    if request["send"]:  # the cluster's machines do not see the files of this one
        settings["artifact"] = Path(settings["artifact"]).read_bytes()
    # Where a replica failed to start, Ray Serve would call off those that serve, too. So it is made
    # on the cluster first, by a process that ends with that.
    try:
        ray.get(ray.remote(num_cpus=0, max_calls=1)(try_out).remote(settings))
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error  # without Ray's own traceback
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
