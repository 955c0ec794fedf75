"""The ledger gives each request one outcome, and tells its news in order."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from dspy_meme_gen.domain import Cancelled, Failed, Progress, TimedOut
from dspy_meme_gen.errors import RequestConflict, ServiceStopped
from dspy_meme_gen.ledger import Ledger
from tests.memespy.fakes import PATIENCE_S, request


@pytest.fixture
def heard() -> list[Progress]:
    return []


@pytest.fixture
def ledger(heard: list[Progress]) -> Ledger:
    return Ledger(heard.append, recorded_outcomes=2)


def test_the_first_outcome_wins(ledger: Ledger, heard: list[Progress]) -> None:
    future, new = ledger.admit(request())
    assert new
    assert [ledger.settle("r1", TimedOut()), ledger.cancel("r1"), ledger.report("r1", "text")] == [True, False, False]
    assert future.get(timeout=0) == TimedOut()
    assert [progress.stage for progress in heard] == ["timed_out"]


def test_a_known_request_is_not_new_and_its_outcome_is_kept(ledger: Ledger) -> None:
    first, _ = ledger.admit(request())
    assert ledger.admit(request()) == (first, False)
    ledger.settle("r1", Cancelled())
    assert ledger.admit(request()) == (first, False)
    with pytest.raises(RequestConflict, match="r1"):
        ledger.admit(request(topic="dogs"))


def test_only_so_many_outcomes_are_kept(ledger: Ledger) -> None:
    for number in range(4):
        ledger.admit(request(f"r{number}"))
        ledger.settle(f"r{number}", Cancelled())
    assert [ledger.admit(request(f"r{number}"))[1] for number in (3, 2, 1)] == [False, False, True]


def test_a_closed_ledger_admits_nothing(ledger: Ledger) -> None:
    ledger.admit(request())
    ledger.close()
    with pytest.raises(ServiceStopped):
        ledger.admit(request())


def test_failing_all_names_the_stage_each_is_in(ledger: Ledger) -> None:
    futures = [ledger.admit(request(request_id))[0] for request_id in ("r1", "r2")]
    ledger.report("r1", "image")
    ledger.fail_all("E")
    assert [future.get(timeout=0) for future in futures] == [Failed("E", "image"), Failed("E", "routing")]
    assert ledger.in_flight() == ()


def test_waiting_until_idle_ends_with_the_last_request_or_the_time(ledger: Ledger) -> None:
    assert ledger.wait_until_idle(0)
    ledger.admit(request())
    assert not ledger.wait_until_idle(0)
    settler = threading.Timer(0.01, ledger.settle, ("r1", Cancelled()))
    settler.start()
    assert ledger.wait_until_idle(PATIENCE_S)
    settler.join()


def test_news_of_one_request_are_told_one_at_a_time_with_the_outcome_last() -> None:
    """A second thread's news wait until the first has been told."""
    heard: list[str] = []
    inside, go_on = threading.Event(), threading.Event()

    def listen(progress: Progress) -> None:
        if progress.stage == "text":
            inside.set()
            assert go_on.wait(PATIENCE_S)
        heard.append(progress.stage)

    ledger = Ledger(listen, recorded_outcomes=2)
    future, _ = ledger.admit(request())
    reporter = threading.Thread(target=ledger.report, args=("r1", "text"))
    reporter.start()
    assert inside.wait(PATIENCE_S)
    assert ledger.cancel("r1")
    assert heard == []
    go_on.set()
    assert future.get(timeout=PATIENCE_S) == Cancelled()
    reporter.join()
    assert heard == ["text", "cancelled"]


def test_a_listener_that_is_interrupted_does_not_block_what_follows() -> None:
    heard: list[str] = []

    def listen(progress: Progress) -> None:
        heard.append(progress.stage)
        if progress.stage == "text":
            raise KeyboardInterrupt

    ledger = Ledger(listen, recorded_outcomes=2)
    future, _ = ledger.admit(request())
    with pytest.raises(KeyboardInterrupt):
        ledger.report("r1", "text")
    ledger.cancel("r1")
    assert (future.get(timeout=0), heard) == (Cancelled(), ["text", "cancelled"])


def test_clients_that_race_are_admitted_once(ledger: Ledger, in_threads: Callable[[int, Callable[[int], Any]], list[Any]]) -> None:
    admitted = in_threads(4, lambda _: ledger.admit(request()))
    assert [new for _, new in admitted].count(True) == 1
