"""Around every exchange: its correlation id, its limits, security headers, a line in the log, and no exception that gets out."""

import logging
import re
import time
import uuid
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dspy_meme_gen.api.awaiting import ClientGone
from dspy_meme_gen.api.problems import problem_response
from dspy_meme_gen.logs import correlation

__all__ = ["Draining", "Envelope", "TooLarge"]

MOST_BYTES: Final = 64 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LENGTH: Final = re.compile(r"[0-9]{1,20}")  # str.isdigit also takes a superscript, and int no more than some thousand digits
_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}
_HEADERS: Final = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in _SECURITY.items()]
_OWN: Final = {name.lower() for name, _ in _HEADERS} | {b"x-request-id", b"server"}
logger = logging.getLogger("memespy.http")


@dataclass(slots=True)
class Draining:
    """Whether this server is about to end: from then on every answer asks its client to come back on a new connection."""

    begun: bool = False


class TooLarge(Exception):
    """More came than was announced, and more than is taken."""


class Envelope:
    """ASGI middleware. `X-Request-Id` is taken over where it is harmless, and is in every log line of the exchange."""

    def __init__(self, app: ASGIApp, draining: Draining) -> None:
        self._app = app
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        wanted = headers.get("x-request-id", "")
        exchange = _Exchange(scope, send, wanted if _ID.fullmatch(wanted) else uuid.uuid4().hex, self._draining)
        token = correlation.set(exchange.id)
        try:
            await self._within_limits(exchange, headers, receive)
        finally:
            exchange.log()
            correlation.reset(token)

    async def _within_limits(self, exchange: "_Exchange", headers: dict[str, str], receive: Receive) -> None:
        scope = exchange.scope
        if not _LENGTH.fullmatch(announced := headers.get("content-length", "0")) or int(announced) > MOST_BYTES:
            await problem_response("too-large")(scope, receive, exchange.send)
            return
        try:
            await self._app(scope, _limited(receive), exchange.send)
        except ClientGone:
            logger.info("the client went away")
        except TooLarge:
            await problem_response("too-large")(scope, receive, exchange.send)
        except Exception:
            logger.exception("an exchange failed")
            if not exchange.status:
                await problem_response("internal")(scope, receive, exchange.send)


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise TooLarge
        return message

    return limited


class _Exchange:
    """What is known of one exchange."""

    def __init__(self, scope: Scope, send: Send, identifier: str, draining: Draining) -> None:
        self.scope = scope
        self._draining = draining
        self.id = identifier
        self.status = 0
        self._send = send
        self._began_s = time.monotonic()

    async def send(self, message: Message) -> None:
        """Pass an answer on, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [(name, value) for name, value in message["headers"] if name.lower() not in _OWN]
            headers += _HEADERS
            headers.append((b"X-Request-Id", self.id.encode("latin-1")))
            if self._draining.begun:
                headers.append((b"Connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    def log(self) -> None:
        """One line: what was asked, what was answered, how long it took. The path is the route's, so that it holds no user's text."""
        route = getattr(self.scope.get("route"), "path", "unknown")
        fields = {
            "method": self.scope["method"],
            "route": route,
            "status": self.status,
            "seconds": round(time.monotonic() - self._began_s, 6),
        }
        logger.info("%(method)s %(route)s %(status)s", fields, extra={"fields": fields})
