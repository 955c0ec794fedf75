"""A server that answers as OpenAI's API does, and misbehaves on demand. Of the standard library alone."""

import base64
import io
import json
import threading
from collections import deque
from collections.abc import Callable  # noqa: TC003 - one import style for all files
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

KEY = "sk-test-0123456789"


@dataclass
class Reply:
    """`text` is put into a chat completion, `body` is sent as it is. `hold` keeps the answer back until it is set."""

    text: str | None = None
    body: bytes | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hold: threading.Event | None = None
    drip: bool = False


class OpenAIStub:
    """Answers every question with fields that fit it, unless the next replies are set. `requests` holds what came in."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.next: deque[Reply] = deque()
        self.released = threading.Event()
        self.fields: Callable[[dict[str, Any]], dict[str, Any]] = _fitting
        handler = type("Handler", (_Handler,), {"stub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    stub: OpenAIStub
    timeout = 5

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.stub.requests.append(document)
        self.stub.keys.append(self.headers.get("Authorization"))
        reply = self.stub.next.popleft() if self.stub.next else Reply()
        if reply.hold is not None:
            reply.hold.wait(30)
        body = reply.body if reply.body is not None else self._body(document, reply.text)
        try:
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            if not reply.drip:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if reply.drip:
                # A byte now and then, for as long as anybody listens.
                while not self.stub.released.wait(0.02):
                    self.wfile.write(b" ")
                    self.wfile.flush()
            else:
                self.wfile.write(body)
        except OSError:
            pass  # whoever asked has gone
        self.close_connection = True

    def _body(self, document: dict[str, Any], text: str | None) -> bytes:
        if self.path == "/v1/images/generations":
            return json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(png()).decode()}]}).encode()
        if text is None:
            text = _worded(self.stub.fields(document), document)
        message = {"role": "assistant", "content": text}
        completion = {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": document["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        return json.dumps(completion).encode()

    def log_message(self, *_: Any) -> None:
        pass


def png(size: tuple[int, int] = (64, 48), colour: str = "teal", format: str = "PNG") -> bytes:  # noqa: A002 - Pillow's own name
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format=format)
    return file.getvalue()


def asked(document: dict[str, Any]) -> str:
    """All that a request says to the model."""
    return "\n".join(str(message["content"]) for message in document["messages"])


def _fitting(document: dict[str, Any]) -> dict[str, Any]:
    text = asked(document)
    if "shareability" in text and "current_top" not in text:
        return {"humor": 0.9, "clarity": 0.8, "creativity": 0.7, "shareability": 0.6}
    if "passed" in text:
        return {"passed": True, "score": 0.9, "reason": "fine"}
    return {"top": "me: cats", "bottom": "also me: cats. no regrets"}


def _worded(fields: dict[str, Any], document: dict[str, Any]) -> str:
    """In the form that was asked for: DSPy's sections, or a JSON object."""
    if "[[ ##" in asked(document):
        sections = (f"[[ ## {name} ## ]]\n{value}" for name, value in fields.items())
        return "\n\n".join([*sections, "[[ ## completed ## ]]"])
    return json.dumps(fields)
