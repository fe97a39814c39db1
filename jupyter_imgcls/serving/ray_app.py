"""The service as an application of Ray Serve: the same one as elsewhere, in every replica."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["KEY_VARIABLE", "build"]

KEY_VARIABLE = "IMGCLS_SERVICE_KEY"
"""Environment variable of a replica that holds the service key where `build` is given none."""

# The service's own queue answers 503 before this one does.
_ONGOING_A_REPLICA = 128
_QUEUED = 512
# With more than these a replica is busy, and with autoscaling another one is started.
_WANTED_A_REPLICA = 16
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

    name, artifact = settings["name"], settings["artifact"]
    key_given, key = "key" in settings, settings.get("key")
    cores = settings.get("cores", 1)

    def service() -> Any:
        from jupyter_imgcls.serving.app import create_app
        from jupyter_imgcls.serving.model import ServedModel

        with tempfile.TemporaryDirectory(prefix="imgcls-") as folder:
            if isinstance(artifact, bytes):
                file = Path(folder) / f"{name}.model"
                file.write_bytes(artifact)
            else:
                file = Path(artifact)
            model = ServedModel.load(file, cores=max(1, int(cores)))
        return create_app(model, name, key if key_given else os.environ[KEY_VARIABLE])

    autoscaling = settings.get("autoscaling")
    amount: dict[str, Any] = {"num_replicas": settings.get("replicas", 1)}
    if autoscaling is not None:
        fewest, most = autoscaling
        amount = {
            "autoscaling_config": {
                "min_replicas": fewest,
                "max_replicas": most,
                "target_ongoing_requests": _WANTED_A_REPLICA,
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
        ray_actor_options={"num_cpus": cores},
        **amount,
    )
    return deployment.bind()
