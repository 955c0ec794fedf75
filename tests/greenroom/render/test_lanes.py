"""The picture of a history: what it shows, what it leaves out, and that it always fits."""

from __future__ import annotations

import random
import re
import threading
import time

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st

import greenroom
from greenroom.history import Event, History
from greenroom.render.abridged import abridged
from greenroom.render.columns import columns
from greenroom.render.lanes import lanes
from greenroom.render.words import event_text


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


class Again(pykka.ThreadingActor):
    """Tells itself again, for ever."""

    def on_receive(self, message):
        self.actor_ref.tell(message)


def picture(scenario, *, width=100, most_lines=40, **options):
    """The lanes of the failure of a scenario in the default order, or of its whole history if it has none."""
    execution = greenroom.replay(scenario, "g1:", **options)
    history = execution.failure.history if execution.failure is not None else execution.history
    return lanes(history, width=width, most_lines=most_lines)


def history_of(*events, **fields):
    return History([Event(0, *event) for event in events], **fields)


# -- what it shows -------------------------------------------------------------------------------------------------------


def test_a_small_history_is_shown_whole():
    def scenario():
        echo = Echo.start()
        echo.ask("hello")
        echo.stop()

    assert picture(scenario).splitlines() == [
        "     main                        Echo-1",
        f"     {'─' * 27} {'─' * 27}",
        "     starts Echo-1               ·",
        "     → Echo-1 #1 ask 'hello'     ·",
        "     ·                           ● #1 ask 'hello'  ↩ 'hello'",
        "     ✓ Echo-1 #1 answers 'hello' ·",
        "     → Echo-1 #2 ask stop()      ·",
        "     ·                           ● #2 ask stop()  ↩ None",
        "     ✓ Echo-1 #2 answers None    ·",
        "end  done                        done",
    ]


def test_nothing_is_shown_as_nothing():
    assert lanes(History()) == "(nothing was recorded)"


def test_lanes_are_in_the_order_of_start_and_not_of_the_first_event():
    def scenario():
        refs = [Echo.start() for _ in range(3)]
        for ref in reversed(refs):
            ref.ask("hello")
        pykka.ActorRegistry.stop_all()

    assert picture(scenario).splitlines()[0].split() == ["main", "Echo-1", "Echo-2", "Echo-3"]


def test_clients_come_before_actors_though_they_were_started_later():
    events = ("machine", "start", "Echo-1"), ("Echo-1", "receive", "Echo-1"), ("ann", "send", "Echo-1")
    history = history_of(*events, endings={"ann": "idle", "Echo-1": "idle"})
    assert lanes(history, width=80).splitlines()[0].split() == ["machine", "ann", "Echo-1"]


def test_there_is_a_time_column_where_time_moves_and_none_where_it_does_not():
    def asleep():
        time.sleep(1.5)
        greenroom.checkpoint("awake")

    def awake():
        Echo.start().stop()

    moving, still = picture(asleep), picture(awake)
    assert moving.splitlines()[0].split() == ["time", "main"]
    assert "0.000s  sleeps 1.5 s" in moving
    assert "1.500s  checkpoint awake" in moving
    assert "time" not in still
    assert "0.000s" not in still


def test_actors_that_are_started_first_share_a_line():
    def scenario():
        refs = [Echo.start() for _ in range(3)]
        refs[0].ask(1)
        Echo.start()
        pykka.ActorRegistry.stop_all()

    text = picture(scenario)
    assert text.splitlines()[2] == "  main starts Echo-1, Echo-2, Echo-3"
    assert text.count("starts Echo-") == 2  # the line of three, and the fourth in its place


def test_each_starter_has_its_part_of_the_line():
    history = history_of(("main", "start", "A"), ("main", "start", "B"), ("A", "start", "C"), ("main", "note"))
    assert "  main starts A, B; A starts C" in lanes(history, width=80).splitlines()


def test_a_start_that_was_chosen_or_came_later_keeps_its_line():
    events = [Event(0, "main", "start", "A"), Event(0, "A", "start", "B", deviation=True), Event(0, "main", "start", "C")]
    text = lanes(History(events), width=80)
    assert [line.text for line in abridged(History(events))] == ["", "", ""]
    assert "▶ starts B" in text
    assert text.splitlines()[-1] == "  ▶ chosen against the default order"
    later = [Event(0, "main", "start", "A"), Event(0, "main", "start", "B"), Event(5, "main", "start", "C")]
    assert [line.text for line in abridged(History(later))] == ["main starts A, B", ""]


def test_stopping_the_actors_after_a_failed_assertion_is_one_line():
    def scenario():
        echoes = [Echo.start() for _ in range(2)]
        answer = echoes[0].ask("hello")
        pykka.ActorRegistry.stop_all()
        assert answer == "good-bye"

    text = picture(scenario)
    assert "  … then the actors are stopped (8 events)" in text.splitlines()
    assert "stop()" not in text
    assert "✗ AssertionError" in text.splitlines()[-1]


def test_stopping_the_actors_is_shown_where_it_matters():
    def meets_the_dead():
        echo = Echo.start()
        echo.stop()
        echo.ask("hello")

    def leaves_one():
        Echo.start()
        Echo.start().stop()

    def holds():
        Echo.start().stop()

    class Stopper(pykka.ThreadingActor):
        def on_receive(self, other):
            other.stop()

    def is_stopped_by_another():
        echo, stopper = Echo.start(), Stopper.start()
        stopper.ask(echo)
        stopper.stop()
        raise LookupError

    for scenario in (meets_the_dead, leaves_one, holds):
        assert "ask stop()" in picture(scenario), scenario
        assert "are stopped" not in picture(scenario), scenario
    text = picture(is_stopped_by_another)
    assert "→ Echo-1 #1 ask stop()" in text
    assert "then the actors are stopped (4 events)" in text


def test_what_a_stopped_actor_stops_is_stopped_by_the_scenario_too():
    class Parent(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.child = Echo.start()

        def on_stop(self):
            self.child.stop()

    def scenario():
        Parent.start().stop()
        raise LookupError

    assert "then the actors are stopped (8 events)" in picture(scenario)
    assert "stop()" not in picture(scenario)


def test_a_livelock_shows_its_round_once():
    def scenario():
        Again.start().tell("again")
        pykka.ThreadingFuture().get()

    lines = picture(scenario, max_steps=300).splitlines()
    assert len(lines) < 10
    assert sum("● #" in line for line in lines) == 1
    assert any(re.fullmatch(r"  ↻ these last 2 events repeat, \d+ times up to the limit of steps", line) for line in lines)
    assert re.split(r"  +| (?=goes)", lines[-1]) == ["end", "✗ waits for a future", "goes on"]


def test_a_livelock_of_restarts_shows_one_restart():
    class Mayfly(pykka.ThreadingActor):
        def on_receive(self, message):
            Mayfly.start().tell(message + 1)
            self.stop()

    def scenario():
        Mayfly.start().tell(1)
        pykka.ThreadingFuture().get()

    text = picture(scenario, max_steps=600)
    assert "↻ these last" in text
    assert len(text.splitlines()) < 40


def test_rounds_that_alternate_are_told_apart():
    events = [Event(0, task, kind, "X", number) for number in range(50) for task, kind in (("A", "send"), ("B", "send"), ("A", "receive"))]
    lines = abridged(History(events, ended_by="steps"))
    assert [line.event.task for line in lines[:-1]] == ["A", "B", "A"]
    assert lines[-1].text == "↻ these last 3 events repeat, 50 times up to the limit of steps"
    assert sum(line.stands_for for line in lines) == len(events)


def test_what_does_not_repeat_is_no_round():
    events = [Event(0, "main", "note", "x" * number) for number in range(30)]
    assert [line.event for line in abridged(History(events, ended_by="steps"))] == events
    twice = [Event(0, "main", "note", name) for name in "abcabc"]
    assert len(abridged(History(twice, ended_by="steps"))) == 6


def test_the_end_says_who_is_idle_done_or_waits_for_what():
    def scenario():
        lock = threading.Lock()
        lock.acquire()
        echo = Echo.start()
        echo.ask("hello")
        daemon = threading.Thread(target=lock.acquire, daemon=True)
        daemon.start()
        threading.Thread(target=int, name="brief").start()
        echo.ask(1)
        lock.acquire()

    text = " ".join(picture(scenario, width=140).partition("end")[2].split())
    assert "✗ waits for" in text
    assert "idle" in text
    history = greenroom.replay(scenario, "g1:").failure.history
    assert history.endings["main"] == "✗ waits for Lock-1, held by main"
    assert history.endings["Echo-1"] == "idle"
    assert history.endings["brief"] == "done"
    assert history.endings["Thread-1"] == "waits for Lock-1, held by main"


@pytest.mark.parametrize(
    ("wait", "ending"),
    [
        (lambda: pykka.ThreadingFuture().get(), "✗ waits for a future"),
        (lambda: threading.Event().wait(), "✗ waits for Event-1"),
        (lambda: Echo().actor_ref.ask("hello"), "✗ waits for an actor that was never started to answer #1"),
        (lambda: 1 / 0, "✗ ZeroDivisionError"),
    ],
)
def test_each_way_to_end_has_its_words(wait, ending):
    assert greenroom.replay(wait, "g1:").failure.history.endings == {"main": ending}


def test_who_only_waits_has_a_lane_though_its_events_are_left_out():
    def scenario():
        again = Again.start()
        again.tell("again")
        thread = threading.Thread(target=lambda: [time.sleep(0) for _ in range(100)])
        thread.start()
        pykka.ThreadingFuture().get()

    history = greenroom.replay(scenario, "g1:", max_steps=100).failure.history
    text = lanes(history, width=100, most_lines=10)
    assert text.splitlines()[0].split()[0] == "main"
    assert "✗ waits for a future" in text


def test_locks_are_shown_where_somebody_waits_for_one():
    def scenario():
        lock = threading.Lock()
        with lock:
            pass
        greenroom.checkpoint("after")

    def stuck():
        scenario()
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()

    assert "lock" not in picture(scenario)
    assert "lock Lock-1" in picture(stuck)


def test_there_is_no_colour_and_no_line_break_in_what_a_program_says():
    class Loud:
        def __repr__(self):
            return "\x1b[31mred\x1b[0m\nand more"

    def scenario():
        Echo.start().tell(Loud())
        raise LookupError

    text = picture(scenario)
    assert "\x1b" not in text
    assert any("red" in line and "and more" in line for line in text.splitlines())


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (("send", "Echo-1", 2, "ask 'hello'"), "→ Echo-1 #2 ask 'hello'"),
        (("lost", "Echo-1", 2, "'hello'"), "→ Echo-1 #2 'hello' ✗ nobody will read it"),
        (("receive", "Echo-1", 2, "'hello'"), "● #2 'hello'"),
        (("reply", "Echo-1", 2, "3"), "↩ reply #2 3"),
        (("reply", "", 0, "3"), "sets a future: 3"),
        (("answer", "Echo-1", 2, "3"), "✓ Echo-1 #2 answers 3"),
        (("answer", "", 0, "3"), "✓ gets a future: 3"),
        (("call", "add", 4, "'x'"), "call 4: add('x')"),
        (("result", "add", 4, "None"), "call 4 gives None"),
        (("start", "Echo-1", 0, ""), "starts Echo-1"),
        (("died", "Echo-1", 0, "LookupError()"), "✗ dies: LookupError()"),
        (("reply", "Future-1", 0, "3"), "sets Future-1: 3"),
        (("answer", "Future-1", 0, "3"), "✓ gets Future-1: 3"),
        (("timeout", "Future-1", 0, "after 3 s"), "✗ times out waiting for Future-1 after 3 s"),
        (("timeout", "Echo-1", 2, "after 3 s"), "✗ times out waiting for Echo-1 to answer #2 after 3 s"),
        (("dead", "Echo-1", 0, ""), "✗ finds Echo-1 ended"),
        (("busy", "Lock-1", 0, ""), "✗ Lock-1 is held by another"),
        (("empty", "Semaphore-1", 0, ""), "✗ Semaphore-1 is used up"),
        (("join", "reader", 0, ""), "✓ reader has ended"),
        (("wait", "Event-1", 0, ""), "✓ Event-1 is set"),
        (("read", "Event-1", 0, "is not set"), "sees that Event-1 is not set"),
        (("put", "Queue-1", 2, "where there is room again"), "put Queue-1 where there is room again"),
        (("sleep", "", 0, "3 s"), "sleeps 3 s"),
        (("set", "Event-1", 0, ""), "set Event-1"),
        (("choose", "", 0, "'crash'"), "choose 'crash'"),
    ],
)
def test_each_kind_of_event_has_its_words(event, text):
    assert event_text(Event(0, "main", *event)) == text


# -- that it always fits -------------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
tasks = st.sampled_from(["main", "Echo-1", "AnActorWithAVeryLongName-22", "猫-3", *(f"Worker-{number}" for number in range(4, 20))])
kinds = st.sampled_from(["start", "send", "receive", "reply", "answer", "lock", "call", "sleep", "note"])
events = st.builds(Event, st.sampled_from([0, 0, 0, 10**9, 10**15]), tasks, kinds, words, st.integers(0, 1000), words, st.booleans())
endings = st.sampled_from(["idle", "done", "goes on", "✗ waits for Echo-1 to answer #3", "✗ LookupError"]) | words
histories = st.builds(
    History,
    st.lists(events, min_size=1, max_size=60),
    ended_blocked=st.dictionaries(tasks, st.sampled_from(["lock", "wait", "receive"])),
    endings=st.dictionaries(tasks, endings),
    ended_by=st.sampled_from(["", "scenario", "steps"]),
)


@given(histories, st.integers(10, 200), st.integers(8, 40))
def test_a_picture_is_never_wider_or_longer_than_it_may_be(history, width, most_lines):
    lines = lanes(history, width=width, most_lines=most_lines).splitlines()
    assert max(map(columns, lines)) <= width
    assert len(lines) <= most_lines


@given(histories)
def test_no_event_is_lost_uncounted(history):
    assert sum(line.stands_for for line in abridged(history)) == sum(
        bool(event.task) and (event.kind != "lock" or event.deviation or "lock" in history.ended_blocked.values()) for event in history
    )


def test_a_long_history_keeps_its_end_and_says_what_is_left_out():
    history = History([Event(0, "main", "note", f"number {number}") for number in range(1000)])
    lines = lanes(history, width=80).splitlines()
    assert len(lines) <= 40
    assert lines[-1].strip() == "note number 999"
    shown = sum("note number" in line for line in lines)
    assert f"  … {1000 - shown} earlier events are left out" in lines


def test_too_many_tasks_for_lanes_are_listed_by_name():
    def scenario():
        refs = [Echo.start() for _ in range(12)]
        for ref in refs:
            ref.ask("hello")
        pykka.ThreadingFuture().get()

    lines = picture(scenario, width=80).splitlines()
    assert "  Echo-12  ● #1 ask 'hello'  ↩ 'hello'" in lines
    assert "  main     → Echo-12 #1 ask 'hello'" in lines
    end = " ".join(" ".join(lines).partition("  end  ")[2].split())
    assert re.fullmatch(r"main: ✗ waits for a future; (Echo-\d+, )+Echo-12: idle", end)


def test_the_width_of_the_terminal_is_asked_for(monkeypatch):
    history = History([Event(0, "main", "note", "x" * 500)])
    for width in (40, 90):
        monkeypatch.setenv("COLUMNS", str(width))
        assert max(map(columns, lanes(history).splitlines())) <= width


def test_a_picture_of_a_long_history_is_drawn_quickly():
    rng = random.Random(0)
    history = History([Event(0, f"Worker-{rng.randrange(4)}", "send", f"Worker-{rng.randrange(4)}", 1, "x") for _ in range(40_000)])
    started = time.process_time()
    lanes(history, width=100)
    assert time.process_time() - started < 5


# -- inboxes, where they matter ------------------------------------------------------------------------------------------


def test_who_times_out_is_told_what_the_other_did_meanwhile():
    class Slow(pykka.ThreadingActor):
        def on_receive(self, message):
            time.sleep(message)

    def scenario():
        slow = Slow.start()
        slow.ask(5, block=False)
        slow.ask(1, block=False)
        slow.ask(2, timeout=3)

    shown = picture(scenario, ignore=[greenroom.LeftBehind]).splitlines()
    [timeout] = [place for place, line in enumerate(shown) if "times out" in line]
    assert shown[timeout + 1].strip() == "(Slow-1 is handling #1 ask 5 and has in its inbox #2 ask 1, #3 ask 2)"


def test_what_a_dead_actor_never_read_is_told_and_looks_unread():
    class Frail(pykka.ThreadingActor):
        def on_receive(self, message):
            raise ValueError(message)

    def scenario():
        frail = Frail.start()
        frail.tell("one")
        frail.tell("two")

    shown = picture(scenario)
    assert "(Frail-1 leaves unread: #2 'two')" in shown
    assert "✗ drops #2 'two'" in shown
    assert "● #2" not in shown


def test_a_choice_of_the_program_against_the_default_is_marked():
    def scenario():
        assert greenroom.choose("fine", "crash") == "fine"

    failure = greenroom.explore(scenario, executions=20).failure
    assert "▶ choose 'crash'" in str(failure)


def test_an_error_that_names_an_actor_by_its_urn_is_told_by_its_name():
    def scenario():
        echo = Echo.start()
        echo.stop()
        Echo.start().ask(pykka.ActorDeadError(f"{echo} not found"))

    assert "● #1 ask ActorDeadError('Echo-1 not found')" in picture(scenario)
