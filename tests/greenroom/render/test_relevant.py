"""A picture shows what a failure depends on, says what it leaves out, and hides nothing that may matter."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

import pykka
import pytest

import greenroom
from greenroom import cli
from greenroom.history import Event, History
from greenroom.render.abridged import abridged
from greenroom.render.lanes import lanes
from greenroom.render.relevant import Relevant, final_stops

LOG = []


class Logger(pykka.ThreadingActor):
    """Listens, and never says anything."""

    def on_receive(self, message):
        return None


class Cell(pykka.ThreadingActor):
    def __init__(self, logger=None):
        super().__init__()
        self.value = 0
        self.logger = logger

    def on_receive(self, message):
        if self.logger is not None:
            self.logger.tell(message)
        if message == "get":
            return self.value
        self.value = message
        return None


class Gossip(pykka.ThreadingActor):
    """Talks with its like."""

    def on_receive(self, message):
        other, count = message
        if count:
            with suppress(pykka.ActorDeadError):
                other.tell((self.actor_ref, count - 1))


class Recorder(pykka.ThreadingActor):
    def __init__(self, record):
        super().__init__()
        self.record = record

    def on_receive(self, message):
        (self.record.append if hasattr(self.record, "append") else self.record)(message)


def picture(scenario, *, whole=False, **options):
    failure = greenroom.replay(scenario, "g1:", **options).failure
    assert failure is not None
    return lanes(failure.history, width=120, whole=whole)


def gossip():
    one, two = Gossip.start(), Gossip.start()
    one.tell((two, 6))


# -- what is left out ---------------------------------------------------------------------------------------------------------


def test_who_only_listens_and_who_only_talks_with_others_is_left_out_and_named():
    def scenario():
        cell = Cell.start(Logger.start())
        gossip()
        cell.tell(5)
        value = cell.ask("get")
        pykka.ActorRegistry.stop_all()
        assert value == 6

    text = picture(scenario)
    (said,) = [line for line in text.splitlines() if "left out" in line]
    assert said.startswith("  … 15 events are left out, all of Logger-1, Gossip-3, Gossip-4 among them: nothing leads from there")
    for name in ("Logger-1", "Gossip-3", "Gossip-4"):
        assert name not in text.replace(said, "")
    for line in ("→ Cell-2 #1 5", "● #1 5", "→ Cell-2 #2 ask 'get'", "● #2 ask 'get'  ↩ 5", "✓ Cell-2 #2 answers 5"):
        assert line in text
    whole = picture(scenario, whole=True)
    assert "Gossip-3" in whole
    assert "left out" not in whole


def test_a_deadlock_shows_those_who_wait_for_one_another():
    class Asker(pykka.ThreadingActor):
        def on_receive(self, path):
            return path[0].ask(path[1:]) if path else None

    def scenario():
        gossip()
        one, two = Asker.start(), Asker.start()
        one.ask([two, one])

    text = picture(scenario)
    assert "Gossip" not in text.replace("all of Gossip-1, Gossip-2 among them", "")
    assert "→ Asker-4 #1 ask" in text
    assert "→ Asker-3 #2 ask" in text


def test_a_reply_that_never_comes_shows_what_the_other_did_instead():
    class Forgetful(pykka.ThreadingActor):
        def on_receive(self, message):
            if message == "quit":
                raise SystemExit

    def scenario():
        forgetful = Forgetful.start()
        forgetful.tell("quit")
        forgetful.ask("hello")

    failure = greenroom.replay(scenario, "g1:", ignore=[greenroom.ActorDied]).failure
    assert "● #1 'quit'" in str(failure)


def test_a_death_shows_what_led_to_it():
    class Fragile(pykka.ThreadingActor):
        def on_receive(self, message):
            return 1 / message

    def scenario():
        gossip()
        fragile, cell = Fragile.start(), Cell.start()
        fragile.ask(2)
        fragile.tell(0)
        cell.ask("get")

    text = picture(scenario)
    assert "✗ dies: ZeroDivisionError('division by zero')" in text
    assert "● #1 ask 2  ↩ 0.5" in text
    assert "Gossip-1 #" not in text
    assert "Cell-4" not in text.replace("all of Gossip-1, Gossip-2, Cell-4 among them", "")


def test_the_half_of_a_race_that_came_later_is_shown():
    """The value that is lost comes after the failure, or without it one would not see what it should have been."""

    def scenario():
        cell, seen = Cell.start(), pykka.ThreadingFuture()

        class Client(pykka.ThreadingActor):
            def on_receive(self, message):
                cell.tell(message)

        late = Client.start()
        late.tell(7)
        value = cell.ask("get")
        seen.set(value)
        got = seen.get()
        time.sleep(1)
        cell.ask("get")
        assert got == 7

    failure = greenroom.replay(scenario, "g1:").failure
    assert failure is not None
    text = lanes(failure.history, width=120)
    assert "→ Cell-1 #2 7" in text
    assert "● #2 7" in text


def test_who_let_a_patience_run_out_is_shown():
    class Slow(pykka.ThreadingActor):
        def on_receive(self, message):
            time.sleep(message)

    def scenario():
        gossip()
        slow = Slow.start()
        slow.tell(5)
        slow.ask(1, timeout=2)

    text = picture(scenario)
    assert "sleeps 5 s" in text
    assert "✗ times out waiting for Slow-3 to answer #2 after 2 s" in text
    assert "Gossip-1 #" not in text


# -- what is not --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["argument", "method", "closure", "global", "message"])
def test_who_shares_memory_with_the_scenario_is_shown(way):
    def scenario():
        seen = []

        class Closing(pykka.ThreadingActor):
            def on_receive(self, message):
                seen.append(message)

        class Global(pykka.ThreadingActor):
            def on_receive(self, message):
                LOG.append(message)

        class Given(pykka.ThreadingActor):
            def on_receive(self, message):
                if isinstance(message, list):
                    self.inside = {"record": message}
                else:
                    self.inside["record"].append(message)

        LOG.clear()
        gossip()
        make = {"argument": lambda: Recorder.start(seen), "method": lambda: Recorder.start(seen.append), "closure": Closing.start}
        make |= {"global": Global.start, "message": Given.start}
        recorder, cell = make[way](), Cell.start()
        if way == "message":
            recorder.tell(seen)
        recorder.tell("kept")
        cell.ask("get")
        pykka.ActorRegistry.stop_all()
        assert [*seen, *LOG] == ["lost"]

    text = picture(scenario)
    assert "'kept'" in text
    assert "#1 'kept'" in text or "#2 'kept'" in text
    assert "Gossip-1 #" not in text


COUNT = 0


@pytest.mark.parametrize("way", ["global", "nonlocal", "class", "thread"])
def test_who_sets_a_variable_that_the_scenario_reads_is_shown(way):
    def scenario():
        global COUNT  # noqa: PLW0603 - what this test is about
        COUNT = count = 0

        class Global(pykka.ThreadingActor):
            def on_receive(self, message):
                global COUNT  # noqa: PLW0603 - as above
                COUNT += 1

        class Outer(pykka.ThreadingActor):
            def on_receive(self, message):
                nonlocal count
                count += 1

        class Class(pykka.ThreadingActor):
            count = 0

            def on_receive(self, message):
                type(self).count += 1

        def work():
            nonlocal count
            greenroom.checkpoint("kept")
            count += 1

        gossip()
        cell = Cell.start()
        if way == "thread":
            threading.Thread(target=work).start()
        else:
            {"global": Global, "nonlocal": Outer, "class": Class}[way].start().tell("kept")
        cell.ask("get")
        pykka.ActorRegistry.stop_all()
        assert COUNT + count + Class.count == 7

    text = picture(scenario)
    assert "● #1 'kept'" in text or "checkpoint kept" in text
    assert "Gossip-1 #" not in text


def test_the_search_for_shared_memory_runs_nothing_of_the_program():
    class Hostile(dict):
        @property
        def __class__(self):
            raise RuntimeError

        def __getattribute__(self, name):
            raise RuntimeError

        __iter__ = values = __eq__ = __hash__ = __len__ = __bool__ = __getattribute__

    def scenario():
        hostile = Hostile()
        recorder = Recorder.start([hostile])
        recorder.ask("hello")
        pykka.ActorRegistry.stop_all()
        raise LookupError

    assert "LookupError" in picture(scenario)


def test_where_the_scenario_only_told_all_that_was_told_is_shown():
    def scenario():
        folder = Path("/nowhere")
        writer = Recorder.start(folder.joinpath)
        gossip()
        writer.tell("page")
        pykka.ActorRegistry.stop_all()
        raise LookupError(folder)

    text = picture(scenario)
    assert "● #1 'page'" in text
    assert "Gossip-2" in text


def test_where_the_scenario_waited_for_time_to_pass_everything_is_shown():
    def scenario():
        gossip()
        time.sleep(1)
        raise LookupError

    text = picture(scenario)
    assert "Gossip-1" in text
    assert "left out" not in text


def test_where_nobody_knows_who_could_end_the_waiting_everything_is_shown():
    def scenario():
        gossip()
        threading.Event().wait()

    assert "left out" not in picture(scenario)


def test_an_execution_that_holds_is_shown_whole():
    def scenario():
        gossip()
        pykka.ActorRegistry.stop_all()

    execution = greenroom.replay(scenario, "g1:")
    assert execution.failure is None
    assert execution.history.focus == ()
    assert Relevant(execution.history).places is None
    assert "left out" not in lanes(execution.history, width=120)


def test_what_was_chosen_is_always_shown():
    events = [Event(0, "main", "start", "A"), Event(0, "A", "note", deviation=True), Event(0, "B", "note"), Event(0, "main", "read", "E")]
    history = History(events, focus=("main",), ended_by="scenario", endings={"main": "✗ LookupError"})
    assert Relevant(history).places == {0, 1, 3}
    assert Relevant(history).left_out() == {"B": 1}


def test_every_event_is_shown_or_counted():
    def scenario():
        logger = Logger.start()
        cell = Cell.start(logger)
        gossip()
        for number in range(40):
            cell.tell(number)
        value = cell.ask("get")
        pykka.ActorRegistry.stop_all()
        assert value is None

    history = greenroom.replay(scenario, "g1:").failure.history
    assert sum(line.stands_for for line in abridged(history)) == len(history)
    lines = lanes(history, width=120, most_lines=20).splitlines()
    assert len(lines) <= 20
    assert any("✓ Cell-2 #41 answers 39" in line for line in lines)
    assert any("events are left out" in line for line in lines)


def test_several_stops_in_a_row_are_one_line():
    def scenario():
        Cell.start()
        cells = [Cell.start() for _ in range(3)]
        for cell in cells:
            cell.stop()

    text = picture(scenario)
    assert "  main stops Cell-2, Cell-3, Cell-4" in text.splitlines()
    assert "stop()" not in text


def test_a_stop_of_what_is_dead_already_belongs_to_the_stops():
    events = [
        Event(0, "main", "note"),
        Event(0, "main", "send", "B", 1, "ask stop()"),
        Event(0, "B", "receive", "B", 1, "ask stop()"),
        Event(0, "B", "reply", "B", 1, "None"),
        Event(0, "main", "answer", "B", 1, "None"),
        Event(0, "main", "dead", "A"),
        Event(0, "main", "reply", "Future-1", 0, "raises ActorDeadError('A not found')"),
        Event(0, "main", "answer", "Future-1", 0, "raises ActorDeadError('A not found')"),
    ]
    assert final_stops(events, "main") == {1, 2, 3, 4, 5, 6, 7}
    assert final_stops(events[5:], "main") == set()


def quiet_failure():
    gossip()
    value = Cell.start(Logger.start()).ask("get")
    pykka.ActorRegistry.stop_all()
    assert value == 1


def test_the_command_line_shows_the_whole_where_that_is_asked_for(capsys):
    for options, shown in ([], False), (["--whole"], True):
        assert cli.main(["replay", f"{__file__}::quiet_failure", "g1:", *options]) == 1
        out = capsys.readouterr().out
        assert ("→ Gossip-1 #1" in out) == shown
        assert ("left out" in out) != shown
