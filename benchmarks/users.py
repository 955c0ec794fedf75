"""How a served MemesPy scales with its users: 1, 2, 4, 8 … at once, each of whom wants one meme after another.

A user is a thread with a connection of its own that sends its next request when the last one is answered (a closed loop). It speaks through
``http.client``, which costs a fraction of what the server does, and goes under many names in turn (``user_id``), so that the limits of a
single one do not count: what is measured is the service, not its manners.
"""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.service import USERS, Result, cpu_s, resident_mb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LEVELS = (1, 2, 4, 8)
PATIENCE_S = 60.0
"""How long a user waits for an answer."""
KNOWN = 5
"""So many memes are wanted again and again."""


@dataclass(frozen=True, slots=True)
class Level:
    """What so many users at once came to: their `result`, and the memory of the service at the end, in megabytes."""

    users: int
    result: Result
    resident_mb: float


@dataclass(frozen=True, slots=True)
class Until:
    """When a user stops: after so many requests or so many seconds, whichever comes first."""

    requests: float = math.inf
    seconds: float = 10.0


@dataclass(slots=True)
class _User:
    """`latencies_s` of all requests, in order; `errors` of them were not answered with a meme."""

    url: str
    topics: Callable[[int], str]
    name: str
    latencies_s: list[float] = field(default_factory=list)
    errors: int = 0

    def want(self, until: Until) -> None:
        """One meme after another."""
        until_s = time.perf_counter() + until.seconds
        connection = self._connect()
        while len(self.latencies_s) < until.requests and time.perf_counter() < until_s:
            began_s = time.perf_counter()
            try:
                served = self._ask(connection, len(self.latencies_s))
            except (OSError, http.client.HTTPException):
                connection.close()  # the next request opens it again
                served = False
            self.latencies_s.append(time.perf_counter() - began_s)
            self.errors += not served
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        assert address.hostname is not None, self.url
        return http.client.HTTPConnection(address.hostname, address.port, timeout=PATIENCE_S)

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> bool:
        body = json.dumps({"topic": self.topics(number), "user_id": f"{self.name}-{number % USERS}"})
        connection.request("POST", "/api/v1/memes/", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        return answer.status == 201


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that is not exceeded by that share (0 to 1) of the values: the nearest rank. They must be in order, and some."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def at_once(url: str, pid: int, users: int, topics: Callable[[int, int], str], until: Until) -> Level:
    """So many users at once.

    `topics(user, number)` is what each of them wants; `pid` is the service's first process, whose CPU and memory are read.
    """
    crowd = [_User(url, lambda number, user=user: topics(user, number), f"u{user}") for user in range(users)]
    threads = [threading.Thread(target=each.want, args=(until,)) for each in crowd]
    spent_s, began_s = cpu_s(pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken_s, spent_s = time.perf_counter() - began_s, cpu_s(pid) - spent_s
    ordered = sorted(latency_s for each in crowd for latency_s in each.latencies_s)
    p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
    result = Result(len(ordered), sum(each.errors for each in crowd), taken_s, p50, p95, p99, spent_s)
    return Level(users, result, resident_mb(pid))


def scaling(url: str, pid: int, levels: Iterable[int], until: Until, *, cached: bool) -> list[Level]:
    """A level for each number of users. `cached`: all want the same few memes, which are there already; else each wants what nobody has."""

    def known(_: int, number: int) -> str:
        return f"known {number % KNOWN}"

    def wanted(users: int) -> Callable[[int, int], str]:
        return known if cached else lambda user, number: f"new {users} {user} {number}"

    if cached:
        at_once(url, pid, 1, known, Until(requests=KNOWN, seconds=PATIENCE_S))
    return [at_once(url, pid, users, wanted(users), until) for users in levels]
