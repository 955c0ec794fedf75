"""What is detected without being asked: each with its own class and words, and each can be switched off while the others stay on."""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import time

import pykka
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

import greenroom
from greenroom import cli


class Asker(pykka.ThreadingActor):
    """Asks on along the path that it is handed."""

    def on_receive(self, path):
        return path[0].ask(path[1:]) if path else "end"


class Fragile(pykka.ThreadingActor):
    def on_receive(self, message):
        raise ValueError(message)


class Ticker(pykka.ThreadingActor):
    """Sleeps and works, for ever."""

    def __init__(self, held=None):
        super().__init__()
        self.held = held

    def on_start(self):
        self.actor_ref.tell("tick")

    def on_receive(self, message):
        time.sleep(1)
        self.actor_ref.tell(message)


def a_cycle_of_asks():
    one, two = Asker.start(), Asker.start()
    one.ask([two, one])


def an_ask_to_itself():
    asker = Asker.start()
    asker.ask([asker])


def a_reply_that_never_comes():
    promise = pykka.ThreadingFuture()
    promise.get()


def a_program_without_an_end():
    while True:
        time.sleep(1)


def an_actor_that_dies_of_a_tell():
    Fragile.start().tell("boom")


def a_thread_that_dies():
    threading.Thread(target=int, args=("no number",), name="parser").start()


def an_asyncio_task_that_dies():
    async def bills():
        raise ValueError("no account")

    async def main():
        asyncio.create_task(bills(), name="billing")  # noqa: RUF006 - that is the fault
        await asyncio.sleep(1)

    asyncio.run(main())


def a_callback_that_raises():
    async def main():
        asyncio.get_running_loop().call_soon(int, "no number")
        await asyncio.sleep(1)

    asyncio.run(main())


def an_actor_left_behind():
    Asker.start()


EARLIER = threading.Lock()
DETECTED = {
    a_cycle_of_asks: (greenroom.Deadlock, "Asker-1 waits for Asker-2 waits for Asker-1", "one of them must not wait: tell instead of ask"),
    an_ask_to_itself: (greenroom.SelfAsk, "Asker-1 waits for itself", "call the method directly"),
    a_reply_that_never_comes: (greenroom.ReplyNeverComes, "main waits for ever", "ask with a timeout"),
    a_program_without_an_end: (greenroom.Livelock, "still running after 300 steps: main keeps going", "raise max_steps"),
    an_actor_that_dies_of_a_tell: (greenroom.ActorDied, "Fragile-1 died of ValueError('boom')", "override on_failure"),
    a_thread_that_dies: (greenroom.ThreadDied, "thread parser ended by ValueError", "catch it in the thread"),
    an_asyncio_task_that_dies: (greenroom.AsyncioTaskDied, "asyncio task billing", "use a TaskGroup"),
    a_callback_that_raises: (greenroom.CallbackRaised, "callback int() of EventLoop-1 raised ValueError", "catch it in the callback"),
    an_actor_left_behind: (greenroom.LeftBehind, "1 actor still alive when the scenario was over: Asker-1", "ref.stop()"),
}
KINDS = [kind for kind, _, _ in DETECTED.values()]
OPTIONS = {"executions": 3, "max_steps": 300}
FEW = settings(max_examples=5, deadline=None, database=None, phases=[Phase.generate])


@pytest.mark.parametrize("scenario", DETECTED)
def test_it_is_detected_with_its_own_class_and_says_what_to_do(scenario, failure_of):
    kind, what, advice = DETECTED[scenario]
    error = failure_of(scenario, **OPTIONS).error
    assert type(error) is kind
    assert what in str(error).splitlines()[0]
    assert advice in str(error)


@pytest.mark.parametrize("scenario", DETECTED)
def test_it_is_silent_where_it_is_switched_off(scenario):
    ignore = [DETECTED[scenario][0]]
    deadlocks = (a_cycle_of_asks, an_ask_to_itself, a_reply_that_never_comes)
    if scenario in deadlocks:
        ignore.append(greenroom.LeftBehind)  # who waits for ever is alive
    assert greenroom.explore(scenario, ignore=ignore, **OPTIONS).ok
    assert greenroom.replay(scenario, "g1:", ignore=ignore, max_steps=300).failure is None
    greenroom.run(scenario, ignore=ignore, max_steps=300)


@pytest.mark.parametrize(
    ("scenario", "ignored"),
    [(scenario, kind) for scenario, kind in itertools.product(DETECTED, KINDS) if not issubclass(DETECTED[scenario][0], kind)],
)
def test_the_others_stay_on(scenario, ignored, failure_of):
    assert type(failure_of(scenario, ignore=[ignored], **OPTIONS).error) is DETECTED[scenario][0]


@pytest.mark.parametrize("other", [an_actor_that_dies_of_a_tell, a_thread_that_dies, a_callback_that_raises])
@pytest.mark.parametrize("ignored", [greenroom.Livelock, greenroom.Deadlock])
def test_a_death_beside_what_is_switched_off_is_detected(other, ignored, failure_of):
    def scenario():
        other()
        (a_program_without_an_end if ignored is greenroom.Livelock else a_reply_that_never_comes)()

    assert type(failure_of(scenario, ignore=[ignored], **OPTIONS).error) is DETECTED[other][0]


@pytest.mark.parametrize("scenario", DETECTED)
def test_the_command_line_switches_it_off(scenario, capsys):
    place = f"{__file__}::{scenario.__name__}"
    kind = DETECTED[scenario][0].__name__
    assert cli.main(["explore", place, "-n", "2", "--max-steps", "300"]) == 1
    assert kind in capsys.readouterr().out
    assert cli.main(["explore", place, "-n", "2", "--max-steps", "300", "--ignore", kind, "--ignore", "LeftBehind"]) == 0


@pytest.mark.parametrize("scenario", [a_cycle_of_asks, an_actor_that_dies_of_a_tell, a_thread_that_dies, an_actor_left_behind])
def test_a_machine_switches_it_off(scenario):
    kind = DETECTED[scenario][0]

    class Machine(greenroom.ActorMachine):
        settle_s = 1.0

        @rule()
        def act(self):
            self.client("ann").call("act", scenario)

        def every_call_is_answered(self):
            """Not where it is meant to wait for ever."""

        def stop_actors(self):
            """Nobody is stopped."""

    class Meant(Machine):
        ignore = (kind, greenroom.LeftBehind)

    quick = settings(FEW, stateful_step_count=3)
    with pytest.raises(kind):
        run_state_machine_as_test(Machine, settings=quick)
    run_state_machine_as_test(Meant, settings=quick)


@pytest.mark.parametrize(
    ("ignore", "words"),
    [
        ([greenroom.NondeterminismEscaped], "not NondeterminismEscaped: a failure that cannot be seen again cannot be shown"),
        ([greenroom.BlockedForReal], "not BlockedForReal: a task that waits outside the stage cannot go on"),
        ([[]], r"not \[\]; there are ActorDied, AsyncioTaskDied, CallbackRaised, ClaimBroken, Deadlock, LeftBehind, Livelock"),
        (greenroom.Deadlock, r"a list of classes, as in ignore=\[greenroom.LeftBehind\]"),
        ("Deadlock", "a list of classes"),
    ],
)
def test_what_cannot_be_switched_off_is_said_with_the_reason(ignore, words):
    for use in (greenroom.explore, greenroom.run):
        with pytest.raises(greenroom.UsageError, match=words):
            use(an_actor_left_behind, ignore=ignore)


def test_a_machine_refuses_to_ignore_what_nothing_can_follow():
    class Machine(greenroom.ActorMachine):
        ignore = (greenroom.Livelock,)

    with pytest.raises(greenroom.UsageError, match=r"cannot ignore greenroom\.Livelock.*raise its max_steps"):
        Machine()


# -- a deadlock while others run on ----------------------------------------------------------------------------------------------


def beside_a_ticker(deadlock, held=None):
    def scenario():
        Ticker.start(held)
        deadlock()

    return scenario


@pytest.mark.parametrize("scenario", [a_cycle_of_asks, an_ask_to_itself])
def test_a_deadlock_beside_a_ticker_is_a_deadlock(scenario, failure_of):
    failure = failure_of(beside_a_ticker(scenario), **OPTIONS)
    assert type(failure.error) is DETECTED[scenario][0]
    assert "(meanwhile Ticker-1 run on)" in str(failure.error)
    picture = str(failure).partition("\n\n")[2]
    assert "all of Ticker-1 among them" in picture
    assert "tick" not in picture.replace("Ticker", "")


def locks_in_two_orders():
    one, two = threading.Lock(), threading.Lock()

    def both(first, second):
        with first:
            time.sleep(1)
            with second:
                pass

    threads = [threading.Thread(target=both, args=pair, name=name) for pair, name in (((one, two), "left"), ((two, one), "right"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def an_ask_while_holding_a_lock():
    lock = threading.RLock()

    class Locking(pykka.ThreadingActor):
        def on_receive(self, message):
            with lock:
                return message

    locking = Locking.start()
    with lock:
        locking.ask("hello")


@pytest.mark.parametrize("scenario", [locks_in_two_orders, an_ask_while_holding_a_lock])
def test_a_deadlock_of_locks_beside_a_ticker_is_a_deadlock(scenario, failure_of):
    assert type(failure_of(beside_a_ticker(scenario), **OPTIONS).error) is greenroom.Deadlock


def test_a_deadlock_of_actors_is_detected_though_the_scenario_itself_runs_on(failure_of):
    def scenario():
        one, two = Asker.start(), Asker.start()
        one.tell([two, one])
        while True:
            time.sleep(1)

    assert type(failure_of(scenario, **OPTIONS).error) is greenroom.Deadlock


def test_it_is_a_livelock_where_deadlocks_are_switched_off(failure_of):
    error = failure_of(beside_a_ticker(a_cycle_of_asks), ignore=[greenroom.Deadlock], **OPTIONS).error
    assert type(error) is greenroom.Livelock


@pytest.mark.parametrize("way", ["attribute", "message", "closure", "local", "container", "global"])
def test_a_lock_that_a_third_one_could_release_is_no_deadlock_yet(way, failure_of):
    """A plain Lock may be released by anybody: while a running task can get hold of it, nothing is claimed."""

    def scenario():
        lock = threading.Lock()
        lock.acquire()
        held = {"attribute": lock, "container": {"deep": [(lock,)]}, "closure": lambda: [lock]}.get(way)
        if way == "global":
            globals()["_shared"] = lock
            held = _touches_the_global
        ticker = Ticker.start(held)
        if way == "message":
            ticker.tell(lock)
        if way == "local":
            threading.Thread(target=_keeps, args=(lock,)).start()
        lock.acquire()

    error = failure_of(scenario, **OPTIONS).error
    assert type(error) is greenroom.Livelock


def _touches_the_global():
    _shared.release()  # noqa: F821 - set by the scenario above


def _keeps(lock):
    while lock:
        time.sleep(1)


@pytest.mark.parametrize("shares", [False, True])
def test_a_reply_that_a_third_one_could_set_is_no_deadlock_yet(shares, failure_of):
    class Late(pykka.ThreadingActor):
        def on_receive(self, promise):
            time.sleep(5_000)
            if promise is not None:
                promise.set("late")

    class Sharing(pykka.ThreadingActor):
        def on_receive(self, message):
            path, late = message
            if not path:
                return "end"
            promise = path[0].ask((path[1:], late), block=False)
            late.tell(promise if shares else None)
            return promise.get()

    def scenario():
        one, two, late = Sharing.start(), Sharing.start(), Late.start()
        one.ask(([two, one], late))

    error = failure_of(beside_a_ticker(scenario), **OPTIONS).error
    assert type(error) is (greenroom.Livelock if shares else greenroom.Deadlock)


def test_a_lock_from_before_the_stage_that_a_third_one_knows_is_no_deadlock_yet(failure_of):
    def scenario():
        EARLIER.acquire()
        Ticker.start(lambda: EARLIER.release)
        EARLIER.acquire()

    def unknown_to_others():
        EARLIER.acquire()
        Ticker.start()
        EARLIER.acquire()

    assert type(failure_of(scenario, **OPTIONS).error) is greenroom.Livelock
    assert type(failure_of(unknown_to_others, **OPTIONS).error) is greenroom.SelfAsk


def test_a_timeout_ends_a_cycle(outcomes):
    class Patient(pykka.ThreadingActor):
        def on_receive(self, path):
            try:
                return path[0].ask(path[1:], timeout=50) if path else "end"
            except pykka.Timeout:
                return "gave up"

    def scenario():
        ticker = threading.Event()
        thread = threading.Thread(target=lambda: [None for _ in iter(lambda: ticker.wait(1), True)])
        thread.start()
        one, two = Patient.start(), Patient.start()
        answer = one.ask([two, one])
        ticker.set()
        thread.join()
        pykka.ActorRegistry.stop_all()
        return answer

    assert outcomes(scenario, executions=20, max_steps=2000) == {"gave up"}


def test_who_waits_for_what_anybody_may_give_is_not_claimed_to_be_stuck(failure_of):
    def scenario():
        items = queue.Queue()
        Ticker.start()
        items.get()

    assert type(failure_of(scenario, **OPTIONS).error) is greenroom.Livelock


# -- what never comes to rest -----------------------------------------------------------------------------------------------------


def test_a_timer_that_starts_itself_again_is_left_behind_by_its_name(failure_of):
    def tick():
        threading.Timer(1, tick).start()

    error = failure_of(tick, **OPTIONS).error
    assert type(error) is greenroom.LeftBehind
    assert "never come to rest: Timer-" in str(error)
    assert "(calls test_a_timer_that_starts_itself_again_is_left_behind_by_its_name.<locals>.tick)" in str(error)
    assert "cancel()" in str(error)


def test_a_timer_that_goes_off_after_the_scenario_is_none(outcomes):
    rung = []

    def scenario():
        threading.Timer(60, rung.append, [1]).start()

    assert outcomes(scenario, executions=3) == {None}
    assert len(rung) == 3


def test_a_livelock_shows_the_cycle_that_repeats(failure_of):
    text = str(failure_of(beside_a_ticker(lambda: pykka.ThreadingFuture().get()), **OPTIONS))
    assert text.startswith("Livelock: still running after 300 steps: Ticker-1 keeps going")
    assert "main waits for a future that nobody has set" in text
    assert "repeat, " in text


def test_a_timer_that_outlives_a_machine_is_named_as_such():
    class Machine(greenroom.ActorMachine):
        settle_s = 1.0

        @rule()
        def remind(self):
            self.client("ann").call("remind", lambda: threading.Timer(3_600, a_thread_that_dies).start())

    with pytest.raises(greenroom.LeftBehind, match=r"1 timer still alive.*Timer-1 \(calls a_thread_that_dies\)"):
        run_state_machine_as_test(Machine, settings=settings(FEW, stateful_step_count=2))
