"""Services on a Ray cluster that runs already, and is joined by its address."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from jupyter_imgcls.errors import DeploymentError
from jupyter_imgcls.serving.client import score
from jupyter_imgcls.serving.deployment import Deployment
from jupyter_imgcls.serving.targets import cluster
from tests.workflow.test_cli import imgcls

from .running import replicas_below, wait_until

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray Serve is for Linux and macOS"),
    pytest.mark.xdist_group("ray"),
]

KEY = "the-key-of-the-cups"
USERS = 24


@dataclass
class Cluster:
    """A Ray cluster of one machine."""

    port: int
    client_port: int
    process: psutil.Process

    @property
    def replicas(self) -> list[psutil.Process]:
        return replicas_below(self.process)


def free_ports(count):
    with ExitStack() as taken:
        sockets = [
            taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in sockets]


def listens(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def ray_cluster():
    """A cluster that only who knows its token joins; it listens on loopback addresses only."""
    patch = pytest.MonkeyPatch()
    # Short, for Ray makes sockets in it.
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    (folder / "token").write_text(secrets.token_urlsafe(32))
    for name, value in {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        # Else it takes Ray Serve ten seconds to hear how busy replicas are.
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
    }.items():
        patch.setenv(name, value)
    port, client_port, agent_port, serve_port = free_ports(4)
    patch.setattr(cluster, "_PORT", serve_port)
    command = [Path(sys.executable).with_name("ray"), "start", "--head", "--block"]
    command += ["--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=4"]
    command += [f"--ray-client-server-port={client_port}", "--include-dashboard=false"]
    command += [f"--dashboard-agent-listen-port={agent_port}", f"--temp-dir={folder}"]
    command += ["--min-worker-port=0", "--max-worker-port=0", "--no-monitor"]
    command += ["--include-log-monitor=false"]
    command += [f"--object-store-memory={100 * 2**20}"]
    log = folder / "head.log"
    with log.open("wb") as stream:
        head = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)
    try:
        wait_until(lambda: "Ray runtime started" in log.read_text() or head.poll() is not None)
        assert head.poll() is None, log.read_text()
        # What answers ray:// is a process of its own.
        wait_until(lambda: listens(client_port))
        yield Cluster(port, client_port, psutil.Process(head.pid))
    finally:
        for process in psutil.Process(head.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        head.kill()
        head.wait()
        shutil.rmtree(folder)
        patch.undo()


@pytest.fixture(scope="module")
def saved(small_model, tmp_path_factory):
    return small_model().serialize(tmp_path_factory.mktemp("saved") / "plates.model")


@pytest.fixture
def photo(photos):
    return photos.images[0].storage_path


@pytest.fixture(scope="module")
def url(ray_cluster, saved):
    """A service that was deployed as from another machine, with as many replicas as it needs."""
    address = f"ray://127.0.0.1:{ray_cluster.client_port}"
    return cluster.deploy("cups", saved, KEY, autoscaling=(1, 2), address=address)


def test_a_busy_service_gets_another_replica(url, ray_cluster, photo):
    assert len(ray_cluster.replicas) == 1
    ended = []

    def ask():
        while not ended:
            score([photo] * 32, url, KEY)

    with ThreadPoolExecutor(USERS) as pool:
        users = [pool.submit(ask) for _ in range(USERS)]
        try:
            wait_until(lambda: len(ray_cluster.replicas) == 2)
        finally:
            ended.append(True)
    for user in users:
        user.result()


def test_commands_deploy_list_and_delete_there_too(url, ray_cluster, saved, tmp_path, photo):
    address = f"127.0.0.1:{ray_cluster.port}"
    where = ("--storage", tmp_path)

    done = imgcls(
        "deploy", saved, "--target", "cluster", "--address", address, "--autoscaling", 1, 1, *where
    )

    assert done.exit_code == 0, done.output
    assert "plates is running: http://127.0.0.1:" in done.stdout
    assert imgcls("deployments", *where).stdout.startswith("plates\trunning\t")
    assert imgcls("score-service", "plates", photo, *where).exit_code == 0
    assert imgcls("undeploy", "plates", *where).exit_code == 0
    assert imgcls("deployments", *where).stdout == "Nothing is deployed.\n"
    assert score(photo, url, KEY), "the other service goes on"


def test_a_wrong_address_is_told_at_once(tmp_path, saved):
    [nothing] = free_ports(1)
    for address, words in {
        f"127.0.0.1:{nothing}": "There is no Ray cluster at 127.0.0.1",
        f"ray://127.0.0.1:{nothing}": "There is no Ray cluster at ray://127.0.0.1",
        "head": "The address of a cluster is 'ray://host:10001'",
    }.items():
        deployment = Deployment("cups", saved, target="cluster", address=address)
        with pytest.raises(DeploymentError, match=words):
            deployment.deploy()
        assert not deployment.is_existing_service()
