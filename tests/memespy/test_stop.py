"""Rule 12: stopping takes no more, finishes or fails what is under way, and leaves nothing behind."""

import ast
import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pykka
import pytest

import dspy_meme_gen
from dspy_meme_gen import names
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import Failed, Meme
from dspy_meme_gen.errors import ServiceStopped
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.settings import Settings
from tests.memespy.conftest import Start
from tests.memespy.fakes import PATIENCE_S, Script, request

Run = Callable[[int, Callable[[int], Any]], list[Any]]


def test_a_stopped_pipeline_takes_nothing(start: Start) -> None:
    pipeline = start()
    done = pipeline.submit(request())
    done.get(timeout=PATIENCE_S)
    pipeline.stop()
    for request_id in ("r1", "r2"):
        with pytest.raises(ServiceStopped):
            pipeline.submit(request(request_id))
    assert not pipeline.cancel("r1")


def test_what_is_in_flight_is_finished_within_the_grace_period(start: Start, script: Script) -> None:
    pipeline, gate = start(), script.hold("text")
    future = pipeline.submit(request())
    gate.wait_until_entered()
    stopper = threading.Thread(target=pipeline.stop, kwargs={"grace_s": PATIENCE_S})
    stopper.start()
    gate.open()
    assert isinstance(future.get(timeout=PATIENCE_S), Meme)
    stopper.join(PATIENCE_S)
    assert pykka.ActorRegistry.get_all() == []


def test_what_is_in_flight_after_the_grace_period_is_failed(start: Start, script: Script) -> None:
    pipeline, gate = start(), script.hold("scorer")
    futures = [pipeline.submit(request(request_id)) for request_id in ("r1", "r2")]
    gate.wait_until_entered()
    stopper = threading.Thread(target=pipeline.stop, kwargs={"grace_s": 0})
    stopper.start()
    assert [future.get(timeout=PATIENCE_S) for future in futures] == [
        Failed("ServiceStopped", "scoring"),
        Failed("ServiceStopped", "cache"),
    ]
    gate.open()
    stopper.join(PATIENCE_S)
    assert [script.stages(request_id)[-1] for request_id in ("r1", "r2")] == ["failed", "failed"]


def test_an_actor_that_never_comes_back_from_its_port_is_left_behind(start: Start, script: Script) -> None:
    pipeline, gate = start(actor_stop_s=0.05), script.hold("text")
    future = pipeline.submit(request())
    gate.wait_until_entered()
    pipeline.stop(grace_s=0)
    assert future.get(timeout=PATIENCE_S) == Failed("ServiceStopped", "text")
    gate.open()


def test_stopping_twice_does_nothing_and_stopping_at_once_waits(start: Start, in_threads: Run) -> None:
    pipeline = start()

    def stop(_: int) -> list[Any]:
        pipeline.stop()
        return pykka.ActorRegistry.get_all()

    assert in_threads(4, stop) == [[]] * 4
    pipeline.stop()


def test_leaving_the_block_stops_it(script: Script) -> None:
    with start_pipeline(Settings(), script.ports(ThreadedTimers())) as pipeline:
        assert isinstance(pipeline.submit(request()).get(timeout=PATIENCE_S), Meme)
    assert pykka.ActorRegistry.get_all() == []


def test_a_block_that_raises_does_not_wait_for_the_grace_period(script: Script) -> None:
    gate = script.hold("text")
    futures: list[Any] = []

    def open_gate() -> None:
        futures[0].get(timeout=PATIENCE_S)  # the outcome comes first, and only then does the port call that the stop waits for end
        gate.open()

    def use() -> None:
        with start_pipeline(Settings(stop_grace_s=3600), script.ports(ThreadedTimers())) as pipeline:
            futures.append(pipeline.submit(request()))
            gate.wait_until_entered()
            threading.Thread(target=open_gate).start()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    [future] = futures
    assert future.get(timeout=PATIENCE_S) == Failed("ServiceStopped", "text")


def test_nothing_is_left_behind_by_a_start_that_fails(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("dspy_meme_gen.bootstrap.Router.start", broken)
    with pytest.raises(RuntimeError, match="can't start"):
        start_pipeline(Settings(), script.ports(ThreadedTimers()))


@pytest.mark.parametrize("turn", range(10))
def test_a_submit_that_races_with_the_stop_gets_an_outcome_or_an_error(start: Start, in_threads: Run, turn: int) -> None:
    pipeline = start()

    def client(number: int) -> list[Any]:
        if number == 0:
            pipeline.stop(grace_s=0)
            return []
        outcomes = []
        for each in range(20):
            try:
                outcomes.append(pipeline.submit(request(f"{number}-{each}", f"topic {each}")).get(timeout=PATIENCE_S))
            except ServiceStopped:
                return outcomes
        return outcomes

    for outcome in chain.from_iterable(in_threads(4, client)):
        assert isinstance(outcome, Meme) or (isinstance(outcome, Failed) and outcome.error == "ServiceStopped")


@pytest.mark.parametrize("name", [names.SUPERVISOR, names.STORE, names.MEME_GENERATOR, names.ROUTER])
def test_an_actor_that_crashes_during_the_stop_does_not_come_back(start: Start, in_threads: Run, name: str) -> None:
    for _ in range(5):
        pipeline = start()

        def act(number: int, pipeline: Any = pipeline) -> None:
            if number == 0:
                pipeline.stop()
            else:
                pipeline.addresses[name].tell(Crash())

        in_threads(3, act)
        assert pykka.ActorRegistry.get_all() == []


def test_nothing_in_the_service_asks_an_actor_or_waits_for_its_stop() -> None:
    """Pykka's own ask, and its blocking stop, hang for ever when they lose the race with the actor's end.

    Adapters know no actors; there a language model is asked.
    """
    sources = [path for path in Path(dspy_meme_gen.__file__).parent.rglob("*.py") if "adapters" not in path.parts]
    found = [
        f"{path.name}:{call.lineno} {ast.unparse(call)}"
        for path in sources
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and waits_for_an_actor(call)
    ]
    assert found == []


@pytest.mark.parametrize(
    "call", ["ref.ask('x')", "address.ref.stop()", "ref.stop(timeout=1)", "ref.proxy()", "pykka.ActorRegistry.stop_all()"]
)
def test_what_waits_for_an_actor_is_recognised(call: str) -> None:
    parsed = ast.parse(call, mode="eval").body
    assert isinstance(parsed, ast.Call)
    assert waits_for_an_actor(parsed)


def waits_for_an_actor(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    method, of = call.func.attr, ast.unparse(call.func.value)
    blocks = not any(keyword.arg == "block" and ast.unparse(keyword.value) == "False" for keyword in call.keywords)
    return method in {"ask", "proxy", "stop_all"} or (method == "stop" and of.split(".")[-1] == "ref" and blocks)
