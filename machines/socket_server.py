"""A server behind a real socket: uvicorn on 127.0.0.1, and clients that write and read bytes."""

from __future__ import annotations

import http.client
import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

from dspy_meme_gen.api.serving import listen
from machines.server import PATIENCE_S, Broken, on_the_wire
from model.http_answers import Answer

if TYPE_CHECKING:
    from machines.server import App
    from model.http import Sent


class SocketServer:
    """Serves on a port that the system chooses, in a thread of its own."""

    def start(self, app: App) -> None:
        self._listening = listen("127.0.0.1", 0)
        self._address = self._listening.getsockname()
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="off", http="h11")  # type: ignore[arg-type]
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]}, name="server", daemon=True)
        self._thread.start()

    def send(self, sent: Sent) -> SocketVisit:
        return SocketVisit(self._address, sent)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._listening.close()
        if self._thread.is_alive():
            raise Broken("the server does not end")


class SocketVisit:
    """A request on a connection of its own."""

    def __init__(self, address: tuple[str, int], sent: Sent) -> None:
        self._sent = sent
        self._left = False
        self._connection = socket.create_connection(address, timeout=PATIENCE_S)
        self._connection.sendall(_bytes_of(sent))

    def answer(self) -> Answer | None:
        try:
            response = http.client.HTTPResponse(self._connection, method=self._sent.method)
            response.begin()
            body = response.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            if self._left:
                return None
            raise Broken(f"no answer to {self._sent.method} {self._sent.target}: {error!r}") from error
        finally:
            self._connection.close()
        return Answer(response.status, tuple((name.lower(), value) for name, value in response.getheaders()), body)

    def leave(self) -> None:
        self._left = True
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was answered just now


def _bytes_of(sent: Sent) -> bytes:
    headers = on_the_wire(sent)
    body = sent.body
    if body and not sent.announced:
        headers.append(("transfer-encoding", b"chunked"))
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    lines = b"".join(b"%b: %b\r\n" % (name.encode("ascii"), value) for name, value in headers)
    return f"{sent.method} {sent.target} HTTP/1.1\r\n".encode("ascii") + lines + b"\r\n" + body
