"""``greenroom exhaust`` on the command line: exit codes, messages, JSON."""

from __future__ import annotations

import json
import textwrap

import pytest

from greenroom.cli import main

PROGRAM = textwrap.dedent("""
    import threading
    import pykka

    class Counter(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.value = 0

        def on_receive(self, message):
            self.value += message
            return self.value

    def adding():
        counter = Counter.start()
        threads = [threading.Thread(target=counter.tell, args=(number,)) for number in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counter.ask(0) == 10
        counter.stop()

    def first_come():
        counter = Counter.start()
        thread = threading.Thread(target=counter.tell, args=(1,))
        thread.start()
        answer = counter.ask(0)
        thread.join()
        counter.stop()
        assert answer == 0

    def label(message):
        return "an addition"

    nothing = 1
""")


@pytest.fixture
def place(tmp_path):
    file = tmp_path / "adding.py"
    file.write_text(PROGRAM, encoding="utf-8")
    return str(file)


def test_every_schedule_held_gives_0(place, capsys):
    assert main(["exhaust", f"{place}::adding"]) == 0
    assert capsys.readouterr().out.startswith("adding: 24 executions, ")


def test_a_failure_gives_1_with_its_replay_line(place, capsys):
    assert main(["exhaust", f"{place}::first_come"]) == 1
    told = capsys.readouterr().out
    assert "AssertionError: assert answer == 0" in told
    assert "greenroom replay" in told.splitlines()[-1]


@pytest.mark.parametrize("budget", [["-n", "5"], ["--executions", "5"]])
def test_a_search_that_was_cut_off_gives_3(place, capsys, budget):
    assert main(["exhaust", f"{place}::adding", *budget]) == 3
    assert "no failure, but not exhausted: max_executions is reached" in capsys.readouterr().out


def test_it_goes_on_from_its_file(place, tmp_path, capsys):
    arguments = ["exhaust", f"{place}::adding", "-n", "20", "--resume", str(tmp_path / "search.json")]
    assert [main(arguments), main(arguments)] == [3, 0]
    assert "adding: 24 executions" in capsys.readouterr().out


def test_what_it_found_is_one_json_object(place, capsys):
    assert main(["exhaust", f"{place}::adding", "--json", "--workers", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["exhausted"], found["executions"], found["redundant"], found["failure"]) == (True, 24, 0, None)
    assert main(["exhaust", f"{place}::first_come", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["exhausted"], found["failure"]["error"]) == (False, "AssertionError")
    assert found["why_not"] == "a failure was found first"


def test_messages_may_be_declared_to_commute(place, capsys):
    assert main(["exhaust", f"{place}::adding", "--commuting", "label"]) == 0
    assert capsys.readouterr().out.startswith("adding: 1 execution, ")


@pytest.mark.parametrize("name", ["nothing", "nowhere"])
def test_a_label_that_is_no_function_gives_2(place, capsys, name):
    assert main(["exhaust", f"{place}::adding", "--commuting", name]) == 2
    assert f"has no function '{name}'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["-n", "0"], ["--seconds", "0"], ["--workers", "none"]])
def test_budgets_that_make_no_sense_give_2(place, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["exhaust", f"{place}::adding", *arguments])
    assert ended.value.code == 2
