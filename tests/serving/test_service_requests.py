"""What clients send, read and checked without a server."""

import base64
import json

import pytest

from jupyter_imgcls.errors import UnreadableImageError
from jupyter_imgcls.serving.limits import Limits
from jupyter_imgcls.serving.service.requests import (
    Parameters,
    RefusedRequestError,
    ScoringEntry,
    file_of,
    read_json,
)

CONTENT = bytes(range(256))
ENCODED = base64.b64encode(CONTENT).decode()


def read(value):
    return read_json(json.dumps(value).encode(), Limits())


@pytest.mark.parametrize(
    "text",
    [
        ENCODED,
        str(base64.b64encode(CONTENT)),  # as the article's client makes it: "b'...'"
        f'b"{ENCODED}"',
        f"data:image/jpeg;base64,{ENCODED}",
        f"DATA:image/jpeg;name=a;BASE64,{ENCODED}",
        "\r\n".join(ENCODED[i : i + 76] for i in range(0, len(ENCODED), 76)),
    ],
)
def test_base64_comes_plain_or_as_the_articles_text_or_as_a_data_url(text):
    assert file_of(text) == CONTENT
    assert file_of(CONTENT) == CONTENT


@pytest.mark.parametrize("text", ["no base64!", ENCODED[:-1], "Täßchen", "b'" + ENCODED, "====a"])
def test_what_is_no_base64_is_called_so(text):
    with pytest.raises(UnreadableImageError, match="not base64"):
        file_of(text)


def test_a_data_url_that_is_not_in_base64_is_called_so():
    with pytest.raises(UnreadableImageError, match="the data: URL is not in base64"):
        file_of("data:image/svg+xml,<svg/>")


def test_every_photo_has_parameters_of_its_own():
    asked = {"addSoftmax": True, "topK": 2, "threshold": 0.5}
    assert read(
        [
            {"image_in_base64": "a", "parameters": asked},
            {"image_in_base64": "b", "parameters": {}},
            {"image_in_base64": "c", "parameters": None},
            {"image_in_base64": "d", "parameters": {"topK": None, "threshold": None}},
            {"image_in_base64": "e"},
        ]
    ) == [
        ScoringEntry(image_in_base64="a", parameters=Parameters(**asked)),
        *(ScoringEntry(image_in_base64=photo, parameters=Parameters()) for photo in "bcde"),
    ]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"add_softmax": True}, "unknown parameter 'add_softmax'"),
        ({"softmax": True}, "unknown parameter 'softmax': known are addSoftmax, topK, threshold"),
        ({"addSoftmax": "yes"}, "addSoftmax must be true or false"),
        ({"addSoftmax": 1}, "addSoftmax must be true or false"),
        ({"topK": 0}, "topK must be a whole number from 1"),
        ({"topK": 1.5}, "topK must be a whole number from 1"),
        ({"topK": True}, "topK must be a whole number from 1"),
        ({"threshold": 1.1}, "threshold must be a probability from 0 to 1"),
        ({"threshold": "0.5"}, "threshold must be a probability from 0 to 1"),
        ([], '"parameters" must be an object'),
        ("addSoftmax", '"parameters" must be an object'),
    ],
)
def test_a_wrong_parameter_is_told_for_its_photo_alone(parameters, reason):
    wrong, right = read(
        [{"image_in_base64": "a", "parameters": parameters}, {"image_in_base64": "b"}]
    )
    assert reason in wrong
    assert right == ScoringEntry(image_in_base64="b", parameters=Parameters())


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("text", "it is a text, not an object"),
        (None, "it is a true, false or null"),
        ([], "it is a list"),
        ({}, '"image_in_base64" is missing'),
        ({"image_in_base64": 5}, '"image_in_base64" is missing, or not text'),
        ({"image_in_base64": "a", "paramters": {}}, "unknown entry 'paramters'"),
    ],
)
def test_an_entry_that_is_no_photo_is_told_alone(entry, reason):
    wrong, right = read([entry, {"image_in_base64": "b"}])
    assert reason in wrong
    assert right == ScoringEntry(image_in_base64="b", parameters=Parameters())


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 400, "not JSON"),
        (b"image_in_base64=abc", 400, "not JSON"),
        (b"\xff\xd8\xff", 400, "or an image file with its content type, such as image/jpeg"),
        (b'[{"image_in_base64": NaN}]', 400, "not JSON"),
        (b'[{"image_in_base64": "\xff"}]', 400, "not JSON"),
        (b"{}", 400, r"must be a JSON list like .*, not a single object"),
        (b"5", 400, "not a single number"),
        (b"null", 400, "not a single true, false or null"),
        (b'"photo"', 400, "not a single text"),
        (b"[]", 400, "The list is empty"),
        (b"[" + b"{}," * 1000 + b"{}]", 413, "1,001 photos in a request: send up to 1,000"),
        (b"[" * 3000, 400, "not JSON"),
        (b"[" * 3000 + b"]" * 3000, 400, "not JSON"),
        (b"[" + b"[]," * 9000 + b"[]]", 413, "9,001 photos"),
        (b"[" + b"[]," * 2**19 + b"[]]", 413, "Too many values"),
        (b"[" + b"0," * 2**20 + b"0]", 413, "Too many values"),
    ],
)
def test_a_request_that_is_wrong_as_a_whole_is_refused(body, status, reason):
    with pytest.raises(RefusedRequestError, match=reason) as refused:
        read_json(body, Limits())
    assert refused.value.status == status


def test_a_thousand_photos_with_all_parameters_are_accepted():
    asked = {"addSoftmax": True, "topK": 2, "threshold": 0.5}
    photo = {"image_in_base64": "data:image/jpeg;base64,QUJD", "parameters": asked}
    assert len(read([photo] * 1000)) == 1000


def test_limits_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="pixels must be above 0"):
        Limits(pixels=0)
    with pytest.raises(ValueError, match="waiting_photos must not be smaller"):
        Limits(waiting_photos=10)
