from __future__ import annotations

import pykka
import pytest

import greenroom
from greenroom.history import History


class Greeter(pykka.ThreadingActor):
    def on_receive(self, message):
        return f"hello, {message}"


def test_a_history_tells_who_did_what_to_which_message():
    def scenario():
        greeter = Greeter.start()
        greeter.ask("world")
        greeter.stop()

    history = greenroom.run(scenario).history
    assert str(history).splitlines() == [
        "0.000000   main: start Greeter-1",
        "0.000000   main: send Greeter-1#1 ask 'world'",
        "0.000000   Greeter-1: receive Greeter-1#1 ask 'world'",
        "0.000000   Greeter-1: reply Greeter-1#1 'hello, world'",
        "0.000000   main: answer Greeter-1#1 'hello, world'",
        "0.000000   main: send Greeter-1#2 ask stop()",
        "0.000000   Greeter-1: receive Greeter-1#2 ask stop()",
        "0.000000   Greeter-1: reply Greeter-1#2 None",
        "0.000000   main: answer Greeter-1#2 None",
    ]
    assert len(history) == 9
    assert history.tasks() == ["main", "Greeter-1"]
    assert [event.number for event in history.of("receive")] == [1, 2]


def test_what_is_undone_at_the_end_is_no_event():
    import threading  # noqa: PLC0415 - a module that a task could import as well

    def scenario():
        lock = threading.Lock()

        def hold():
            with lock:
                threading.Event().wait()

        threading.Thread(target=hold, daemon=True).start()

    history = greenroom.run(scenario).history
    assert history.of("lock")
    assert not history.of("unlock")
    assert history.ended_blocked == {"Thread-1": "wait"}


class Keeper(pykka.ThreadingActor):
    def on_receive(self, message):
        if isinstance(message, dict):
            message["handled"] = True
        if isinstance(message, list):
            message.append("handled")
        return message


@pytest.mark.parametrize(
    ("message", "sent", "received"),
    [
        ("word", "ask 'word'", "ask 'word'"),
        (("a", 1, None, 2.5), "ask ('a', 1, None, 2.5)", "ask ('a', 1, None, 2.5)"),
        ({"key": 1}, "ask {'key': 1}", "ask {'key': 1}"),
        ({"key": [1]}, "ask {'key': [1]}", "ask {'key': [1]}"),
        ([1], "ask [1]", "ask [1]"),
    ],
)
def test_a_message_is_told_as_it_was_then_and_not_as_it_is_when_somebody_looks(message, sent, received):
    def scenario():
        keeper = Keeper.start()
        keeper.ask(message)
        keeper.tell(message)
        keeper.stop()

    events = greenroom.run(scenario).history.of("send", "receive")
    assert [event.detail for event in events[:2]] == [sent, received]
    if not isinstance(message, str | tuple):
        assert "handled" in events[2].detail
        assert "handled" not in events[0].detail


def test_a_reply_is_told_as_it_was_then():
    kept = [1]

    def scenario():
        keeper = Keeper.start()
        kept[:] = [1]
        answer = keeper.ask(kept)
        answer.append("later")
        keeper.stop()

    history = greenroom.run(scenario).history
    assert [event.detail for event in history.of("reply", "answer")][:2] == ["[1, 'handled']", "[1, 'handled']"]


def test_a_call_is_told_with_the_arguments_of_then():
    class Caller(pykka.ThreadingActor):
        def add(self, items, number):
            items.append(number)
            return number

    def scenario():
        items = []
        proxy = Caller.start().proxy()
        proxy.add(items, 1).get()
        proxy.add(items, number=2).get()
        proxy.stop()
        pykka.ActorRegistry.stop_all()

    sent = [event.detail for event in greenroom.run(scenario).history.of("send")]
    assert sent[:2] == ["ask add([], 1)", "ask add([1], number=2)"]


def test_what_is_recorded_is_there_once_however_often_somebody_looks():
    history = History()
    history.recorded.append((0, "main", "note", "", 0, "first", False))
    assert len(history) == 1
    assert [event.detail for event in history] == ["first"]
    history.recorded.append((5, "main", "note", "", 0, (str.upper, "second"), True))
    assert [event.detail for event in history.events] == ["first", "SECOND"]
    assert len(history) == 2
    assert history.events is history.events
    assert history == History(history.events)
    assert history != History(history.events, ended_by="steps")
    assert history != "first"
