"""Deploying on this machine: real processes, started, found again, killed and deleted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from sklearn.linear_model import LogisticRegression

from jupyter_imgcls import ScikitClassifier, load_classifier
from jupyter_imgcls.context import Context
from jupyter_imgcls.cvtk.operationalization import AMLDeployment
from jupyter_imgcls.cvtk.utils.constants import ClassificationRESTApiParamters
from jupyter_imgcls.errors import ArtifactError, DeploymentError, ServiceError
from jupyter_imgcls.serving import records
from jupyter_imgcls.serving.deployment import Deployment
from jupyter_imgcls.serving.targets import local

SOFTMAX = {ClassificationRESTApiParamters.ADD_SOFTMAX: True}


@pytest.fixture(scope="module")
def model(small_model):
    return small_model()


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """Where the deployments of this module are kept, by a user of its own."""
    folder = tmp_path_factory.mktemp("storage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder / "user"))
        yield folder


@pytest.fixture(autouse=True)
def its_context(context, storage):
    """After `context`, which each test gets anew: what is deployed here lives longer."""
    return Context.create(storage, storage, storage)


@pytest.fixture(scope="module")
def deployed(model, storage):
    """One service for the tests that only use it."""
    Context.create(storage, storage, storage)
    deployment = Deployment("cups", model).deploy()
    yield deployment
    deployment.delete()


@pytest.fixture
def delete_afterwards():
    """Deletes what a test deploys, also when it fails."""
    names = []
    yield names.append
    for name in names:
        Deployment.delete_if_service_exist(name)


@pytest.fixture
def photo(photos):
    return photos.images[0].storage_path


def serving(deployment):
    """The one process of a service."""
    (process,) = local.processes(deployment.folder)
    return process


def gone(process):
    """Whether a process has ended; its parent may not have asked for its exit code yet."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


# -- use ----------------------------------------------------------------------------------------


def test_it_scores_as_the_model_does(deployed, model, photos):
    answer = deployed.score_image(photos, parameters=SOFTMAX)

    scores = np.array(model.parse_serialized_result(answer))
    assert np.abs(scores - model.score(photos)).max() < 1e-5


def test_one_photo_as_in_the_article(deployed, model, photo):
    answer = deployed.score_image(photo, image_resize_dims=[224, 224], parameters=SOFTMAX)
    again = AMLDeployment.score_existing_service_with_image(
        photo, deployed.service_url, deployed.service_key, [224, 224], SOFTMAX
    )

    assert answer == again
    parsed = model.parse_serialized_result(answer)
    assert np.array(parsed).sum() == pytest.approx(1, abs=1e-5)
    assert model.class_map[np.argmax(np.array(parsed))] in ("cup", "plate")


def test_a_key_is_asked_for_and_shown_nowhere(deployed, photo):
    key = deployed.service_key
    assert len(key) >= 32
    for wrong in (None, "wrong"):
        with pytest.raises(ServiceError, match="refuses the key"):
            deployed.score_existing_service_with_image(photo, deployed.service_url, wrong)
    shown = [repr(deployed), json.dumps(deployed.describe()), deployed.log(10_000)]
    shown += [" ".join(serving(deployed).cmdline())]
    shown += [(deployed.folder / "record.json").read_text()]
    assert not any(key in text for text in shown)


def test_a_scikit_classifier_is_deployed_from_its_file(model, photos, tmp_path, delete_afterwards):
    classifier = ScikitClassifier(model, LogisticRegression(max_iter=2000)).train(
        photos, progress=False
    )
    classifier.serialize(tmp_path / "svm.model")
    delete_afterwards("svm")
    deployment = Deployment("svm", tmp_path / "svm.model", with_key=False).deploy()

    assert deployment.service_key is None
    answer = deployment.score_image(photos, parameters=SOFTMAX)
    scores = np.array(classifier.parse_serialized_result(answer))
    assert np.abs(scores - classifier.score(photos)).max() < 1e-5


# -- found again --------------------------------------------------------------------------------


def test_it_is_listed_and_found_by_its_name(deployed):
    found = Deployment.find("cups")

    assert (found.service_url, found.service_key) == (deployed.service_url, deployed.service_key)
    assert (found.status, found.target) == ("running", "local")
    assert "cups" in [d.name for d in Deployment.list_deployment()]
    assert deployed.is_existing_service()
    assert not Deployment("plates").is_existing_service()
    assert isinstance(AMLDeployment.list_deployment()[0], AMLDeployment)
    with pytest.raises(DeploymentError, match="no deployment named 'plates'. There is .*'cups'"):
        Deployment.find("plates")


def test_it_is_found_from_another_storage_context(deployed, tmp_path):
    Context.create(tmp_path, tmp_path, tmp_path)

    assert Deployment.list_deployment() == []
    assert [d.name for d in Deployment.list_deployment(everywhere=True)] == ["cups"]
    assert Deployment.find("cups").service_url == deployed.service_url
    assert not Deployment("cups").is_existing_service()
    (tmp_path / "deployments" / "cups").mkdir(parents=True)
    assert Deployment.find("cups").status == "incomplete"
    copy = tmp_path / "c"
    Context.create(copy, copy, copy)
    assert Deployment.find("cups").service_url == deployed.service_url


KERNEL = """
import sys, time
from jupyter_imgcls import Context
from jupyter_imgcls.serving.deployment import Deployment
Context.create(sys.argv[1], sys.argv[1], sys.argv[1])
deployment = Deployment(sys.argv[2], sys.argv[3])
print("here", flush=True)
print(deployment.deploy().service_url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def kernel(storage, model, tmp_path):
    """Deploy from another program: ``kernel(name)`` gives the program."""
    model.serialize(tmp_path / "small.model")
    programs = []

    def begin(name):
        command = [sys.executable, "-c", KERNEL, storage, name, tmp_path / "small.model"]
        program = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        programs.append(program)
        assert program.stdout.readline() == "here\n"
        return program

    yield begin
    for program in programs:
        program.kill()
        program.communicate()


def test_it_outlives_the_program_that_deployed_it(kernel, photo, delete_afterwards):
    delete_afterwards("orphan")
    program = kernel("orphan")
    url = program.stdout.readline().strip()
    os.killpg(program.pid, signal.SIGKILL)  # as Jupyter ends a kernel, with all of its group
    program.wait()

    found = Deployment.find("orphan")
    assert found.status == "running"
    assert found.service_url == url
    assert found.score_image(photo)
    process = serving(found)
    found.delete()
    assert gone(process)


def test_one_whose_start_was_cut_off_is_finished_or_cleared_away(kernel, delete_afterwards):
    delete_afterwards("half")
    program = kernel("half")
    folder = records.folder_of("half")
    while not local.processes(folder):
        assert program.poll() is None
        time.sleep(0.02)
    program.kill()
    process = local.processes(folder)[0]

    half = Deployment.find("half")
    assert half.status in ("not answering", "running")
    half.delete()
    assert gone(process)
    assert not folder.exists()


def test_a_start_that_was_cut_off_before_there_was_a_process_is_cleared_away(model):
    folder = records.folder_of("early")
    folder.mkdir(parents=True)

    early = Deployment.find("early")
    assert early.status == "incomplete"
    with pytest.raises(DeploymentError, match="start was cut off"):
        _ = early.service_url
    with pytest.raises(DeploymentError, match=r"'early' is in use: .*incomplete"):
        Deployment("early", model).deploy()
    assert Deployment.delete_if_service_exist("early")
    assert not folder.exists()
    assert not Deployment.delete_if_service_exist("early")


def test_one_with_a_damaged_record_is_shown_and_deleted(model, delete_afterwards):
    delete_afterwards("damaged")
    deployment = Deployment("damaged", model).deploy()
    process = serving(deployment)
    (deployment.folder / "record.json").write_text("{")

    assert deployment.status == "incomplete"
    assert "damaged" in [d.describe()["name"] for d in Deployment.list_deployment()]
    with pytest.raises(DeploymentError, match=r"record\.json is damaged .* delete"):
        _ = deployment.service_url
    deployment.delete()
    assert gone(process)


# -- crashes ------------------------------------------------------------------------------------


def test_a_killed_one_is_started_again_at_the_same_url(model, photo, delete_afterwards):
    delete_afterwards("killed")
    deployment = Deployment("killed", model).deploy()
    answer = deployment.score_image(photo)
    process = serving(deployment)
    process.kill()
    local.wait_gone([process], 60)
    assert deployment.status == "restarting"
    assert Deployment.find("killed").score_image(photo) == answer, "the client asks again"
    assert deployment.status == "running"
    assert serving(deployment).pid != process.pid
    assert "The service ended: signal SIGKILL. It starts again in 1 s." in deployment.log()


def test_it_ends_with_its_supervisor(model, delete_afterwards):
    delete_afterwards("orphan")
    deployment = Deployment("orphan", model).deploy()
    (supervisor,), process = local.supervisors(deployment.folder), serving(deployment)
    supervisor.kill()
    assert local.wait_gone([process], 60) == []
    assert deployment.status == "crashed"


def test_a_crashed_one_is_shown_as_such_and_restarts_at_the_same_url(
    model, photo, delete_afterwards
):
    delete_afterwards("crashing")
    deployment = Deployment("crashing", model).deploy()
    url, key = deployment.service_url, deployment.service_key
    answer = deployment.score_image(photo)
    (supervisor,), process = local.supervisors(deployment.folder), serving(deployment)
    supervisor.kill()  # else it starts the service again
    process.kill()
    local.wait_gone([supervisor, process], 60)

    assert deployment.status == "crashed"
    assert "crashed" in repr(Deployment.find("crashing"))
    with pytest.raises(DeploymentError, match=r"crashed; restart\(\)"):
        deployment.score_image(photo)

    deployment.restart()
    assert (deployment.status, deployment.service_url) == ("running", url)
    assert deployment.service_key == key
    assert deployment.score_image(photo) == answer


def test_another_classifier_takes_its_place_and_one_that_fails_does_not(
    small_model, model, photo, tmp_path, monkeypatch, delete_afterwards
):
    delete_afterwards("updated")
    deployment = Deployment("updated", model).deploy()
    url, key = deployment.service_url, deployment.service_key

    deployment.update(small_model(["cup", "plate", "bowl"]))
    assert np.array(model.parse_serialized_result(deployment.score_image(photo))).shape == (1, 3)
    assert (deployment.service_url, deployment.service_key) == (url, key)
    assert len(list(deployment.folder.glob("*.model"))) == 1

    save_damaged(model, monkeypatch)
    with pytest.raises(DeploymentError, match="did not start"):
        deployment.update(model)
    assert np.array(model.parse_serialized_result(deployment.score_image(photo))).shape == (1, 3)
    assert len(list(deployment.folder.glob("*.model"))) == 1


def test_another_program_is_never_taken_for_the_service(deployed):
    artifact = next(deployed.folder.glob("*.model"))
    # Names the file, as an editor would, or the module; not both.
    other = [sys.executable, "-c", "import time; time.sleep(60)"]
    others = [
        subprocess.Popen([*other, "--artifact", str(artifact)]),
        subprocess.Popen([*other, "jupyter_imgcls.serving.server", "x.model"]),
    ]
    try:
        assert serving(deployed).pid not in [process.pid for process in others]
    finally:
        for process in others:
            process.kill()
            process.wait()


def test_one_that_hangs_is_not_called_running(deployed):
    process = serving(deployed)
    process.suspend()
    try:
        assert deployed.status == "not answering"
    finally:
        process.resume()
    assert deployed.status == "running"


# -- packing ------------------------------------------------------------------------------------


def test_it_is_packed_whether_it_is_deployed_or_not(deployed, model, tmp_path, monkeypatch, photos):
    monkeypatch.setenv("PATH", str(tmp_path))  # where there is no Docker
    new = Deployment("packed", model).build_docker_image(tmp_path / "packed")
    there = Deployment.find("cups").build_docker_image()

    assert "Docker is not installed" in repr(new)
    for image in (new, there):
        packed = load_classifier(image.context / "classifier.model")
        assert np.array_equal(packed.score(photos), model.score(photos))
    assert there.context.parts[-2:] == ("docker", "cups")
    key = deployed.service_key
    assert not any(key.encode() in file.read_bytes() for file in there.context.iterdir())
    with pytest.raises(DeploymentError, match="no deployment named 'packed'"):
        Deployment("packed").build_docker_image(tmp_path / "none")


def test_it_is_described_for_kubernetes(model, tmp_path):
    deployment = Deployment("packed", model, target="cluster", autoscaling=(1, 4))
    text = deployment.export_kuberay(tmp_path / "service.yaml", "me/cups:1").read_text()

    assert "kind: RayService" in text
    assert "image: me/cups:1" in text
    assert "maxReplicas: 4" in text


# -- what goes wrong ----------------------------------------------------------------------------


@pytest.fixture
def nothing_left(storage):
    """After the test there are the folders and processes that there were before it."""

    def seen():
        running = [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if any(str(storage) in argument for argument in process.info["cmdline"] or ())
        ]
        return running, sorted((storage / "deployments").glob("*"))

    before = seen()
    yield
    assert seen() == before


def test_a_name_that_is_in_use_is_refused(deployed, model, nothing_left):
    with pytest.raises(DeploymentError, match=r"'cups' is in use: .*running.*Delete that first"):
        Deployment("cups", model).deploy()
    assert deployed.status == "running"


def test_a_port_that_is_in_use_is_refused(model, nothing_left):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DeploymentError, match=f"Port {port} is in use"):
            Deployment("plates", model, port=port).deploy()


def test_a_port_of_ones_own_choice_is_used(model, delete_afterwards):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    delete_afterwards("chosen")
    assert f":{port}/" in Deployment("chosen", model, port=port).deploy().service_url


def test_a_port_that_is_taken_meanwhile_is_left_to_the_other(
    model, photo, monkeypatch, delete_afterwards
):
    delete_afterwards("late")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = iter([taken])
        free_port = local._free_port
        monkeypatch.setattr(local, "_free_port", lambda host: next(ports, None) or free_port(host))
        deployment = Deployment("late", model).deploy()

    assert f":{taken}/" not in deployment.service_url
    assert deployment.score_image(photo)


def test_a_host_that_is_not_of_this_machine_is_refused(model, nothing_left):
    with pytest.raises(DeploymentError, match=r"Cannot listen on 192\.0\.2\.1"):
        Deployment("away", model, host="192.0.2.1").deploy()


def test_without_a_key_it_does_not_listen_to_other_machines(model, nothing_left):
    with pytest.raises(DeploymentError, match="did not start") as raised:
        Deployment("open", model, host="0.0.0.0", with_key=False).deploy()
    assert "key" in str(raised.value)  # the end of the log says why


def test_a_file_that_is_no_classifier_is_refused(tmp_path, nothing_left):
    (tmp_path / "x.model").write_text("no")
    with pytest.raises(ArtifactError, match=r"x\.model"):
        Deployment("wrong", tmp_path / "x.model").deploy()


def save_damaged(model, monkeypatch):
    """From now on a deployed file is damaged on its way, as by a disk."""

    def save(_, file):
        model.serialize(file)
        file.write_bytes(file.read_bytes()[:-2000])

    monkeypatch.setattr("jupyter_imgcls.serving.deployment._save", save)


def test_a_service_that_cannot_start_says_why(model, nothing_left, monkeypatch):
    save_damaged(model, monkeypatch)
    with pytest.raises(DeploymentError, match="did not start") as raised:
        Deployment("damaged", model).deploy()
    assert "not a saved classifier, or it is damaged" in str(raised.value)


def test_an_interrupt_while_it_starts_leaves_nothing(model, nothing_left, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "is_ready", interrupt)  # when it already listens
    with pytest.raises(KeyboardInterrupt):
        Deployment("stopped", model).deploy()


def test_of_two_kernels_that_take_a_name_at_once_one_gets_it(kernel, model, delete_afterwards):
    delete_afterwards("wanted")
    programs = [kernel("wanted"), kernel("wanted")]
    said = [program.stdout.readline() for program in programs]

    assert sorted(map(bool, said)) == [False, True]
    loser = programs[said.index("")]
    assert "The name 'wanted' is in use" in loser.communicate()[1]
    found = Deployment.find("wanted")
    assert found.status == "running"
    process = serving(found)
    found.delete()  # while the kernel that deployed it lives on
    assert gone(process)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "azure"}, "'local' or 'cluster'"),
        ({"replicas": 2}, "target='cluster'"),
        ({"replicas": 0}, "replicas"),
        ({"autoscaling": (1, 2)}, "target='cluster'"),
    ],
)
def test_options_that_do_not_fit_are_refused(model, options, message):
    with pytest.raises(DeploymentError, match=message):
        Deployment("cups", model, **options)


def test_nothing_can_be_done_with_what_is_not_deployed(photo):
    nothing = Deployment("nothing")
    assert nothing.status == "not deployed"
    assert "not deployed" in repr(nothing)
    for call in (nothing.delete, nothing.restart, lambda: nothing.score_image(photo)):
        with pytest.raises(DeploymentError, match="no deployment named 'nothing'"):
            call()
    with pytest.raises(DeploymentError, match="give the model"):
        nothing.deploy()
