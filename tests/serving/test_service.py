"""The service on a real port: what it answers to good requests."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import shutil
import subprocess

import httpx
import numpy as np
import pytest
from sklearn.svm import LinearSVC

from jupyter_imgcls import ScikitClassifier, TransferLearningModel
from jupyter_imgcls.data.decoding.decode import check_image
from jupyter_imgcls.serving.limits import Limits
from jupyter_imgcls.serving.service.app import create_app
from jupyter_imgcls.serving.service.metrics import Metrics
from jupyter_imgcls.serving.service.model import ServedModel

from .running import PATH, entry, picture, served

pytestmark = pytest.mark.xdist_group("service")

LABELS = ["cup", "fork", "plate"]
KEY = "a-key-with-43-characters-of-no-meaning-1234"


@pytest.fixture(scope="module")
def classifier(small_model):
    return small_model(LABELS)


@pytest.fixture(scope="module")
def service(classifier):
    with served(ServedModel(classifier)) as running:
        yield running


@pytest.fixture(scope="module")
def locked(classifier):
    with served(ServedModel(classifier), KEY) as running:
        yield running


PHOTOS = [picture(seed, (40 + 9 * seed, 60), kind) for seed, kind in enumerate(["jpeg", "png"] * 4)]


# -- JSON ---------------------------------------------------------------------------------------


def test_the_articles_client_gets_the_scores_of_the_classifier(service, classifier):
    """Its code, but for the paths of files."""

    def score_image_list_with_http(images, service_endpoint_url, service_key=None, parameters={}):  # noqa: B006
        payload = []
        for image in images:
            image_buffer = io.BytesIO(image)
            encoded = base64.b64encode(image_buffer.getvalue())
            image_request = {
                "image_in_base64": "{0}".format(encoded),  # noqa: UP030, UP032
                "parameters": parameters,
            }
            payload.append(image_request)
        headers = {"Content-Type": "application/json", "X-Marathon-App-Id": ""}
        body = json.dumps(payload)
        r = httpx.post(service_endpoint_url, content=body, headers=headers, trust_env=False)
        return json.loads(r.text)

    result = score_image_list_with_http(PHOTOS, service.url)
    assert all(isinstance(text, str) for text in result)
    parsed = TransferLearningModel.parse_serialized_result(json.dumps(result))
    prepared = np.stack([classifier.preprocessing(photo) for photo in PHOTOS])
    assert np.allclose(parsed, classifier.raw_scores(prepared), atol=1e-5)

    result = score_image_list_with_http(PHOTOS, service.url, parameters={"addSoftmax": True})
    parsed = TransferLearningModel.parse_serialized_result(json.dumps(result))
    assert np.allclose(parsed, classifier.score(PHOTOS), atol=1e-5)


def test_what_was_trained_with_scikit_learn_is_served_too(classifier, photos, tmp_path):
    trained = ScikitClassifier(classifier, LinearSVC(C=0.1, random_state=0))
    trained.train(photos, progress=False)
    file = trained.serialize(tmp_path / "svm.model")
    with served(ServedModel.load(file)) as service:
        softmax = service.score(*(entry(photo, addSoftmax=True) for photo in PHOTOS)).text
        raw = service.score(*map(entry, PHOTOS)).text
        told = service.client.get(PATH).json()
    expected = trained.score(PHOTOS)
    assert np.allclose(trained.parse_serialized_result(softmax), expected, atol=1e-5)
    exponentials = np.exp(trained.parse_serialized_result(raw))
    assert np.allclose(exponentials, expected, atol=1e-5)
    assert (told["kind"], told["labels"]) == ("network and estimator", LABELS)


def test_a_photo_that_cannot_be_scored_does_not_spoil_the_others(service, classifier):
    large = picture(size=(200, 150))
    cut_off = large[: len(large) // 2]
    response = service.score(
        entry(PHOTOS[0]),
        entry(b"no image at all"),
        {"image_in_base64": "no base64!"},
        entry(cut_off),
        entry(PHOTOS[1], addSoftmx=True),
        "no entry",
        entry(PHOTOS[2], addSoftmax=True),
    )
    assert response.status_code == 200
    answers = [json.loads(text) for text in response.json()]
    assert len(answers) == 7
    expected = classifier.score(PHOTOS[:3])
    assert np.exp(answers[0]) / np.exp(answers[0]).sum() == pytest.approx(expected[0], abs=1e-5)
    assert answers[6] == pytest.approx(expected[2], abs=1e-5)
    assert answers[1] == {"error": "not an image that can be read"}
    assert "not base64" in answers[2]["error"]
    assert answers[3] == {"error": "the file is cut off"}
    assert "unknown parameter 'addSoftmx'" in answers[4]["error"]
    assert "not an object" in answers[5]["error"]


def test_many_photos_come_back_in_their_order(service, classifier):
    different = [PHOTOS[i % len(PHOTOS)] for i in range(150)]
    different[70:] = [b"" if i % 7 == 0 else photo for i, photo in enumerate(different[70:])]
    response = service.score(*(entry(photo, addSoftmax=True) for photo in different))
    answers = [json.loads(text) for text in response.json()]
    expected = classifier.score(PHOTOS)
    for i, (photo, answer) in enumerate(zip(different, answers, strict=True)):
        if photo:
            assert answer == pytest.approx(expected[i % len(PHOTOS)], abs=1e-5)
        else:
            assert answer == {"error": "the file is empty"}


def test_photos_of_concurrent_requests_share_batches(service):
    import concurrent.futures

    def ask(seed):
        with httpx.Client(trust_env=False) as client:
            body = [entry(PHOTOS[seed % 8], addSoftmax=True)]
            return [client.post(service.url, json=body).json() for _ in range(10)]

    photos_before = service.metric("imgcls_batch_photos_sum")
    batches_before = service.metric("imgcls_batch_photos_count")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    photos = service.metric("imgcls_batch_photos_sum") - photos_before
    batches = service.metric("imgcls_batch_photos_count") - batches_before
    assert photos == 160
    assert batches < 160
    alone = [json.loads(service.score(entry(photo, addSoftmax=True)).json()[0]) for photo in PHOTOS]
    for seed, ten in enumerate(answers):
        for [text] in ten:
            assert json.loads(text) == pytest.approx(alone[seed % 8], abs=1e-5)


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_it_scores_with_as_many_cores_as_it_is_given(classifier, cores):
    with served(ServedModel(classifier, cores)) as service:
        response = service.score(*(entry(photo, addSoftmax=True) for photo in PHOTOS * 20))
    scores = TransferLearningModel.parse_serialized_result(response.text)
    assert np.allclose(scores, np.tile(classifier.score(PHOTOS), (20, 1)), atol=1e-5)


# -- for people ---------------------------------------------------------------------------------


def test_one_image_file_is_answered_for_people(service, classifier):
    expected = dict(zip(LABELS, classifier.score(PHOTOS[0])[0], strict=True))
    for kind in ("image/jpeg", "image/anything", "application/octet-stream", "IMAGE/JPEG; q=1"):
        answer = service.client.post(
            f"{PATH}/score", content=PHOTOS[0], headers={"Content-Type": kind}
        ).json()
        assert answer["classes"] == pytest.approx(expected, abs=1e-5)
        assert answer["label"] == max(expected, key=expected.get)
        assert answer["probability"] == pytest.approx(max(expected.values()), abs=1e-5)


def test_uploaded_files_are_answered_each_by_its_name(service, classifier):
    files = [("photo", (f"Täß{i}.jpg", photo)) for i, photo in enumerate(PHOTOS)]
    files.insert(1, ("another", ("list.txt", b"text")))
    answers = service.client.post(f"{PATH}/score", files=files).json()
    assert [answer.pop("file") for answer in answers] == [file[0] for _, file in files]
    assert answers.pop(1) == {"error": "not an image that can be read"}
    for answer, scores in zip(answers, classifier.score(PHOTOS), strict=True):
        assert answer["classes"] == pytest.approx(dict(zip(LABELS, scores, strict=True)), abs=1e-5)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_the_documentation_work(service, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PHOTOS[0])
    (tmp_path / "another.png").write_bytes(PHOTOS[1])
    description = service.client.get("/openapi.json").json()["info"]["description"]
    commands = re.findall(r"^ {4}(curl .*)\.\.\./score$", description, re.MULTILINE)
    assert len(commands) == 2
    one, many = (
        json.loads(
            subprocess.run(
                f"{command} --noproxy '*' --silent {service.url}",
                shell=True,
                cwd=tmp_path,
                capture_output=True,
                check=True,
            ).stdout
        )
        for command in commands
    )
    assert one["label"] in LABELS
    assert [answer["file"] for answer in many] == ["photo.jpg", "another.png"]


def test_the_service_says_what_it_is(service):
    told = service.client.get(PATH).json()
    assert told["name"] == "cups"
    assert told["labels"] == LABELS
    assert told["image_dims"] == [3, 64, 64]
    assert told["base_model"] == "squeezenet1.1"
    assert set(told["versions"]) == {"jupyter_imgcls", "onnxruntime", "python"}
    assert told["limits"]["photos_a_request"] == 1000


def test_health_and_readiness(service):
    for path in ("/healthz", "/readyz"):
        response = service.client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_metrics_count_requests_photos_and_batches(service):
    counted = {
        'imgcls_requests_total{endpoint="score",status="200"}': 1,
        'imgcls_photos_total{result="scored"}': 2,
        'imgcls_photos_total{result="unreadable"}': 1,
        "imgcls_batch_photos_sum": 2,
        "imgcls_decode_seconds_count": 3,
        "imgcls_request_seconds_count": 1,
    }
    before = {name: service.metric(name) for name in counted}
    service.score(entry(PHOTOS[0]), entry(b"text"), entry(PHOTOS[1]))
    assert {name: service.metric(name) - before[name] for name in counted} == counted
    assert service.metric("imgcls_inference_seconds_sum") > 0
    assert service.metric("imgcls_queue_photos") == 0
    assert service.metric("process_resident_memory_bytes") > 1e6


def test_a_replica_of_several_names_itself_in_its_figures():
    told = Metrics(lambda: 3).text(replica="r1").decode()
    assert 'imgcls_queue_photos{replica="r1"} 3.0' in told
    assert 'imgcls_decode_seconds_bucket{le="0.1",replica="r1"} 0.0' in told


# -- pages --------------------------------------------------------------------------------------


def test_the_documentation_page_takes_everything_from_the_service(service):
    page = service.client.get("/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"|url: \'([^\']+)\'', page)
    assert len(links) >= 3
    for link in (first or second for first, second in links):
        assert link.startswith("/")
        assert service.client.get(link).status_code == 200
    score = service.client.get("/openapi.json").json()["paths"][f"{PATH}/score"]["post"]
    assert set(score["requestBody"]["content"]) >= {"application/json", "multipart/form-data"}
    assert {"200", "401", "413", "422", "503"} <= set(score["responses"])


def test_the_page_may_load_nothing_but_itself(service):
    response = service.client.get("/")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "cups" in response.text
    assert "{{" not in response.text
    assert "http" not in response.text
    assert 'data-has-key="false"' in response.text


# -- the key ------------------------------------------------------------------------------------


def test_with_the_key_everything_is_as_without(locked):
    assert locked.score(entry(PHOTOS[0])).status_code == 200
    assert locked.client.get(PATH).status_code == 200
    assert 'data-has-key="true"' in locked.client.get("/").text


@pytest.mark.parametrize(
    "given",
    [None, "Bearer", f"Basic {KEY}", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", KEY],
)
def test_without_the_key_nothing_is_told_of_the_model(locked, given):
    headers = {"Connection": "close"} | ({} if given is None else {"Authorization": given})
    for method, path in (("POST", f"{PATH}/score"), ("GET", PATH), ("GET", "/metrics")):
        response = httpx.request(method, locked.base + path, headers=headers, trust_env=False)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer" in response.json()["detail"]


def test_a_key_of_other_characters_is_refused_and_not_an_error(locked):
    headers = {"Authorization": "Bearer sch\xfcssel".encode("latin-1")}
    response = httpx.get(locked.base + PATH, headers=headers, trust_env=False)
    assert response.status_code == 401


def test_anybody_may_ask_whether_the_service_lives(locked):
    for path in ("/healthz", "/readyz", "/", "/docs", "/openapi.json"):
        assert httpx.get(locked.base + path, trust_env=False).status_code == 200


@pytest.mark.parametrize("key", ["", " ", "a b\n", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused(classifier, key):
    with pytest.raises(ValueError, match="key"):
        create_app(ServedModel(classifier), "cups", key)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "<b>", "x" * 64, "a\n"])
def test_a_name_that_no_url_can_hold_is_refused(classifier, name):
    with pytest.raises(ValueError, match="cannot be the name of a service"):
        create_app(ServedModel(classifier), name, None)


def test_a_service_that_has_ended_gives_the_limit_of_pixels_back(classifier):
    app = create_app(ServedModel(classifier), "cups", None, Limits(pixels=10))
    photo = picture()

    async def live() -> str | None:
        async with app.router.lifespan_context(app):
            return check_image(photo, "header")

    assert "more than the limit of 10" in str(asyncio.run(live()))
    assert check_image(photo, "header") is None
