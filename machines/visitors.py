"""Those who speak HTTP to the service: each request is noted before it is sent, and each answer is held against what is legal."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

from machines import contract
from machines.shelf_store import SECRET
from model.http import Sent
from model.http_answers import Illegal
from model.http_status import agrees
from model.validation import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machines.server import Server, Visit
    from model.service import Books, Exchange

INSIDE: Final = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|dspy_meme_gen|sqlalchemy|sqlite|pydantic|starlette|PortDown|Exception|\bat 0x|"
    r"(?:Value|Type|Key|Lookup|Operational|Unicode\w*|Recursion|Assertion|Connection)Error|SELECT \w|injected by the machine|"
    + re.escape(SECRET),
    re.IGNORECASE,
)
CALLED: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""An X-Request-Id that the service takes over."""
MADE_UP: Final = re.compile(r"[0-9a-f]{32}")
"""One that it makes for a request that has none, or an odd one."""
LISTED: Final = frozenset({*FORMATS, "normal", "high"})
"""Words that an error lists when it says what a field may be."""
SECURITY: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Visitors:
    """Sends requests to a server by the books. Its calls are made inside clients, many at once; `complaints` are what was illegal.

    `heard` tells which stages of a request the pipeline has told by now. `left_s` is when those left who had no key. Where `leaves_next` is
    a number, one of those who wait closes the connection when the next outcome is there. `watch` is called whenever somebody comes, is
    answered, or leaves.
    """

    def __init__(
        self, server: Server, books: Books, heard: Callable[[str], tuple[str, ...]], *, on_threads: bool, watch: Callable[[], None]
    ) -> None:
        self.server = server
        self.books = books
        self.watch = watch
        self.visits: dict[int, Visit] = {}
        self.impatient: dict[threading.Event, Exchange] = {}
        self.left_s: dict[str, float] = {}
        self.complaints: list[str] = []
        self.answers = 0
        self.leaves_next: int | None = None
        self._heard = heard
        self.lock: Any = threading.Lock() if on_threads else nullcontext()  # on a stage nobody else runs between two visible operations

    def exchange(self, sent: Sent, under_way: threading.Event | None = None) -> str:
        """Send, wait, and hold the answer against what is legal. `under_way` is set once it is sent, or begun."""
        with self.lock:
            exchange = self.books.begin(sent, time.monotonic())
            self.watch()
        about = exchange.wish.of if exchange.asks == "status" else ""
        before = self._heard(about)
        if sent.header("x-request-id") is None:
            sent = Sent(sent.method, sent.target, (*sent.headers, ("x-request-id", name_of(exchange).encode())), sent.body, sent.announced)
        if under_way is not None:
            self.impatient[under_way] = exchange
        try:
            visit = self.visits[exchange.serial] = self.server.send(sent)
            if under_way is not None and exchange.serial % 2:
                under_way.set()
            answer = visit.answer()
            with self.lock:
                if answer is None or exchange.left:
                    return "left"
                self.answers += 1
                self.books.end(exchange, answer, time.monotonic())
                self.watch()
                contract.hold(sent, answer)
                if about and answer.status == 200:
                    agrees(tuple(answer.document()["stages"]), before, self._heard(about))
                self._envelope(exchange, sent, answer)
        except (Illegal, AssertionError) as error:
            self.complaints.append(f"{sent.method} {sent.target[:200]} {sent.body[:200]!r}: {error}")
            if exchange.ended is None:
                exchange.ended = self.books.tick()
            return "illegal"
        finally:
            if under_way is not None:
                under_way.set()
        return str(answer.status)

    def submits(self, name: str) -> None:
        """The pipeline is given the request of this exchange: whoever waits for that may leave."""
        for under_way, exchange in list(self.impatient.items()):
            if name_of(exchange) == name:
                under_way.set()

    def _envelope(self, exchange: Exchange, sent: Sent, answer: Any) -> None:
        """What every answer has, and what no error tells."""
        for name, value in SECURITY.items():
            assert answer.header(name) == value, f"{name} is {answer.header(name)!r}, expected {value!r}"
        assert "default-src 'none'" in (answer.header("content-security-policy") or ""), "no content security policy"
        assert answer.header("set-cookie") is None, "a cookie is set"
        wanted = sent.header("x-request-id") or ""
        named = answer.header("x-request-id") or ""
        legal = wanted if CALLED.fullmatch(wanted) else None
        assert named == legal or (legal is None and MADE_UP.fullmatch(named)), f"X-Request-Id {named!r}, sent {wanted!r}"
        draining, drained = self.books.draining, self.books.drained
        if draining is None or exchange.ended is None or exchange.ended < draining:
            assert answer.header("connection") is None, "connections are closed, and nobody drains the server"
        elif drained is not None and drained < exchange.began:
            assert answer.header("connection") == "close", "a server that is about to end keeps its connections"
        if answer.status >= 400:
            text = answer.body.decode("utf-8", "replace")
            assert not INSIDE.search(text), f"an error tells of the inside: {text}"
            self._does_not_echo(sent, text)

    def _does_not_echo(self, sent: Sent, text: str) -> None:
        """Of what was sent an error repeats the names of unknown fields, and nothing else."""
        document = json.loads(text or "{}")
        told = json.dumps({name: value for name, value in document.items() if name != "errors"}, ensure_ascii=False)
        reasons = " / ".join(str(each["reason"]) for each in document.get("errors", ()))
        headers = (value.decode("latin-1") for _, value in sent.headers)
        for part in (*re.split(r"[/?&=]", sent.path)[1:], *sent.query.values(), *headers):
            hidden = len(part) < 12 or part.isdigit() or part == "application/json"
            assert hidden or part not in told + reasons, f"an error repeats {part!r}: {text}"
        for value in _scalars(sent.body):
            assert len(value) < 4 or value in LISTED or value not in told + reasons, f"an error repeats {value!r}: {text}"

    def leaf(self, limit: int) -> str:
        """Inside a client: page after page."""
        with self.lock:
            began = self.books.tick()
            sure = [meme_id for meme_id in self.books.shelf.sure if self.books.shelf.must_find(meme_id, began)]
        start, seen = "", list[str]()
        while True:
            sent = Sent("GET", f"/api/v1/memes/?limit={limit}{start}")
            with self.lock:
                exchange = self.books.begin(sent, time.monotonic())
            try:
                answer = self.server.send(sent).answer()
                assert answer is not None
                with self.lock:
                    self.books.end(exchange, answer, time.monotonic())
                    contract.hold(sent, answer)
                    if answer.status != 200:
                        return str(answer.status)
                    document = answer.document()
                    seen += [meme["id"] for meme in document["memes"]]
                    if document["next"] is None:
                        assert len(set(seen)) == len(seen), f"seen twice: {seen}"
                        assert set(sure) <= set(seen), f"left out: {sorted(set(sure) - set(seen))}; seen: {seen}"
                        return f"{len(seen)} memes"
                start = f"&start={document['next']}"
            except (Illegal, AssertionError) as error:
                self.complaints.append(f"leafing {limit} at a time, {start or 'first'}: {error}")
                return "illegal"

    def leave_soon(self, under_way: threading.Event) -> str:
        """Leave once it is sent, or the pipeline has begun with it."""
        under_way.wait()
        return self.leave(self.impatient.pop(under_way))

    def meme_id(self, which: int) -> str:
        """One that was asked for, the latest first, or nobody's."""
        known = list(self.books.shelf.possible)
        return known[-1 - which] if which < len(known) else "m-0123456789abcdef"

    def picture_of(self, meme_id: str) -> str:
        """The sha256 of a meme's picture."""
        known = self.books.shelf.possible.get(meme_id)
        records = self.books.records(known[0]) if known else frozenset()
        return next((record.meme.image.sha256 for record in records), "0" * 64)

    def who_waits(self, which: int) -> Exchange | None:
        """One of those who wait for a meme, by number."""
        waiting = [each for each in self.books.makers() if each.serial in self.visits]
        return waiting[which % len(waiting)] if waiting else None

    def outcome_comes(self) -> None:
        """An outcome is there, and nobody has been told of it yet."""
        which, self.leaves_next = self.leaves_next, None
        exchange = None if which is None else self.who_waits(which)
        if exchange is not None:
            self.leave(exchange)

    def leave(self, exchange: Exchange) -> str:
        with self.lock:
            if exchange.ended is not None:
                return "too late"
            self.books.leave(exchange)
            if exchange.identity[0] == "":
                self.left_s[name_of(exchange)] = time.monotonic()
            self.watch()
        self.visits[exchange.serial].leave()
        return "left"


def _scalars(body: bytes) -> Iterator[str]:
    """What stands in a body, as Python would write it; nothing of one that is large, or no JSON."""
    with suppress(ValueError, RecursionError):
        left = [json.loads(body)] if len(body) < 5_000 else []
        while left:
            value = left.pop()
            if isinstance(value, dict):
                left += value.values()
            elif isinstance(value, list):
                left += value
            else:
                yield str(value)


def name_of(exchange: Exchange) -> str:
    """The X-Request-Id that a visitor gives an exchange which brings none."""
    return f"e{exchange.serial}"


def may_be_called(exchange: Exchange, name: str) -> bool:
    """Whether the service may know an exchange by this X-Request-Id."""
    brought = exchange.sent.header("x-request-id")
    if brought is None:
        return name == name_of(exchange)
    return name == brought if CALLED.fullmatch(brought) else bool(MADE_UP.fullmatch(name))
