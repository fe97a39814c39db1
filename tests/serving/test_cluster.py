"""Services on Ray Serve: one real cluster on this machine for the whole module."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import grpc
import httpx
import psutil
import pytest

from jupyter_imgcls.classifiers import TransferLearningModel, load_classifier
from jupyter_imgcls.classifiers.artifact import Artifact
from jupyter_imgcls.context import Context
from jupyter_imgcls.errors import DeploymentError, MissingExtraError
from jupyter_imgcls.serving.deployment import Deployment
from jupyter_imgcls.serving.targets import cluster
from jupyter_imgcls.serving.targets.local import wait_gone
from jupyter_imgcls.serving.targets.ray import local as local_ray

from .running import replicas_below

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="Ray Serve is for Linux and macOS"),
    pytest.mark.xdist_group("ray"),
]


@pytest.fixture(scope="module")
def user_folder(tmp_path_factory):
    """A user of their own, whose Ray is not that of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("user")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_DATA_HOME", str(folder))
    yield folder
    local_ray.stop()
    patch.undo()


@pytest.fixture(scope="module")
def cups(user_folder, small_model, tmp_path_factory):
    """A service of two replicas; it starts the cluster."""
    folder = tmp_path_factory.mktemp("storage")
    Context.create(folder, folder, folder)
    return Deployment("cups", small_model(), target="cluster", replicas=2).deploy()


@pytest.fixture
def headers(cups):
    return {"Authorization": f"Bearer {cups.service_key}"}


@pytest.fixture
def photo(photos):
    return photos.images[0].storage_path


def replica_processes():
    """The processes of the replicas of all services, of the cluster of this user."""
    (head,) = local_ray.processes()
    return replicas_below(head)


def base(deployment):
    return deployment.service_url.partition("/api/")[0]


def file_of(deployment):
    """The classifier that it serves."""
    (file,) = deployment.folder.glob("*.model")
    return file


def test_it_scores_as_the_model_does(cups, photo):
    answer = cups.score_image(photo, parameters={"addSoftmax": True})

    model = load_classifier(file_of(cups))
    (scores,) = model.parse_serialized_result(answer)
    assert scores == pytest.approx(model.score(photo)[0].tolist(), abs=1e-5)
    assert cluster.describe("cups") == {
        "status": "running",
        "message": "",
        "replicas": {"RUNNING": 2},
    }
    assert len(replica_processes()) == 2


def test_a_wrong_key_and_a_bad_photo_are_refused_as_elsewhere(cups, headers):
    url = cups.service_url
    wrong = httpx.post(url, json=[], headers={"Authorization": "Bearer wrong"})
    bad = httpx.post(url, content=b"no photo", headers=headers | {"Content-Type": "image/jpeg"})

    assert httpx.post(url, json=[]).status_code == wrong.status_code == 401
    assert bad.status_code == 422
    assert "no photo" not in bad.text
    assert "image" in bad.json()["detail"]


def test_the_pages_know_the_prefix_that_they_are_below(cups, headers):
    page = httpx.get(base(cups) + "/docs").text

    assert "/cups/openapi.json" in page
    assert "/cups/api" not in httpx.get(base(cups) + "/openapi.json").text
    # Each replica has its own figures.
    metrics = [httpx.get(base(cups) + "/metrics", headers=headers).text for _ in range(20)]
    queues = {re.search(r'imgcls_queue_photos{replica="(\w+)"} 0.0', text)[1] for text in metrics}
    assert len(queues) == 2
    assert any('imgcls_requests_total{endpoint="score"' in text for text in metrics)


def test_only_this_machine_reaches_it_and_only_who_knows_the_token_joins_it(cups):
    (head,) = local_ray.processes()
    listening = {
        (process.name(), connection.laddr.ip, connection.laddr.port)
        for process in [head, *head.children(recursive=True)]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    everywhere = {
        (name, f"127.0.0.1:{port}")
        for name, ip, port in listening
        if ip not in ("127.0.0.1", "::ffff:127.0.0.1")
    }
    # Ray Serve has replicas listen on all addresses, for each other.
    assert {name[:14] for name, _ in everywhere} <= {"ray::ServeRepl"}
    for token in ("", "wrong"):
        for _, address in everywhere:
            assert said(address, "ray.serve.ASGIService/HandleRequest", token) == "UNAUTHENTICATED"
        gcs = local_ray.find().address
        assert said(gcs, "ray.rpc.NodeInfoGcsService/CheckAlive", token) == "UNAUTHENTICATED"
    file = local_ray.environment()["RAY_AUTH_TOKEN_PATH"]
    assert os.stat(file).st_mode & 0o777 == 0o600
    token = Path(file).read_text()
    assert said(gcs, "ray.rpc.NodeInfoGcsService/CheckAlive", token) == "OK"


def said(address, method, token):
    """What a process of Ray says to a call."""
    with grpc.insecure_channel(address) as channel:
        try:
            metadata = [("authorization", f"Bearer {token}")] if token else []
            channel.unary_unary(f"/{method}")(b"", metadata=metadata, timeout=10)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


@contextmanager
def asked_by_users(deployment, photo, count):
    """Users who ask all the time; gives their answers, and raises what they met."""
    answers, end = [], threading.Event()

    def ask():
        while not end.is_set():
            answers.append(deployment.score_image(photo))

    with ThreadPoolExecutor() as pool:
        users = [pool.submit(ask) for _ in range(count)]
        try:
            yield answers
        finally:
            end.set()
    for user in users:
        user.result()


def test_no_request_is_lost_when_a_replica_is_killed_under_load(cups, photo):
    with asked_by_users(cups, photo, 4) as answers:
        time.sleep(1)
        before = len(answers)
        victim = replica_processes()[0]
        victim.kill()
        victim.wait(10)
        while len(answers) < before + 50:
            time.sleep(0.1)

    assert before > 0
    assert len(set(answers)) == 1
    until = time.monotonic() + 60
    while len(replica_processes()) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    assert len(replica_processes()) == 2


def test_any_client_gets_json_when_a_replica_is_killed(cups, headers, photo):
    """Not only the client of this package, which asks again."""
    content = Path(photo).read_bytes()
    sent = headers | {"Content-Type": "image/png"}
    end, answers = threading.Event(), []

    def ask():
        with httpx.Client(headers=sent, timeout=60) as client:
            while not end.is_set():
                answers.append(client.post(cups.service_url, content=content))

    with ThreadPoolExecutor(8) as users:
        asking = [users.submit(ask) for _ in range(8)]
        for _ in range(2):
            time.sleep(1)
            victim = replica_processes()[0]
            victim.kill()
            victim.wait(10)
            until = time.monotonic() + 60
            while len(replica_processes()) < 2 and time.monotonic() < until:
                time.sleep(0.2)
        end.set()
        for user in asking:
            user.result()
    wrong = [a for a in answers if a.status_code not in (200, 503)]
    assert not wrong, (wrong[0].text, wrong[0].headers)
    for answer in answers:
        assert "detail" in answer.json() or "label" in answer.text


def test_an_update_loses_no_request(cups, photo, small_model):
    url = cups.service_url

    with asked_by_users(cups, photo, 1) as answers:
        cups.update(small_model(["cup", "plate", "spoon"]))
        while classes(answers[-1]) != 3:
            time.sleep(0.1)

    assert cups.service_url == url
    assert {classes(answer) for answer in answers} == {2, 3}


def classes(answer):
    return len(json.loads(json.loads(answer)[0]))


def test_an_update_that_fails_leaves_the_old_classifier(cups, photo, tmp_path):
    """What is in the file is whole, as the checksums tell, but no replica could use it."""
    file, answer = file_of(cups), cups.score_image(photo)
    saved = Artifact.read(file, TransferLearningModel.kind)
    broken = replace(saved, entries={**saved.entries, "model.onnx": b"no network"})
    replicas = {process.pid for process in replica_processes()}

    with (
        asked_by_users(cups, photo, 1) as answers,
        pytest.raises(DeploymentError, match="ArtifactError: This is no network"),
    ):
        cups.update(broken.write(tmp_path / "broken.model"))

    assert set(answers) == {answer}
    assert {process.pid for process in replica_processes()} == replicas
    assert file_of(cups) == file


def test_a_deployment_is_found_again_and_deleted(cups, photo):
    """The last one that is deleted ends Ray."""
    (head,) = local_ray.processes()
    family = [head, *head.children(recursive=True)]

    assert "cluster, running" in repr(Deployment.find("cups"))
    with pytest.raises(DeploymentError, match="'cups' is in use on this cluster"):
        cluster.deploy("cups", file_of(cups), "the-key")
    cluster.delete("plates")  # one that is not there is no error
    assert cups.score_image(photo)

    cups.delete()
    assert not cups.is_existing_service()
    assert local_ray.find() is None
    assert local_ray.processes() == []
    assert wait_gone(family, 10) == []
    assert cluster.describe("cups")["status"] == "crashed"


def test_without_ray_it_says_what_to_install(small_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    cups = Deployment("cups", small_model(), target="cluster")

    with pytest.raises(MissingExtraError, match=r"pip install 'jupyter_imgcls\[cluster\]'"):
        cups.deploy()

    assert not cups.is_existing_service()
