"""The manifest for KubeRay, checked against what Ray and KubeRay ask of it."""

from __future__ import annotations

import subprocess
import sys

import jsonschema
import pytest
import yaml

from jupyter_imgcls.errors import DeploymentError, MissingExtraError
from jupyter_imgcls.serving.targets.ray.kuberay import export_kuberay

# Of KubeRay's RayService (v1) and Kubernetes' pods, what this package writes: all of it, and what
# they require.
CONTAINER = {
    "type": "object",
    "required": ["name", "image"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"},
        "image": {"type": "string", "minLength": 1},
        "env": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "oneOf": [{"required": ["value"]}, {"required": ["valueFrom"]}],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string"},
                    "value": {"type": "string"},
                    "valueFrom": {
                        "type": "object",
                        "required": ["secretKeyRef"],
                        "properties": {
                            "secretKeyRef": {"type": "object", "required": ["name", "key"]}
                        },
                    },
                },
            },
        },
        "resources": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {
                    "type": "string",
                    "pattern": r"^[0-9]+(\.[0-9]+)?([KMGTPE]i|[numkMGTPE])?$",
                },
            },
        },
        "securityContext": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "allowPrivilegeEscalation": {"type": "boolean"},
                "runAsUser": {"type": "integer"},
            },
        },
    },
}
POD = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["containers"],
            "properties": {"containers": {"type": "array", "minItems": 1, "items": CONTAINER}},
        }
    },
}
START = {"type": "object", "additionalProperties": {"type": "string"}}
RAY_SERVICE = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayService"},
        "metadata": {
            "type": "object",
            "required": ["name"],
            # The operator adds up to 16 characters of its own.
            "properties": {"name": {"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 47}},
        },
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["serveConfigV2", "rayClusterConfig"],
            "properties": {
                "serveConfigV2": {"type": "string"},
                "rayClusterConfig": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["headGroupSpec"],
                    "properties": {
                        "rayVersion": {"type": "string"},
                        "enableInTreeAutoscaling": {"type": "boolean"},
                        "headGroupSpec": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["template"],
                            "properties": {"rayStartParams": START, "template": POD},
                        },
                        "workerGroupSpecs": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["groupName", "maxReplicas", "minReplicas", "template"],
                                "properties": {
                                    "groupName": {"type": "string"},
                                    "replicas": {"type": "integer"},
                                    "minReplicas": {"type": "integer"},
                                    "maxReplicas": {"type": "integer"},
                                    "rayStartParams": START,
                                    "template": POD,
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.mark.parametrize("autoscaling", [None, (1, 4)])
def test_the_manifest_is_a_ray_service(tmp_path, autoscaling):
    file = export_kuberay(
        tmp_path / "cups.yaml", "Cups-2", "registry/cups:1", 3, autoscaling=autoscaling
    )

    manifest = yaml.safe_load(file.read_text())
    jsonschema.validate(manifest, RAY_SERVICE)
    cluster = manifest["spec"]["rayClusterConfig"]
    (workers,) = cluster["workerGroupSpecs"]
    assert (workers["minReplicas"], workers["maxReplicas"]) == ((1, 4) if autoscaling else (3, 3))
    assert cluster["enableInTreeAutoscaling"] == (autoscaling is not None)
    images = {
        container["image"]
        for group in (cluster["headGroupSpec"], workers)
        for container in group["template"]["spec"]["containers"]
    }
    assert images == {"registry/cups:1"}
    (tmp_path / "config.yaml").write_text(manifest["spec"]["serveConfigV2"])
    # In a process of its own: importing Ray warns of this and that.
    done = subprocess.run(
        [sys.executable, "-c", READ_BY_RAY, tmp_path / "config.yaml"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["/Cups-2", str(4 if autoscaling else 3), "1.0"]


# The prefix, the most replicas, and the cores of each: a worker has one.
READ_BY_RAY = """
import importlib, sys, yaml
from ray.serve.schema import ServeDeploySchema

config = ServeDeploySchema.model_validate(yaml.safe_load(open(sys.argv[1])))
(application,) = config.applications
module, _, function = application.import_path.partition(":")
built = getattr(importlib.import_module(module), function)(application.args)
deployment = built._bound_deployment
scaling = deployment._deployment_config.autoscaling_config
most = scaling.max_replicas if scaling else deployment.num_replicas
print(application.route_prefix, most, float(deployment.ray_actor_options["num_cpus"]))
"""


def test_the_key_is_a_secret_of_the_cluster(tmp_path):
    text = export_kuberay(tmp_path / "cups.yaml", "cups").read_text()

    (worker,) = yaml.safe_load(text)["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    key, _ = worker["template"]["spec"]["containers"][0]["env"]
    assert key == {
        "name": "IMGCLS_SERVICE_KEY",
        "valueFrom": {"secretKeyRef": {"name": "imgcls-cups-key", "key": "key"}},
    }
    assert "create secret generic imgcls-cups-key" in text


def test_it_is_written_where_ray_is_not_installed(tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from jupyter_imgcls.serving.targets.ray.kuberay import export_kuberay\n"
        f"export_kuberay({str(tmp_path / 'cups.yaml')!r}, 'cups')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

    assert (tmp_path / "cups.yaml").is_file()


def test_impossible_replicas_are_refused(tmp_path):
    for wrong in ({"replicas": 0}, {"autoscaling": (0, 2)}, {"autoscaling": (3, 2)}):
        with pytest.raises(DeploymentError, match="at least 1 replica"):
            export_kuberay(tmp_path / "cups.yaml", "cups", **wrong)
    assert not (tmp_path / "cups.yaml").exists()


def test_without_pyyaml_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'jupyter_imgcls\[cluster\]'"):
        export_kuberay(tmp_path / "cups.yaml", "cups")
