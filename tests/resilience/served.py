"""memespy serve as a process, and clients that never let it rest."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import httpx

import dspy_meme_gen

PATIENCE_S = 30.0
"""How long anything may take to come, recovery after an outage included: the bar of the seed."""

QUICK = {
    "MEMESPY_DATABASE_LIMIT_S": "0.5",
    "MEMESPY_DATABASE_REST_S": "1",
    "MEMESPY_OUTBOX_DRAIN_S": "0.5",
    "MEMESPY_HEALTH_PERIOD_S": "0.5",
    "MEMESPY_IMAGE_WIDTH": "64",
    "MEMESPY_IMAGE_HEIGHT": "48",
    "MEMESPY_USER_BURST": "1000000",
}
_TAKEN_AWAY = ("MEMESPY_", "DATABASE_", "REDIS_", "OPENAI_", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


_LEVEL = "DEBUG" if os.environ.get("LOG_LEVEL", "").strip().upper() == "DEBUG" else "INFO"
"""Nothing less than INFO: tests read in the log when a server is ready."""


class Served:
    """The service on a free port, with a data directory of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(_TAKEN_AWAY)}
        source = str(Path(dspy_meme_gen.__file__).parents[1])
        self.environment = own | QUICK | {"PYTHONPATH": source, "XDG_DATA_HOME": str(folder), "LOG_LEVEL": _LEVEL} | environment
        self.log = folder / "serve.log"
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "dspy_meme_gen", "serve", "--port", "0"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        said = re.search(r"http://\S+(?=/ )", self.process.stdout.readline())
        assert said, self.log.read_text()
        self.url = said[0]
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE_S)
        self.health()

    def health(self) -> dict[str, Any]:
        document: dict[str, Any] = self.client.get("/api/health").json()
        return document

    def wait_until(self, what: str, condition: Any) -> None:
        """Look again and again until it holds."""
        pause = threading.Event()
        for _ in range(int(PATIENCE_S * 20)):
            if condition():
                return
            pause.wait(0.05)
        raise AssertionError(f"{what} did not come within {PATIENCE_S:g} s: {self.health()}")

    def run(self, *arguments: str) -> None:
        """memespy with these arguments, on the same data."""
        subprocess.run([sys.executable, "-m", "dspy_meme_gen", *arguments], env=self.environment, check=True, capture_output=True)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """SIGTERM; the exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        assert self.process.stdout is not None
        try:
            return self.process.wait(2 * PATIENCE_S)
        finally:
            self.process.stdout.close()
            if self.process.poll() is None:
                self.process.kill()


class Load:
    """Clients that want one meme after another until the block ends. `made` has the documents of all that were accepted."""

    def __init__(self, url: str, clients: int = 3, *, distinct: int = 0) -> None:
        self._url, self._distinct = url, distinct
        self._changed = threading.Condition()
        self._over = False
        self.made: list[dict[str, Any]] = []
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        for thread in self._threads:
            thread.join(4 * PATIENCE_S)
        assert not any(thread.is_alive() for thread in self._threads)

    @property
    def ids(self) -> set[str]:
        return {document["id"] for document in self.made}

    def wait_for(self, more: int) -> None:
        """Until so many more are made."""
        with self._changed:
            wanted = len(self.made) + more
            assert self._changed.wait_for(lambda: len(self.made) >= wanted or self.failed, 2 * PATIENCE_S), "no more memes came"

    def _work(self, client: int) -> None:
        number = 0
        with httpx.Client(base_url=self._url, timeout=PATIENCE_S) as connection:
            while not self._over:
                number += 1
                topic = f"{client} {number % self._distinct if self._distinct else number}"
                try:
                    answer = connection.post("/api/v1/memes/", json={"topic": topic}, headers={"Idempotency-Key": f"{client}-{number}"})
                    problem = None if answer.status_code == 201 else f"{answer.status_code} {answer.text}"
                except httpx.HTTPError as error:
                    problem = repr(error)
                with self._changed:
                    if problem is None:
                        self.made.append(answer.json())
                    else:
                        self.failed.append(problem)
                    self._changed.notify_all()
