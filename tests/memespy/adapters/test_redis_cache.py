"""The Redis cache against a server that takes connections and says nothing of use."""

import socket
import threading
from collections.abc import Iterator

import pytest

from dspy_meme_gen.adapters.redis_cache import RedisCache
from tests.memespy.contracts.conftest import ManualClock
from tests.memespy.contracts.memes import meme


class Rude:
    """Takes each connection, says the same to everybody, and hangs up."""

    def __init__(self, words: bytes) -> None:
        self.words, self.visits = words, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"redis://:hunter2@127.0.0.1:{self._socket.getsockname()[1]}"

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            with connection:
                connection.recv(1)
                connection.sendall(self.words)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture(params=[b"", b"HTTP/1.1 200 OK\r\n\r\n", b"-ERR hunter2 is wrong\r\n", b"-LOADING\r\n", b"$5\r\nab"])
def rude(request: pytest.FixtureRequest) -> Iterator[Rude]:
    rude = Rude(request.param)
    yield rude
    rude.close()


def test_nothing_is_tried_twice_and_no_log_shows_the_password(rude: Rude, caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock()
    cache = RedisCache(rude.url, namespace="n", ttl_s=60, limit_s=0.5, rest_s=1.0, clock=clock)
    assert cache.get("a") is None
    cache.put("a", meme())
    assert rude.visits == 1
    clock.now_s += 1
    cache.put("a", meme())
    assert rude.visits == 2
    assert cache.trouble() is not None
    assert "hunter2" not in caplog.text + (cache.trouble() or "")
    cache.close()


def test_a_server_that_is_not_there_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(seconds: float) -> None:
        raise AssertionError(f"the client waits {seconds} s before it tries again")

    monkeypatch.setattr("redis.retry.sleep", waits)
    cache = RedisCache("redis://127.0.0.1:1", namespace="n", ttl_s=60)
    assert (cache.get("a"), cache.trouble()) == (None, "ConnectionError")
    cache.close()
