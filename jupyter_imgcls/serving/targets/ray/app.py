"""The service as an application of Ray Serve: the same one as elsewhere, in every replica."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["KEY_VARIABLE", "build", "try_out"]

KEY_VARIABLE = "IMGCLS_SERVICE_KEY"
"""Environment variable of a replica that holds the service key where `build` is given none."""

# The service's own queue answers 503 before this one does.
_ONGOING_A_REPLICA = 128
_QUEUED = 512
# With more than these a replica is busy, and with autoscaling another one is started.
_WANTED_A_REPLICA = 16
# Ray Serve waits longer (30 s each), but a replica starts within seconds.
_BUSY_SECONDS = {"upscale_delay_s": 5.0, "look_back_period_s": 15.0}
_SECONDS_TO_FINISH = 60.0


def build(settings: Mapping[str, Any]) -> Any:
    """Make the application; Ray Serve's configuration files call this, too (``import_path``).

    Parameters
    ----------
    settings : mapping
        ``name`` of the service. ``artifact``: path of the classifier's file on the machines of the
        replicas, or its content as bytes. ``key``: the service key, or None for a service without
        one; if it is not there, each replica takes it from `KEY_VARIABLE`. ``replicas``: 1 if it is
        not there. ``autoscaling``: instead of it, [fewest, most] replicas. ``cores``: of each
        replica, 1 if it is not there.

    Returns
    -------
    ray.serve.Application
        Its routes are below the prefix that it is run with.
    """
    from ray import serve

    def service() -> FastAPI:
        return _service(settings, serve.get_replica_context().replica_tag)

    autoscaling = settings.get("autoscaling")
    amount: dict[str, Any] = {"num_replicas": settings.get("replicas", 1)}
    if autoscaling is not None:
        fewest, most = autoscaling
        amount = {
            "autoscaling_config": {
                "min_replicas": fewest,
                "max_replicas": most,
                "target_ongoing_requests": _WANTED_A_REPLICA,
                **_BUSY_SECONDS,
            }
        }
    deployment: Any = serve.deployment(
        serve.ingress(service)(),
        name="service",
        max_ongoing_requests=_ONGOING_A_REPLICA,
        max_queued_requests=_QUEUED,
        graceful_shutdown_timeout_s=_SECONDS_TO_FINISH,
        graceful_shutdown_wait_loop_s=0.5,
        # A classifier that cannot be loaded is not loaded the third time, either.
        max_constructor_retry_count=2,
        ray_actor_options={"num_cpus": _cores(settings)},
        **amount,
    )
    return deployment.bind()


def try_out(settings: Mapping[str, Any]) -> None:
    """Make the service as a replica does, and drop it; raises what is in its way.

    Parameters
    ----------
    settings : mapping
        See `build`.
    """
    _service(settings, None)


def _service(settings: Mapping[str, Any], replica: str | None) -> FastAPI:
    from ...service.app import create_app
    from ...service.model import ServedModel

    name, artifact = settings["name"], settings["artifact"]
    key = settings["key"] if "key" in settings else os.environ[KEY_VARIABLE]
    with tempfile.TemporaryDirectory(prefix="imgcls-") as folder:
        if isinstance(artifact, bytes):
            file = Path(folder) / f"{name}.model"
            file.write_bytes(artifact)
        else:
            file = Path(artifact)
        model = ServedModel.load(file, cores=max(1, int(_cores(settings))))
    return create_app(model, name, key, replica=replica)


def _cores(settings: Mapping[str, Any]) -> float:
    return float(settings.get("cores", 1))
