from __future__ import annotations

import pykka

import greenroom


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
