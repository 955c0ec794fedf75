"""The service machine behind a socket, and what it stands on: both servers, the contract, the log of exchanges."""

from __future__ import annotations

import logging
import threading

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

import greenroom
from machines import contract
from machines.access_log import AccessLog
from machines.server import Broken, LoopServer
from machines.service_over_a_socket import ServiceOverASocketMachine
from machines.socket_server import SocketServer
from model.http import Sent
from model.http_answers import Answer, Illegal

FEW = settings(max_examples=5, stateful_step_count=10, database=None, deadline=None, suppress_health_check=list(HealthCheck))


def test_the_service_machine_holds_behind_a_socket(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(ServiceOverASocketMachine, settings=FEW)


def test_a_socket_is_not_for_a_stage():
    with pytest.raises(greenroom.errors.UsageError, match="--actors=threads"):
        run_state_machine_as_test(ServiceOverASocketMachine, settings=settings(FEW, max_examples=1))


class Served:
    """An application of a few lines behind a server."""

    def __init__(self, server):
        self.server = server
        self.gone = threading.Event()
        self.entered = threading.Event()

    async def __call__(self, scope, receive, send):
        what = scope["path"]
        if what == "/waits":
            await receive()
            self.entered.set()
            assert (await receive())["type"] == "http.disconnect"
            self.gone.set()
            return
        if what == "/raises":
            raise ValueError("no")
        if what == "/twice":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message.get("more_body"):
                break
        headers = [(b"X-Query", scope["query_string"]), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def answer(self, target, **sent):
        return self.server.send(Sent("POST", target, **sent)).answer()


@pytest.fixture(params=[LoopServer, SocketServer])
def served(request):
    app = Served(request.param())
    app.server.start(app)
    yield app
    app.server.stop()


@pytest.mark.parametrize("announced", [True, False])
def test_both_servers_carry_bytes_there_and_back(served, announced):
    answer = served.answer("/a%20b?c=%2F", body=b"\x00\xff\r\n" * 3, announced=announced)
    assert (answer.status, answer.body, answer.header("x-query")) == (200, b"\x00\xff\r\n" * 3, "c=%2F")


def test_both_servers_tell_the_application_that_a_client_has_left(served):
    visit = served.server.send(Sent("GET", "/waits"))
    assert served.entered.wait(20)
    visit.leave()
    assert visit.answer() is None
    assert served.gone.wait(20)


@pytest.mark.parametrize("target", ["/raises", "/twice"])
def test_a_broken_application_is_seen(target):
    app = Served(LoopServer())
    app.server.start(app)
    try:
        with pytest.raises(Broken):
            app.answer(target)
    finally:
        app.server.stop()


JSON = (("content-type", "application/json"),)
LISTED = b'{"memes": [], "next": null}'


def test_the_contract_knows_what_fits_it():
    contract.hold(Sent("GET", "/api/v1/memes/"), Answer(200, JSON, LISTED))
    contract.hold(Sent("GET", "/nowhere"), Answer(404, (), b""))


@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "why"),
    [
        ("GET", 200, JSON, b'{"memes": []}', "'next' is a required property"),
        ("GET", 200, JSON, b'{"memes": [{}], "next": null}', "required property"),
        ("GET", 200, (("content-type", "text/html"),), LISTED, "expected one of"),
        ("GET", 202, JSON, LISTED, "not in the contract"),
        ("GET", 409, JSON, LISTED, "not in the contract"),
        ("POST", 201, JSON, b"{}", "without Location"),
    ],
)
def test_the_contract_knows_what_does_not(method, status, headers, body, why):
    with pytest.raises(Illegal, match=why):
        contract.hold(Sent(method, "/api/v1/memes/"), Answer(status, headers, body))


def logged(**fields):
    log = AccessLog()
    try:
        line = {"method": "GET", "route": "/metrics", "status": 200, "seconds": 0.1} | fields
        logging.getLogger("memespy.http").info("%(method)s %(route)s %(status)s", line, extra={"fields": line | {"correlation": "e1"}})
    finally:
        log.close()
    return log


class Asked:
    sent = Sent("GET", "/metrics")


def test_a_log_has_one_line_for_each_exchange_and_no_word_from_outside():
    logged().check({"e1": Asked})
    for log in (logged(route="/metrics/<script>"), logged(method="PUT"), logged(path="/metrics?x")):
        with pytest.raises(AssertionError):
            log.check({"e1": Asked})
    with pytest.raises(AssertionError, match="0 lines"):
        logged().check({"e1": Asked, "e2": Asked})
