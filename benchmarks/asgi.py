"""The HTTP layer called as a server calls it, without sockets, and with a pipeline behind it that has every outcome at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from dspy_meme_gen.api.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspy_meme_gen.domain import GenerateMeme, Meme, Outcome
    from dspy_meme_gen.pipeline import Pipeline
    from dspy_meme_gen.settings import Settings

_BODY = b'{"topic": "monday meetings", "user_id": "u1"}'
_SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 8081),
    "client": ("127.0.0.1", 1),
    "scheme": "http",
    "method": "POST",
    "root_path": "",
    "path": "/api/v1/memes/",
    "raw_path": b"/api/v1/memes/",
    "query_string": b"",
    "headers": [(b"host", b"127.0.0.1:8081"), (b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())],
}


class _Settled:
    """A pipeline as far as the route needs it: whatever is wanted is there."""

    def __init__(self, meme: Meme) -> None:
        self._meme = meme

    def submit(self, request: GenerateMeme) -> None:
        """Taken."""

    def when_settled(self, request_id: str, listener: Callable[[Outcome], None]) -> bool:  # noqa: ARG002 - whichever request
        """At once."""
        listener(self._meme)
        return True


class Client:
    """Sends the same request again and again; every answer is that meme."""

    def __init__(self, settings: Settings, meme: Meme) -> None:
        self._app = create_app(cast("Pipeline", _Settled(meme)), settings)

    async def make(self, times: int) -> None:
        """So many requests, one after another. AssertionError for one that is not answered with 201."""
        for _ in range(times):
            await self._exchange()

    async def _exchange(self) -> None:
        messages, gone = [{"type": "http.request", "body": _BODY, "more_body": False}], asyncio.Event()
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not messages:
                await gone.wait()  # the client stays
            return messages.pop()

        async def send(message: Any) -> None:
            answer.append(message)

        await self._app(dict(_SCOPE), receive, send)
        assert answer[0]["status"] == 201, answer
