"""A service for Kubernetes: the manifest of a RayService, which the KubeRay operator runs.

See https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/rayservice-quick-start.html.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ....errors import DeploymentError, require_extra
from ....files import write_whole
from ...docker.image import ray_version
from .app import KEY_VARIABLE
from .local import PROXY

__all__ = ["export_kuberay"]

_HEADER = """\
# The web service '{name}' on Kubernetes, with the KubeRay operator (1.1 or newer).
#
# 1. Build the image from the folder that build_docker_image() wrote, and push it:
#        docker build -f Dockerfile.ray -t {image} . && docker push {image}
# 2. Make the service key, which is not in this file:
#        kubectl create secret generic {secret} --from-literal=key="$(openssl rand -base64 32)"
# 3. Start it:
#        kubectl apply -f {file}
# It answers inside the cluster, at
#     http://{service}-serve-svc:8000/{name}/api/v1/service/{name}/score
# Put an Ingress with HTTPS in front of it to let others in. The cores and the memory of a replica
# are a start: a large network needs more.
"""
_MEMORY = "2Gi"
_USER = 1000  # ray, in the images of Ray


def export_kuberay(
    path: str | os.PathLike[str],
    name: str,
    image: str | None = None,
    replicas: int = 1,
    autoscaling: tuple[int, int] | None = None,
) -> Path:
    """Write the manifest of a RayService.

    Parameters
    ----------
    path : path
        File to write, such as ``service.yaml``.
    name : str
        Of the service.
    image : str, optional
        Made from ``Dockerfile.ray`` of the folder of `build_context`; it has the classifier. By
        default ``imgcls-<name>-ray``, which the cluster must be able to pull.
    replicas : int
        Copies of the classifier, each in a pod of its own.
    autoscaling : tuple of int, optional
        Fewest and most replicas, instead of `replicas`.

    Returns
    -------
    Path
        The file. It has no secret in it: the service key is a Secret of the cluster.

    Raises
    ------
    MissingExtraError
        If PyYAML is not installed.
    DeploymentError
        If the numbers of replicas make no sense.
    StorageError
        If it cannot be written.
    """
    require_extra("cluster", "yaml", "A manifest for KubeRay needs PyYAML")
    import yaml

    fewest, most = autoscaling or (replicas, replicas)
    if not 1 <= fewest <= most:
        raise DeploymentError(f"A service has at least 1 replica: not {autoscaling or replicas!r}.")
    file, service = Path(path), f"imgcls-{name.lower()}"
    image = image or f"{service}-ray"
    secret = f"{service}-key"
    manifest = {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": service},
        "spec": {
            "serveConfigV2": yaml.safe_dump(
                _serve_config(name, replicas, autoscaling), sort_keys=False
            ),
            "rayClusterConfig": {
                "rayVersion": ray_version(),
                "enableInTreeAutoscaling": fewest < most,
                "headGroupSpec": {
                    # What serves runs on the workers.
                    "rayStartParams": {"num-cpus": "0", "dashboard-host": "0.0.0.0"},  # noqa: S104
                    "template": _pod("ray-head", image, secret),
                },
                "workerGroupSpecs": [
                    {
                        "groupName": "replicas",
                        "replicas": fewest,
                        "minReplicas": fewest,
                        "maxReplicas": most,
                        "rayStartParams": {},
                        "template": _pod("ray-worker", image, secret),
                    }
                ],
            },
        },
    }
    header = _HEADER.format(name=name, image=image, secret=secret, file=file.name, service=service)
    write_whole(file, (header + yaml.safe_dump(manifest, sort_keys=False)).encode())
    return file


def _serve_config(name: str, replicas: int, autoscaling: tuple[int, int] | None) -> dict[str, Any]:
    settings: dict[str, Any] = {"name": name, "artifact": "/service/classifier.model"}
    settings |= {"autoscaling": list(autoscaling)} if autoscaling else {"replicas": replicas}
    return {
        "http_options": {"host": "0.0.0.0", "port": 8000},  # noqa: S104 -- of the pod
        "applications": [
            {
                "name": name,
                "import_path": "jupyter_imgcls.serving.targets.ray.app:build",
                "route_prefix": f"/{name}",
                "args": settings,
            }
        ],
    }


def _pod(container: str, image: str, secret: str) -> dict[str, Any]:
    resources = {"cpu": "1", "memory": _MEMORY}
    key = {"secretKeyRef": {"name": secret, "key": "key"}}
    return {
        "spec": {
            "containers": [
                {
                    "name": container,
                    "image": image,
                    "env": [
                        {"name": KEY_VARIABLE, "valueFrom": key},
                        *({"name": name, "value": value} for name, value in PROXY.items()),
                    ],
                    "resources": {"limits": dict(resources), "requests": dict(resources)},
                    "securityContext": {"allowPrivilegeEscalation": False, "runAsUser": _USER},
                }
            ]
        }
    }
