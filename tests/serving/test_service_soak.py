"""A minute of good and bad requests at once: every one is answered, and memory stays flat."""

from __future__ import annotations

import base64
import io
import itertools
import json
import random
import socket
import threading
import time
from collections import Counter

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from .running import PATH, entry, picture, process

# Alone in its group, so that xdist runs the other tests beside it.
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("soak")]

SECONDS = 60
WARM_UP = 15
# Of a client between two requests, so that the tests beside this one get on.
PAUSE = 0.1
PHOTOS = [picture(seed, (60 + 97 * seed, 50 + 61 * seed)) for seed in range(12)]
CUT_OFF = PHOTOS[5][: len(PHOTOS[5]) // 2]
LONG = b"x" * (65 * 2**20)


def bomb():
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "png")
    return buffer.getvalue()


BOMB = bomb()


class Traffic:
    """Clients that send requests of their kinds one after the other, and check each answer."""

    def __init__(self, service, model):
        self.service = service
        self.expected = model.score(PHOTOS)
        self.answered = Counter()
        self.wrong = []
        self.until = time.monotonic() + SECONDS
        kinds = [self.good, self.good, self.good, self.many, self.bad, self.large, self.lost]
        self.threads = [
            threading.Thread(target=self.run, args=(kind, i)) for i, kind in enumerate(kinds)
        ]
        for thread in self.threads:
            thread.start()

    def run(self, kind, seed):
        generator = random.Random(seed)
        with httpx.Client(trust_env=False, timeout=60) as client:
            while time.monotonic() < self.until and len(self.wrong) < 5:
                try:
                    kind(client, generator)
                    time.sleep(PAUSE)
                except Exception as error:  # noqa: BLE001 -- shown by the test
                    self.wrong.append(repr(error))

    def expect(self, response, status, name):
        self.answered[name] += 1
        if response.status_code != status:
            self.wrong.append(f"{name}: {response.status_code} {response.text[:200]}")
        return response.json()

    def check(self, text, number):
        scores = json.loads(text)
        if not np.allclose(scores, self.expected[number], atol=1e-4):
            self.wrong.append(f"photo {number}: {scores}")

    def good(self, client, generator):
        number = generator.randrange(len(PHOTOS))
        if generator.random() < 0.5:
            body = [entry(PHOTOS[number], addSoftmax=True)]
            [text] = self.expect(client.post(self.service.url, json=body), 200, "one in JSON")
            self.check(text, number)
        else:
            kind = {"Content-Type": "image/jpeg"}
            response = client.post(self.service.url, content=PHOTOS[number], headers=kind)
            classes = self.expect(response, 200, "image file")["classes"]
            self.check(json.dumps([classes["cup"], classes["plate"]]), number)

    def many(self, client, generator):
        numbers = generator.choices(range(len(PHOTOS)), k=generator.randrange(2, 40))
        body = [entry(PHOTOS[number], addSoftmax=True) for number in numbers]
        body.insert(1, entry(CUT_OFF))
        texts = self.expect(client.post(self.service.url, json=body), 200, "many in JSON")
        if "cut off" not in texts.pop(1):
            self.wrong.append("a photo that is cut off was scored")
        for text, number in zip(texts, numbers, strict=True):
            self.check(text, number)
        files = [("photo", ("a.jpg", PHOTOS[number])) for number in numbers]
        self.expect(client.post(self.service.url, files=files), 200, "upload")

    def bad(self, client, generator):
        status, body = generator.choice(
            [
                (400, b"no JSON"),
                (400, b"[" * 5000),
                (400, b"{}"),
                (413, json.dumps([{}] * 1001).encode()),
                (422, json.dumps([{"image_in_base64": "?"}]).encode()),
                (422, json.dumps([entry(BOMB)]).encode()),
                (422, json.dumps([entry(PHOTOS[0], topK=0)]).encode()),
                (
                    422,
                    json.dumps([{"image_in_base64": base64.b64encode(CUT_OFF).decode()}]).encode(),
                ),
            ]
        )
        self.expect(client.post(self.service.url, content=body), status, "bad")

    def large(self, client, generator):
        """Longer than allowed, of known and of unknown length; and nearly too long."""
        parts = itertools.repeat(LONG[: 2**20], 70)
        self.expect(client.post(self.service.url, content=parts), 413, "without end")
        self.expect(client.post(self.service.url, content=LONG), 413, "too long")
        self.expect(client.post(self.service.url, content=LONG[: 60 * 2**20]), 400, "long")
        time.sleep(0.5)

    def lost(self, client, generator):
        """Goes away in the middle of its headers, its body, or of the scoring."""
        body = json.dumps([entry(photo) for photo in PHOTOS]).encode()
        head = f"POST {PATH}/score HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        with socket.create_connection(("127.0.0.1", self.service.port)) as connection:
            connection.sendall(request[: generator.choice([0, 20, len(head), 5000, len(request)])])
            time.sleep(generator.random() / 10)
        self.answered["lost"] += 1


def test_a_minute_of_mixed_requests(small_model, tmp_path):
    model = small_model()
    artifact = model.serialize(tmp_path / "cups.model")
    with process(artifact) as (running, service, log):
        server = psutil.Process(running.pid)
        traffic = Traffic(service, model)
        time.sleep(WARM_UP)
        before = server.memory_info().rss
        threads, files = server.num_threads(), server.num_fds()
        for thread in traffic.threads:
            thread.join()
        after = server.memory_info().rss
        assert not traffic.wrong
        assert running.poll() is None
        assert service.metric("imgcls_queue_photos") == 0
        answers = sum(count for name, count in traffic.answered.items() if name != "lost")
        assert answers > 100
        assert len(traffic.answered) == 9
        # Nothing piles up: what a request takes, it gives back.
        assert after < before + 64 * 2**20, traffic.answered
        assert server.num_threads() <= threads + 4
        assert server.num_fds() <= files + 8
        assert "Traceback" not in log.read_text()
