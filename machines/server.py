"""A server in this process: the ASGI application in an event loop of its own thread, as uvicorn would run it, without a socket.

On a stage the thread is a task, and the loop keeps virtual time; otherwise both are real. Whoever drives it does not see the difference.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote

from model.http_answers import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from model.http import Sent

    App = Callable[[dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

HOST: Final = b"memespy.test"
PATIENCE_S: Final = 300.0


class Broken(AssertionError):
    """The server broke the protocol: an exception got out of the application, or an answer is none."""


class Visit(Protocol):
    """A request under way."""

    def answer(self) -> Answer | None:
        """Wait for the answer; None once the client has left."""
        ...

    def leave(self) -> None:
        """Close the connection: no answer is wanted any more."""
        ...


class Server(Protocol):
    """What clients send their requests to. Any thread may send."""

    def start(self, app: App) -> None:
        """Serve the application from now on."""
        ...

    def send(self, sent: Sent) -> Visit:
        """Send a request."""
        ...

    def stop(self) -> None:
        """Serve nothing any more; everyone has been answered, or has left."""
        ...


class LoopServer:
    """Serves clients of this process on one event loop."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, app: App) -> None:
        self._app = app
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="server", daemon=True)
        self._thread.start()
        self._ready.wait()

    def send(self, sent: Sent) -> LoopVisit:
        visit = LoopVisit(self._loop, sent)
        self._loop.call_soon_threadsafe(self._take, visit)
        return visit

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        assert self._thread is not None
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._ready.set()
        await self._end.wait()
        await asyncio.gather(*self._tasks)

    def _take(self, visit: LoopVisit) -> None:
        task = self._loop.create_task(visit.run(self._app))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class LoopVisit:
    """A request to a LoopServer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sent: Sent) -> None:
        self._loop = loop
        self._sent = sent
        self._over = threading.Event()
        self._left = False
        self._gone = asyncio.Event()
        self._error: BaseException | None = None
        self._start: dict[str, Any] | None = None
        self._body: list[bytes] = []
        self._complete = False
        half = len(sent.body) // 2
        pieces = (sent.body[:half], sent.body[half:]) if half else (sent.body,)
        self._coming = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)} for number, piece in enumerate(pieces, 1)
        ]

    def answer(self) -> Answer | None:
        if not self._over.wait(PATIENCE_S):
            raise Broken(f"no answer to {self._sent.method} {self._sent.target} within {PATIENCE_S:g} s")
        if self._error is not None:
            raise Broken(f"{type(self._error).__name__} got out of the application: {self._error}") from self._error
        if self._left:
            return None
        if self._start is None or not self._complete:
            raise Broken(f"the application ended without a whole answer to {self._sent.method} {self._sent.target}")
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._start["headers"])
        return Answer(self._start["status"], headers, b"".join(self._body))

    def leave(self) -> None:
        self._loop.call_soon_threadsafe(self._disconnect)

    def _disconnect(self) -> None:
        if not self._complete:
            self._left = True
            self._gone.set()
            self._over.set()

    async def run(self, app: App) -> None:
        """The exchange, on the server's loop."""
        try:
            await app(_scope(self._sent), self._receive, self._send)
        except Exception as error:  # noqa: BLE001 - the client is told
            self._error = error
        self._over.set()

    async def _receive(self) -> dict[str, Any]:
        if self._coming and not self._gone.is_set():
            return self._coming.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self._left:
            return
        if message["type"] == "http.response.start":
            if self._start is not None:
                raise Broken("a second answer begins")
            self._start = message
        elif message["type"] == "http.response.body":
            if self._start is None or self._complete:
                raise Broken("a body outside of an answer")
            self._body.append(message.get("body", b""))
            if not message.get("more_body"):
                self._complete = True
                self._gone.set()


def _scope(sent: Sent) -> dict[str, Any]:
    path, _, query = sent.target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8081),
        "client": ("127.0.0.1", 50_000),
        "scheme": "http",
        "method": sent.method,
        "root_path": "",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "headers": [(name.encode("ascii"), value) for name, value in on_the_wire(sent)],
    }


def on_the_wire(sent: Sent) -> list[tuple[str, bytes]]:
    """All headers of a request, with those that each must have."""
    headers = [("host", HOST), *sent.headers]
    if sent.body and sent.announced:
        headers.append(("content-length", str(len(sent.body)).encode()))
    return headers
