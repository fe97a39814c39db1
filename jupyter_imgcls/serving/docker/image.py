"""A service as a Docker image: what it is built from, and building it."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ...errors import DeploymentError
from ...files import write_whole
from .wheel import write_wheel

__all__ = ["DockerImage", "build_context", "build_image", "pinned_requirements", "ray_version"]

_log = logging.getLogger(__name__)

# What a service imports; neither MXNet nor Jupyter is among it. A test starts one with just that.
SERVING = (
    "anyio",
    "cloudpickle",
    "fastapi",
    "fastapi-offline",
    "httptools",
    "numpy",
    "onnxruntime",
    "opencv-contrib-python-headless",
    "orjson",
    "pandas",
    "pillow",
    "platformdirs",
    "prometheus-client",
    "psutil",
    "pydantic",
    "python-multipart",
    "safetensors",
    "scikit-learn",
    "scipy",
    "skops",
    "tqdm",
    "uvicorn",
    "uvloop",
)
# An image is for Linux, whatever this machine runs.
_IMAGE = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}

_DOCKERFILE = """\
FROM {base}
WORKDIR /service
COPY requirements.txt {wheel} ./
RUN pip install --no-cache-dir -r requirements.txt
COPY classifier.model ./
{rest}"""
_SERVICE = """\
# No user of the machine that it runs on, and none that may write here.
USER 10001
ENV PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s \\
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz')"]
ENTRYPOINT ["python", "-m", "jupyter_imgcls.serving.server", \\
    "--artifact", "/service/classifier.model", "--name", "{name}", "--host", "0.0.0.0"]
CMD ["--key-file", "/run/secrets/service_key"]
"""
_RAY = """\
# For KubeRay, which says what is run. The images of Ray have this user.
USER ray
"""
_README = """\
The web service '{name}' as a Docker image.

    docker build -t {tag} .

It needs a service key, which is not in the image: write one into a file that only you can read.

    (umask 077; python3 -c "import secrets; print(secrets.token_urlsafe(32))" > ../{name}.key)
    docker run --user "$(id -u)" -p 127.0.0.1:8000:8000 \\
        -v "$PWD/../{name}.key:/run/secrets/service_key:ro" {tag}

It scores photos at http://127.0.0.1:8000/api/v1/service/{name}/score. Without the '127.0.0.1:' of
-p other machines reach it, too; put HTTPS in front of it then. Without Docker:

    python{python} -m venv env && env/bin/pip install -r requirements.txt
    env/bin/python -m jupyter_imgcls.serving.server --artifact classifier.model --name {name} \\
        --key-file ../{name}.key

Dockerfile.ray makes the image for a cluster with KubeRay.
"""


@dataclass(frozen=True)
class DockerImage:
    """A Docker image, or what it can be built from.

    Parameters
    ----------
    context : Path
        Folder with the Dockerfile and all that it needs.
    tag : str
        Of the image.
    problem : str or None
        Why it was not built; None when it was.
    """

    context: Path
    tag: str
    problem: str | None

    def __repr__(self) -> str:
        if self.problem is None:
            return f"<Docker image {self.tag}: see {self.context / 'README.txt'}>"
        return (
            f"<No Docker image: {self.problem} All that it needs is in {self.context}; build it "
            f"there with 'docker build -t {self.tag} .'>"
        )


def build_context(artifact: str | os.PathLike[str], name: str, folder: Path) -> Path:
    """Write what a Docker image of a service is built from.

    That is a Dockerfile, requirements with the versions that are installed here, this package
    without what serves no service, the classifier, a README, and a Dockerfile for KubeRay. The
    service key is not among it.

    Parameters
    ----------
    artifact : path
        The saved classifier.
    name : str
        Of the service.
    folder : Path
        New, empty, or written by this function before.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DeploymentError
        If the folder holds something else.
    StorageError
        If it cannot be written.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "Dockerfile").is_file():
        raise DeploymentError(f"{folder} holds other files: choose a new folder for the image.")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    pinned = pinned_requirements()
    wheel = write_wheel(folder, requires=SERVING).name
    python = ".".join(platform.python_version_tuple()[:2])
    service = _DOCKERFILE.format(
        base=f"python:{python}-slim", wheel=wheel, rest=_SERVICE.replace("{name}", name)
    )
    ray_image = f"rayproject/ray:{ray_version()}-py{python.replace('.', '')}"
    files = {
        "requirements.txt": "\n".join([*pinned, f"./{wheel}"]) + "\n",
        "Dockerfile": service,
        "Dockerfile.ray": _DOCKERFILE.format(base=ray_image, wheel=wheel, rest=_RAY),
        "README.txt": _README.format(name=name, tag=_tag(name), python=python),
        ".dockerignore": "*\n!requirements.txt\n!*.whl\n!classifier.model\n",
    }
    for file, text in files.items():
        write_whole(folder / file, text.encode())
    shutil.copyfile(artifact, folder / "classifier.model")
    # The user of the image is none of this machine's.
    (folder / "classifier.model").chmod(0o644)
    return folder


def build_image(context: Path, name: str) -> DockerImage:
    """Build the image of a context, if a Docker engine answers.

    Parameters
    ----------
    context : Path
        From `build_context`.
    name : str
        Of the service; with ``imgcls-`` before it, the image's tag.

    Raises
    ------
    DeploymentError
        If the building fails; the message has the end of what Docker says.
    """
    tag = _tag(name)
    docker = shutil.which("docker")
    if docker is None:
        return _not_built(context, tag, "Docker is not installed.")
    asked = _run(docker, "info")
    if asked.returncode:
        said = (asked.stderr.strip().splitlines() or ["no reason given"])[-1]
        return _not_built(context, tag, f"no Docker engine answers ({said}).")
    done = _run(docker, "build", "--tag", tag, str(context))
    if done.returncode:
        raise DeploymentError(
            f"'docker build' failed in {context}. It said:\n{(done.stdout + done.stderr)[-2000:]}"
        )
    return DockerImage(context, tag, None)


def pinned_requirements() -> list[str]:
    """What a service needs, all of it, in the versions that are installed here.

    Returns
    -------
    list of str
        Lines of a requirements file: ``numpy==1.26.4``, ….
    """
    versions: dict[str, str] = {}
    names = list(SERVING)
    while names:
        name = canonicalize_name(names.pop())
        if name in versions:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for other systems only, or not needed so far: pip adds what is missing
        versions[name] = found.version
        for line in found.requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate(_IMAGE):
                names.append(requirement.name)
    return [f"{name}=={number}" for name, number in sorted(versions.items())]


def ray_version() -> str:
    """The version of Ray for a cluster."""
    try:
        return version("ray")
    except PackageNotFoundError:
        return "2.60.0"  # the one that this package was tried with


def _tag(name: str) -> str:
    return f"imgcls-{name.lower()}"


def _not_built(context: Path, tag: str, problem: str) -> DockerImage:
    image = DockerImage(context, tag, problem)
    _log.warning("%r", image)
    return image


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 -- no shell
        command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
