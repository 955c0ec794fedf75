"""Serving: one pipeline, one application, one listening socket; a SIGTERM drains.

The socket may be shared: `rolling` holds it open while one server follows another.
"""

import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator

import anyio
import uvicorn

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.api.envelope import Draining
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.ports import Preparing
from dspy_meme_gen.settings import Settings

__all__ = ["listen", "serve"]

LINGER_S = 2.0
"""How long open connections may go on, each until its next answer."""

logger = logging.getLogger("memespy.serving")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError with the address in its text."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    listening.set_inheritable(True)
    return listening


def serve(settings: Settings, listening: socket.socket, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT: then take no more connections, finish what is under way, and stop the pipeline.

    `ready` is called once the first request would be answered.
    """
    ports = configured_ports(settings)
    if isinstance(ports.image, Preparing):
        ports.image.prepare()
    pipeline = start_pipeline(settings, ports)
    try:
        draining = Draining()
        config = uvicorn.Config(
            create_app(pipeline, settings, draining),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=max(1, int(settings.stop_grace_s)),
        )
        server = _Server(config, ready, draining)
        server.run(sockets=[listening])
    finally:
        logger.info("stopping")
        pipeline.stop()


class _Server(uvicorn.Server):
    """Says when it is ready, and ends in two steps: no new connections and no answer that keeps one open; then all that is left is closed.

    A client that sends its next request on an open connection just when that is closed would get no answer.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], draining: Draining) -> None:
        super().__init__(config)
        self._ready = ready
        self._draining = draining

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Uvicorn's, but a signal is not raised again at the end: that would kill the process before the pipeline has stopped."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn's, and then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let clients go by themselves for a while, then uvicorn's."""
        self._draining.begun = True
        for server in self.servers:
            server.close()
        until_s = time.monotonic() + LINGER_S
        # Uvicorn keeps a set of connections, and tells nobody when it is empty.
        while self.server_state.connections and time.monotonic() < until_s and not self.force_exit:  # noqa: ASYNC110
            await anyio.sleep(0.02)
        await super().shutdown(sockets=sockets)
