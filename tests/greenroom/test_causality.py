"""The happens-before order: literal histories, real programs, and vector clocks against reachability."""

from __future__ import annotations

import queue
import threading
import time

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st

import greenroom
from greenroom.causality import Causality
from greenroom.history import Event, History


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


def history_of(*events):
    return History([Event(0, *event) for event in events])


def order(scenario, **options):
    """The history of the default execution and its order; a place is found by the words of its event."""
    history = greenroom.replay(scenario, "g1:", **options).history
    words = [f"{event.task}: {event.kind} {event.target}{f'#{event.number}' if event.number else ''}".rstrip() for event in history]
    return Causality(history), words.index, words


# -- each edge ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        (("A", "note"), ("A", "note")),
        (("A", "start", "B"), ("B", "note")),
        (("A", "send", "B", 1), ("B", "receive", "B", 1)),
        (("A", "lost", "B", 1), ("B", "receive", "B", 1)),
        (("B", "reply", "B", 1), ("A", "answer", "B", 1)),
        (("B", "reply", "Future-1"), ("A", "answer", "Future-1")),
        (("B", "note"), ("A", "lost", "B", 1)),
        (("B", "died", "B"), ("A", "dead", "B")),
        (("B", "receive", "B", 1, "ask stop()"), ("A", "dead", "B")),
        (("B", "note"), ("A", "join", "B")),
        (("A", "unlock", "Lock-1"), ("B", "lock", "Lock-1")),
        (("A", "lock", "Lock-1"), ("B", "busy", "Lock-1")),
        (("A", "set", "Event-1"), ("B", "wait", "Event-1")),
        (("A", "set", "Event-1"), ("B", "read", "Event-1")),
        (("A", "set", "Event-1"), ("B", "clear", "Event-1")),
        (("A", "notify", "Condition-1"), ("B", "notified", "Condition-1")),
        (("A", "release", "Semaphore-1"), ("B", "acquire", "Semaphore-1")),
        (("A", "acquire", "Semaphore-1"), ("B", "empty", "Semaphore-1")),
        (("A", "put", "Queue-1", 1), ("B", "get", "Queue-1", 1)),
        (("A", "put", "LifoQueue-1"), ("B", "get", "LifoQueue-1")),
        (("A", "put", "Queue-1", 1), ("B", "read", "Queue-1")),
        (("A", "get", "Queue-1", 1), ("B", "put", "Queue-1", 2, "where there is room again")),
        (("A", "task_done", "Queue-1"), ("B", "join", "Queue-1")),
        (("A", "checkpoint", "row"), ("B", "checkpoint", "row")),
    ],
)
def test_a_cause_happens_before_its_effect(cause, effect):
    causality = Causality(history_of(("A", "note"), ("B", "receive", "B", 99), cause, ("C", "note"), effect))
    assert causality.happens_before(2, 4)
    assert not causality.happens_before(4, 2)
    assert not causality.concurrent(2, 4)
    assert 2 in causality.cone(4)
    assert 3 not in causality.cone(4)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("A", "note"), ("B", "note")),
        (("A", "start", "C"), ("B", "note")),
        (("A", "send", "C", 1), ("B", "send", "C", 2)),
        (("A", "send", "C", 1), ("C", "receive", "C", 2)),
        (("C", "reply", "C", 1), ("A", "answer", "C", 2)),
        (("A", "lock", "Lock-1"), ("B", "lock", "Lock-2")),
        (("A", "unlock", "Lock-1"), ("B", "lock", "Lock-2")),
        (("A", "read", "Event-1"), ("B", "set", "Event-1")),
        (("A", "put", "Queue-1", 1), ("B", "put", "Queue-1", 2)),
        (("A", "put", "Queue-1", 1), ("B", "get", "Queue-2", 1)),
        (("A", "release", "Semaphore-1"), ("B", "acquire", "Semaphore-2")),
        (("A", "checkpoint", "row"), ("B", "checkpoint", "other row")),
        (("A", "send", "C", 1), ("B", "timeout", "C", 1)),
    ],
)
def test_what_nothing_connects_is_concurrent(one, other):
    causality = Causality(history_of(one, other))
    assert causality.concurrent(0, 1)
    assert causality.concurrent(1, 0)
    assert causality.cone(1) == [1]


def test_an_actor_is_found_dead_because_it_stopped_and_not_because_of_what_it_did_then():
    stopped = ("B", "receive", "B", 1, "stop()"), ("B", "send", "C", 1), ("B", "receive", "B", 2, "ask stop()"), ("A", "dead", "B")
    causality = Causality(history_of(*stopped))
    assert causality.cone(3) == [0, 3]


def test_no_event_happens_before_itself_or_is_concurrent_with_itself():
    causality = Causality(history_of(("A", "note")))
    assert not causality.happens_before(0, 0)
    assert not causality.concurrent(0, 0)


def test_a_place_that_is_none_is_refused():
    causality = Causality(history_of(("A", "note")))
    for ask in (lambda: causality.happens_before(0, 1), lambda: causality.concurrent(-1, 0), lambda: causality.cone(7)):
        with pytest.raises(IndexError, match="the history has 1, counted from 0"):
            ask()


# -- programs -----------------------------------------------------------------------------------------------------------------


def test_two_clients_of_an_actor_are_concurrent_until_it_answers_them():
    def scenario():
        echo = Echo.start()
        threads = [threading.Thread(target=echo.ask, args=(name,), name=name) for name in ("ann", "bob")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        echo.stop()

    causality, at, _ = order(scenario)
    assert causality.concurrent(at("ann: send Echo-1#1"), at("bob: send Echo-1#2"))
    assert causality.happens_before(at("ann: send Echo-1#1"), at("bob: answer Echo-1#2"))  # by way of Echo-1's own order
    assert causality.concurrent(at("ann: answer Echo-1#1"), at("bob: answer Echo-1#2"))
    assert causality.happens_before(at("bob: answer Echo-1#2"), at("main: join bob"))
    assert causality.cone(at("ann: send Echo-1#1")) == [at("main: start Echo-1"), at("main: start ann"), at("ann: send Echo-1#1")]


def test_locks_events_semaphores_conditions_and_queues_order_what_they_guard():
    def scenario():
        lock, ready, room, changed, items = (
            threading.Lock(),
            threading.Event(),
            threading.Semaphore(0),
            threading.Condition(),
            queue.Queue(),
        )

        def work():
            greenroom.checkpoint("before")
            with lock:
                pass
            items.put(1)
            ready.set()
            room.release()
            with changed:
                changed.notify()

        thread = threading.Thread(target=work, name="work")
        with changed:
            thread.start()
            changed.wait()
        items.get()
        ready.wait()
        room.acquire()
        with lock:
            pass
        thread.join()

    causality, at, words = order(scenario)
    before = at("work: checkpoint before")
    for effect in ("notified Condition-1", "get Queue-1#1", "wait Event-1", "acquire Semaphore-1", "lock Lock-1", "join work"):
        assert causality.happens_before(before, at(f"main: {effect}")), words
    assert causality.happens_before(at("work: unlock Lock-1"), at("main: lock Lock-1"))


def test_a_failed_look_depends_on_who_made_it_fail():
    def scenario():
        lock, one = threading.Lock(), threading.Semaphore(1)

        def hold():
            lock.acquire()
            one.acquire()
            time.sleep(1)

        threading.Thread(target=hold, name="hold").start()
        time.sleep(0.5)
        assert not lock.acquire(blocking=False)
        assert not one.acquire(blocking=False)

    causality, at, _ = order(scenario)
    assert causality.happens_before(at("hold: lock Lock-1"), at("main: busy Lock-1"))
    assert causality.happens_before(at("hold: acquire Semaphore-1"), at("main: empty Semaphore-1"))


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue", "LifoQueue", "PriorityQueue"])
def test_a_get_depends_on_the_put_of_what_it_took(kind):
    def scenario():
        items = getattr(queue, kind)()
        for name in ("ann", "bob"):
            threading.Thread(target=items.put, args=(name,), name=name).start()
        time.sleep(1)
        items.get()

    causality, at, words = order(scenario)
    number = "#1" if kind in ("Queue", "SimpleQueue") else ""
    get = at(f"main: get {kind}-1{number}")
    puts = [place for place, word in enumerate(words) if f": put {kind}-1" in word]
    took = {"Queue": [0], "SimpleQueue": [0]}.get(kind, [0, 1])  # the last in, or the smallest, is known by all that are in
    assert [causality.happens_before(put, get) for put in puts] == [index in took for index in range(2)]


def test_looking_for_an_ended_thread_and_a_stopped_actor_is_an_effect_of_their_end():
    def scenario():
        echo = Echo.start()
        echo.stop()
        thread = threading.Thread(target=greenroom.checkpoint, args=("last",), name="brief")
        thread.start()
        thread.join()
        assert not echo.is_alive()
        assert not thread.is_alive()

    causality, at, words = order(scenario)
    assert causality.happens_before(at("Echo-1: receive Echo-1#1"), at("main: dead Echo-1"))
    assert causality.happens_before(at("brief: checkpoint last"), at("main: dead brief"))
    assert not any(word.startswith("Echo-1: dead") for word in words)


def test_futures_that_are_nobodys_reply_have_names():
    def scenario():
        one, two = pykka.ThreadingFuture(), pykka.ThreadingFuture()
        threading.Thread(target=lambda: (two.set(2), one.set(1)), name="giver").start()
        one.get()
        two.get()

    causality, at, _ = order(scenario)
    assert causality.happens_before(at("giver: reply Future-1"), at("main: answer Future-1"))
    assert causality.happens_before(at("giver: reply Future-2"), at("main: answer Future-2"))
    assert at("giver: reply Future-1") < at("giver: reply Future-2")
    assert at("main: answer Future-2") < at("main: answer Future-1")


def test_recording_more_changes_no_schedule():
    def scenario():
        lock, ready, items = threading.Lock(), threading.Event(), queue.Queue(1)
        thread = threading.Thread(target=lambda: (items.put(1), items.put(2), lock.acquire(False), ready.set()))
        thread.start()
        while not ready.is_set():
            time.sleep(0.1)
            items.get()
        thread.join()
        ready.clear()

    recorded = greenroom.replay(scenario, "g1:")
    silent = greenroom.explore(scenario, executions=1, policy="fifo")
    assert silent.steps == recorded.steps


# -- vector clocks against reachability ------------------------------------------------------------------------------------------

tasks = st.sampled_from("ABCD")
happenings = st.one_of(
    st.tuples(tasks, st.sampled_from(["note", "lock", "unlock", "set", "read", "clear", "checkpoint", "notify"]), st.just("X")),
    st.tuples(tasks, st.sampled_from(["start", "dead", "join"]), tasks),
    st.tuples(tasks, st.sampled_from(["send", "receive", "reply", "answer", "put", "get", "lost"]), tasks, st.integers(0, 3)),
)


@given(st.lists(happenings, min_size=1, max_size=25))
def test_clocks_and_cones_say_the_same(happened):
    causality = Causality(history_of(*happened))
    places = range(len(happened))
    for other in places:
        past = set(causality.cone(other))
        assert past - {other} == {one for one in places if causality.happens_before(one, other)}
        assert max(past) == other
        for one in places:
            assert causality.concurrent(one, other) == (one != other and one not in past and other not in causality.cone(one))


@given(st.lists(happenings, min_size=1, max_size=25))
def test_the_order_is_transitive_and_contains_the_order_of_each_task(happened):
    causality = Causality(history_of(*happened))
    before = causality.happens_before
    places = range(len(happened))
    for other in places:
        for one in range(other):
            if happened[one][0] == happened[other][0]:
                assert before(one, other)
            if before(one, other):
                assert all(before(first, other) for first in range(one) if before(first, one))


def test_a_long_history_is_ordered_in_little_work():
    events = [(f"Worker-{number % 50}", "send", f"Worker-{number % 49}", number) for number in range(40_000)]
    causality = Causality(history_of(*events))
    assert sum(map(len, causality.causes)) < 2 * len(events)
    assert causality.happens_before(0, 39_950)
    assert all(len(clock) <= 50 for clock in causality.clocks)
