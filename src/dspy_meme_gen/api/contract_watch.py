"""A share of all answers held against the service's own contract, while it serves. An answer is passed on first, and never changed."""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dspy_meme_gen.api.answered import Answered, Break
from dspy_meme_gen.api.contract import Contract
from dspy_meme_gen.api.contract_counts import ContractCounts

__all__ = ["ContractWatch"]

QUICK_BYTES: Final = 4 * 1024
"""A body up to here is read on the event loop, which takes some milliseconds."""
MOST_BYTES: Final = 128 * 1024
"""A body up to here is read on a thread, one at a time. No more than this is ever kept of an answer."""


class ContractWatch:
    """ASGI middleware, the outermost: it sees what the client gets. `share` of the exchanges are checked, 0 to 1."""

    def __init__(self, app: ASGIApp, document: Callable[[], Mapping[str, Any]], share: float, counts: ContractCounts) -> None:
        self._app = app
        self._contract = Contract(document())
        self._share = share
        self._counts = counts
        self._chance = random.Random(0)
        self._reading = anyio.CapacityLimiter(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange."""
        if scope["type"] != "http" or self._chance.random() >= self._share:
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, lambda headers, status: self._reads(scope, headers, status))
        await self._app(scope, receive, answer.send)
        if answer.status and self._contract.knows(scope["method"], _route(scope)):
            await self._check(Answered(scope["method"], _route(scope), answer.status, answer.headers), answer)

    def _reads(self, scope: Scope, headers: Mapping[str, str], status: int) -> bool:
        """Whether the body will be looked at, so that others (pictures above all) are not kept."""
        answered = Answered(scope["method"], _route(scope), status, headers)
        return self._contract.knows(answered.method, answered.route) and self._contract.reads_body(answered)

    async def _check(self, answered: Answered, answer: "_Answer") -> None:
        self._counts.checked += 1
        self._tell(answered, self._contract.breaks(answered))
        if not answer.reads or not (answer.whole or answer.over):
            return
        if answer.over or (len(answer.body) > QUICK_BYTES and self._reading.borrowed_tokens):
            self._counts.unread += 1
        elif len(answer.body) <= QUICK_BYTES:
            self._tell(answered, self._contract.body_breaks(answered, bytes(answer.body)))
        else:
            body = bytes(answer.body)
            found = await anyio.to_thread.run_sync(lambda: list(self._contract.body_breaks(answered, body)), limiter=self._reading)
            self._tell(answered, found)

    def _tell(self, answered: Answered, found: Iterable[Break]) -> None:
        for each in found:
            self._counts.broke(answered, each)


class _Answer:
    """Passes an answer on and keeps what is looked at later. `whole` once all of it went out, `over` if it is too large to keep."""

    def __init__(self, send: Send, reads: Callable[[Mapping[str, str], int], bool]) -> None:
        self._send = send
        self._wants = reads
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.reads = self.whole = self.over = False

    async def send(self, message: Message) -> None:
        """First on to the client, then into the notes."""
        await self._send(message)
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
            self.reads = self._wants(self.headers, self.status)
        elif message["type"] == "http.response.body":
            self.whole = not message.get("more_body", False)
            self._keep(message.get("body", b""))

    def _keep(self, part: bytes) -> None:
        if not self.reads or self.over:
            return
        if len(self.body) + len(part) > MOST_BYTES:
            self.over = True
            self.body.clear()
        else:
            self.body += part


def _route(scope: Scope) -> str:
    """The template as the document has it; "" where no route was found."""
    route = scope.get("route")
    return str(getattr(route, "path_format", getattr(route, "path", "")))
