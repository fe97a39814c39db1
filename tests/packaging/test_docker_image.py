"""The Docker image of a service, built and run for real.

Buildah builds it on a base of Debian's packages. No registry is needed: the base image that the
Dockerfile names is made here.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from jupyter_imgcls.serving.client import score
from jupyter_imgcls.serving.docker.image import build_context
from tests.conftest import save_photo

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("docker")]

KEY = "a-key-for-the-test"
# Of Debian, by the version of its Python, which must be that of this one.
SUITES = {"3.11": "bookworm", "3.13": "trixie"}
PYTHON = ".".join(platform.python_version_tuple()[:2])


def run(*command, **options):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout.strip()


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    """The command, with images and containers of its own."""
    if missing := [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]:
        pytest.skip(f"needs {' and '.join(missing)}")
    if os.geteuid() != 0:
        pytest.skip("debootstrap needs root")
    if PYTHON not in SUITES:
        pytest.skip(f"no Debian has Python {PYTHON}")
    folder = tmp_path_factory.mktemp("buildah")
    yield "buildah", "--storage-driver", "vfs", "--root", folder / "a", "--runroot", folder / "b"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def base(buildah, tmp_path_factory):
    """An image of Debian with Python and pip, under the name of Docker's image of Python."""
    root = tmp_path_factory.mktemp("base") / "root"
    packages = "--include=python3,python3-pip,ca-certificates"
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", packages, SUITES[PYTHON], str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no packages of Debian: {made.stdout[-300:]}")
    (root / "usr/bin/python").symlink_to("python3")
    for file in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        file.unlink()
    container = run(*buildah, "from", "scratch")
    run(*buildah, "copy", "--quiet", container, root, "/")
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    run(*buildah, "config", "--env", path, container)
    run(*buildah, "commit", "--quiet", container, f"docker.io/library/python:{PYTHON}-slim")
    run(*buildah, "rm", container)
    shutil.rmtree(root)


def settings_of_pip():
    """Where pip finds packages on this machine, to be found in the build, too."""
    pip = (sys.executable, "-m", "pip", "config")
    files = re.findall(r"^\s*(/\S+), exists: True$", run(*pip, "debug"), re.M)
    named = [word.removeprefix("file://") for word in re.split(r"[\s'=]+", run(*pip, "list"))]
    folders = {Path(name) for name in named if name.startswith("/") and Path(name).exists()}
    # An index in files names its packages in a folder beside it.
    folders = {folder.parent if folder.name == "simple" else folder for folder in folders}
    folders |= {Path("/etc/ssl/certs")}
    found = sorted({*map(Path, files), *folders})
    return [f"--volume={path}:{path}:ro" for path in found]


@pytest.mark.usefixtures("base")
def test_the_image_is_built_started_and_asked(buildah, small_model, tmp_path):
    model = small_model()
    model.serialize(tmp_path / "cups.model")
    context = build_context(tmp_path / "cups.model", "cups", tmp_path / "context")

    options = ("--isolation=chroot", "--network=host", "--pull-never", *settings_of_pip())
    run(*buildah, "build", *options, "--tag", "imgcls-cups", context)

    image = json.loads(run(*buildah, "inspect", "--type", "image", "localhost/imgcls-cups"))
    config = image["OCIv1"]["config"]
    assert config["User"] == "10001"
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o644)
    container = run(*buildah, "from", "--pull-never", "localhost/imgcls-cups")
    secret = f"--volume={key}:/run/secrets/service_key:ro"
    start = ("run", "--isolation=chroot", "--network=host", secret, container, "--")
    command = [*buildah, *start, *config["Entrypoint"], *config["Cmd"]]
    service = subprocess.Popen(list(map(str, command)))
    try:
        url = "http://127.0.0.1:8000"
        until = time.monotonic() + 120
        ready = False
        while not ready and time.monotonic() < until and service.poll() is None:
            with suppress(httpx.HTTPError):
                ready = httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
            time.sleep(0.2)
        assert ready
        photo = save_photo(tmp_path / "photo.png")
        asked = {"parameters": {"addSoftmax": True}}
        answer = score(photo, f"{url}/api/v1/service/cups/score", KEY, **asked)
        (scores,) = model.parse_serialized_result(answer)
        assert scores == pytest.approx(model.score([photo])[0].tolist(), abs=1e-4)
    finally:
        service.terminate()
        service.wait(60)
