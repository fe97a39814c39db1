"""The load: a program of its own, as locust puts gevent in the place of parts of Python's library.

``python -m jupyter_imgcls.serving.load_test.locustfile`` reads a line of JSON from its standard
input (`generator.Plan`), then the bodies of the requests. It writes the answered requests as lines
of JSON, and ends early when its standard input is closed. Times are in seconds since the end of the
warm-up.
"""

# First, as it replaces what others import.
import locust  # isort: skip

import json
import os
import random
import sys
import time
from collections.abc import Callable
from http.client import responses
from typing import Any, TextIO

import gevent
import gevent.pool
from locust.env import Environment

__all__ = ["main"]

_SECONDS_BETWEEN_REPORTS = 0.1
_MOST_AT_ONCE = 1000
_PAUSE_AFTER_ERROR = 0.1  # as a service that refuses at once would else be asked without end
_ORDER = 7  # seed, so that each test sends the photos in the same order and at the same times


class Load:
    """What all users share: the requests to send, and what became of them.

    Parameters
    ----------
    plan : dict
        See `jupyter_imgcls.serving.load_test.generator.Plan`.
    bodies : list of bytes
        Of the requests.
    """

    def __init__(self, plan: dict[str, Any], bodies: list[bytes]) -> None:
        self.plan = plan
        self.headers = {"Content-Type": "application/json"}
        if plan["key"]:
            self.headers["Authorization"] = f"Bearer {plan['key']}"
        self.over = False
        self._bodies = bodies
        self._turns: list[int] = []
        self._answered: list[tuple[float, float, int, str]] = []
        self._random = random.Random(_ORDER)
        self._zero = time.perf_counter() + plan["warm_up"]

    def ask(self, user: locust.FastHttpUser, due: float) -> bool:
        """Send a request that was due at a time of `time.perf_counter`; whether all went well."""
        photo = self._next_photo()
        client: Any = user.client  # whose annotations leave out bytes
        response = client.post(
            self.plan["url"], data=self._bodies[photo], headers=self.headers, name="score"
        )
        problem = _what_is_wrong(response)
        self.note(due, photo, problem)
        return not problem

    def note(self, due: float, photo: int, problem: str) -> None:
        """Note an answer that has just arrived."""
        now = time.perf_counter()
        self._answered.append((round(due - self._zero, 6), round(now - due, 6), photo, problem))

    def gap(self) -> float:
        """Seconds from one arrival to the next, as independent people arrive: a Poisson process."""
        return self._random.expovariate(self.plan["rate"])

    def report(self, output: TextIO, **more: Any) -> None:
        """Write what was answered since the last report."""
        answered, self._answered = self._answered, []
        line = {"time": time.perf_counter() - self._zero, "answered": answered, **more}
        output.write(json.dumps(line) + "\n")
        output.flush()

    def _next_photo(self) -> int:
        if not self._turns:
            self._turns = list(range(len(self._bodies)))
            self._random.shuffle(self._turns)
        return self._turns.pop()


def _what_is_wrong(response: Any) -> str:
    """Nothing, or the kind of error in a user's words."""
    if response.status_code == 0:  # there is no answer
        if isinstance(response.error, ConnectionRefusedError):
            return "connection refused"
        # geventhttpclient wraps what the socket says.
        timed_out = "timed out" in str(response.error).lower()
        return "no answer in time" if timed_out else "connection lost"
    if response.status_code != 200:
        return f"{response.status_code} {responses.get(response.status_code, '')}".strip()
    try:
        scored = all(isinstance(json.loads(entry), list) for entry in json.loads(response.content))
    except (TypeError, ValueError):
        scored = False
    return "" if scored else "200, but a photo was not scored"


def _users(load: Load) -> type[locust.FastHttpUser]:
    """The closed loop: each user waits for an answer, and asks again at once."""

    class User(locust.FastHttpUser):
        host = ""
        wait_time = locust.constant(0)
        connection_timeout = network_timeout = load.plan["timeout"]
        insecure = False

        @locust.task
        def score(self) -> None:
            if not load.ask(self, time.perf_counter()):
                gevent.sleep(_PAUSE_AFTER_ERROR)

    return User


def _arrivals(load: Load) -> type[locust.FastHttpUser]:
    """The open loop: requests come when they come, whether others were answered or not.

    Their time counts from when they were due, so that a slow service cannot slow down its own test.
    """

    class Arrivals(_users(load)):  # type: ignore[misc]  # a class made by a function
        concurrency = _MOST_AT_ONCE

        @locust.task
        def score(self) -> None:
            under_way = gevent.pool.Pool(_MOST_AT_ONCE)
            due = time.perf_counter()
            while not load.over:
                due += load.gap()
                gevent.sleep(max(0.0, due - time.perf_counter()))
                if under_way.free_count():
                    under_way.spawn(load.ask, self, due)
                else:
                    load.note(due, 0, f"not sent: {_MOST_AT_ONCE} others have no answer yet")
            under_way.join()

    return Arrivals


def _run(load: Load, wanted: Callable[[], bool], output: TextIO) -> None:
    """Have the users ask until the time is over or nobody wants it, and report."""
    plan = load.plan
    user = _users(load) if plan["rate"] is None else _arrivals(load)
    # What was sent is waited for.
    environment = Environment(user_classes=[user], stop_timeout=plan["timeout"] + 1)
    runner = environment.create_local_runner()
    number = plan["users"] if plan["rate"] is None else 1
    runner.start(number, spawn_rate=number)
    began, used_before, cores = time.perf_counter(), time.process_time(), 0.0
    end = began + plan["warm_up"] + plan["duration"]
    while wanted() and time.perf_counter() < end:
        gevent.sleep(min(_SECONDS_BETWEEN_REPORTS, max(0.0, end - time.perf_counter())))
        load.report(output)
        cores = (time.process_time() - used_before) / (time.perf_counter() - began)
    load.over = True
    stopping = gevent.spawn(runner.stop)
    while not stopping.ready():
        stopping.join(_SECONDS_BETWEEN_REPORTS)
        load.report(output)
    load.report(output, cores=cores, ended=True)


def main() -> None:
    """Read the plan, and do it."""
    source, output = sys.stdin.buffer, sys.stdout
    plan = json.loads(source.readline())
    bodies = [source.read(length) for length in plan["bodies"]]
    # A thread of the system's: reading blocks all of gevent's.
    closed = gevent.get_hub().threadpool.spawn(source.read)
    _run(Load(plan, bodies), lambda: not closed.ready(), output)
    output.flush()
    os._exit(0)  # that thread still reads


if __name__ == "__main__":
    main()
