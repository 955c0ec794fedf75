"""Checks of a search: a claim that does not hold is its failure, shrunk, shown and replayed; one that is undecided is no pass."""

from __future__ import annotations

import json

import pykka
import pytest

import greenroom
from greenroom.cli import main
from tests.greenroom.checkers.histories import Register

claim = greenroom.linearizable(Register())


class Cell(pykka.ThreadingActor):
    def __init__(self, copy=None):
        super().__init__()
        self.value = 0
        self.copy = copy

    def on_receive(self, message):
        if message[0] == "read":
            return self.value
        if message[0] == "boom":
            raise LookupError("boom")
        self.value = message[1]
        if self.copy is not None:
            self.copy.tell(message)
        return None


class Writer(pykka.ThreadingActor):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell
        self.client = greenroom.client("writer")

    def on_receive(self, message):
        self.client.ask(self.cell, ("write", message))


def stale():
    """The cell answers before the copy of its copy knows."""
    last = Cell.start()
    first = Cell.start(Cell.start(last))
    written = Writer.start(first).ask(1, block=False)
    reader = greenroom.client("reader")
    for _ in range(3):
        reader.ask(last, ("read",))
    written.get()
    pykka.ActorRegistry.stop_all()


def sound():
    cell = Cell.start()
    written = Writer.start(cell).ask(1, block=False)
    reader = greenroom.client("reader")
    for _ in range(2):
        reader.ask(cell, ("read",))
    written.get()
    pykka.ActorRegistry.stop_all()


class Undecided:
    claim = "anything"

    def check(self, history):
        return greenroom.Judgement(greenroom.Verdict.UNKNOWN, self.claim, "nobody knows")


class Crashing:
    claim = "anything"

    def check(self, history):
        raise ZeroDivisionError("by 0")


class Truth:
    claim = "anything"

    def check(self, history):
        return True


# -- failures --------------------------------------------------------------------------------------------------------------


def test_without_a_check_nothing_fails_and_with_it_the_claim_does():
    assert greenroom.explore(stale, executions=200).ok
    report = greenroom.explore(stale, executions=200, checks=claim)
    error = report.failure.error
    assert type(error) is greenroom.ClaimBroken
    assert error.judgement.verdict is greenroom.Verdict.VIOLATED
    assert isinstance(error, AssertionError)
    assert str(error).startswith("linearizable: no order of the operations is legal: after ")
    assert "would have to return 1, returned 0" in str(error)


def test_a_program_that_keeps_its_claim_holds():
    assert greenroom.explore(sound, executions=200, checks=[claim, greenroom.every_ask_is_answered()]).ok
    assert greenroom.exhaust(sound, checks=claim).exhausted


def test_a_failure_is_shrunk_to_one_with_the_same_claim():
    found = greenroom.explore(stale, executions=200, policy="random", checks=[greenroom.fifo_per_sender(), claim]).failure
    whole = greenroom.explore(stale, executions=200, policy="random", checks=claim, shrink=False).failure
    assert found.error.judgement.claim == "linearizable"
    assert len(found.schedule) < len(whole.schedule)


def test_a_failure_is_replayed_with_its_check_and_raised_by_run():
    found = greenroom.explore(stale, executions=200, checks=claim).failure
    again = greenroom.replay(stale, found.schedule, checks=claim)
    assert str(again.failure) == str(found)
    assert greenroom.replay(stale, found.schedule).failure is None
    with pytest.raises(greenroom.ClaimBroken, match="linearizable") as raised:
        greenroom.run(stale, found.schedule, checks=claim)
    assert "replay: greenroom replay" in raised.value.__notes__[0]


def test_a_failure_takes_forty_lines_at_most_and_shows_operations_and_lanes():
    text = str(greenroom.explore(stale, executions=200, checks=claim).failure)
    assert len(text.splitlines()) <= 40
    assert "├" in text
    assert "call 1: reader.ask(('read',))" in text
    assert text.splitlines()[-1].endswith("--check tests/greenroom/test_checking.py::claim")


def test_what_the_program_itself_breaks_comes_first():
    def fails():
        Cell.start()
        raise LookupError("first")

    report = greenroom.explore(fails, executions=2, checks=Crashing())
    assert isinstance(report.failure.error, LookupError)


def test_a_claim_is_ignored_where_the_scenario_means_to_break_it():
    assert greenroom.explore(stale, executions=50, checks=claim, ignore=[greenroom.ClaimBroken]).ok


def test_a_schedule_is_the_same_with_a_check_and_without():
    for schedule in ("g1:", "g1:1=Cell-1"):
        with_it = greenroom.replay(sound, "g1:", checks=claim)
        assert (with_it.steps, with_it.decisions) == ((other := greenroom.replay(sound, "g1:")).steps, other.decisions), schedule


def test_a_check_that_reads_operations_alone_makes_no_search_record_events(monkeypatch):
    recorded = []

    class Watching:
        claim = "watching"
        reads_events = False

        def check(self, history):
            recorded.append((len(history), len(history.operations)))
            return greenroom.Judgement(greenroom.Verdict.OK, self.claim)

    greenroom.explore(sound, executions=5, checks=Watching())
    assert recorded == [(0, 3)] * 5
    recorded.clear()
    monkeypatch.setattr(Watching, "reads_events", True)
    greenroom.explore(sound, executions=5, checks=Watching())
    assert all(events > 10 and operations == 3 for events, operations in recorded)


# -- undecided -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checker", "why"),
    [(Undecided(), "anything: nobody knows"), (Crashing(), "anything: the checker itself raised ZeroDivisionError: by 0")],
)
def test_what_is_undecided_is_counted_told_and_no_pass(checker, why):
    report = greenroom.explore(sound, executions=5, checks=checker)
    assert report.failure is None
    assert not report.ok
    assert report.undecided == 5
    assert str(report).endswith(f"no failure, but 5 executions undecided ({why})")
    with pytest.raises(greenroom.Undecided, match="5 executions undecided"):
        report.raise_failure()
    searched = greenroom.exhaust(sound, checks=checker)
    assert not searched.ok
    assert not searched.exhausted
    assert searched.undecided == searched.executions
    assert why in str(searched)
    with pytest.raises(greenroom.Undecided):
        searched.raise_failure()
    with pytest.raises(greenroom.Undecided, match="1 execution undecided"):
        greenroom.run(sound, checks=checker)
    assert [each.verdict for each in greenroom.replay(sound, "g1:", checks=checker).undecided] == [greenroom.Verdict.UNKNOWN]


def test_what_is_undecided_is_counted_over_workers_and_kept_for_a_search_that_goes_on(tmp_path):
    alone = greenroom.exhaust(stale, checks=Undecided())
    together = greenroom.exhaust(stale, checks=Undecided(), workers=2)
    assert together.undecided == alone.undecided > 1
    kept = tmp_path / "search.json"
    first = greenroom.exhaust(stale, checks=Undecided(), max_executions=1, resume=kept)
    assert first.undecided == 1
    assert greenroom.exhaust(stale, checks=Undecided(), resume=kept).undecided == alone.undecided


def test_a_mistake_in_a_specification_is_raised_at_once():
    with pytest.raises(greenroom.UsageError, match="the specification raised"):
        greenroom.explore(sound, checks=greenroom.linearizable(Empty()))


class Empty:
    def init(self):
        return 0

    def step(self, state, call):
        raise KeyError(call)


@pytest.mark.parametrize("wrong", [5, ["linearizable"], Register(), Undecided, greenroom.linearizable])
def test_only_checkers_are_taken(wrong):
    with pytest.raises(greenroom.UsageError, match="checks takes"):
        greenroom.explore(sound, checks=wrong)


# -- claims over several executions ------------------------------------------------------------------------------------------


def test_an_answer_that_depends_on_the_schedule_is_found_and_a_replay_compares_with_the_default_order():
    def ticket(each):
        return each.arguments[0] if each.name == "draw" else None

    def tickets():
        cell = Cell.start()
        drawer = [Writer.start(cell) for _ in range(2)]
        for number, writer in enumerate(drawer):
            writer.tell(number + 1)
        greenroom.client("guest").call("draw", lambda _: cell.ask(("read",)), "ticket")
        pykka.ActorRegistry.stop_all()

    found = greenroom.explore(tickets, executions=100, policy="random", checks=greenroom.deterministic(ticket)).failure
    assert found.error.judgement.claim == "the same request gets the same answer"
    fresh = greenroom.deterministic(ticket)
    assert greenroom.replay(tickets, found.schedule, checks=fresh).failure is not None
    assert greenroom.replay(tickets, "g1:", checks=fresh).failure is None
    assert greenroom.exhaust(tickets, checks=fresh).failure is not None


# -- the command line ------------------------------------------------------------------------------------------------------

PROGRAM = """
import greenroom, pykka

class Register:
    def init(self): return 0
    def step(self, state, call): return [(None, call[1])] if call[0] == "write" else [(state, state)]

class Cell(pykka.ThreadingActor):
    def on_receive(self, message): return 7

def scenario():
    greenroom.client("ann").ask(Cell.start(), ("read",))
    pykka.ActorRegistry.stop_all()

claim = greenroom.linearizable(Register())

class Seven(Register):
    def init(self): return 7

def made():
    return greenroom.linearizable(Seven(), budget=0)

def wants(something):
    return claim
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seven.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "claims.py").write_text("from seven import claim as other\n", encoding="utf-8")


@pytest.mark.parametrize("place", ["seven.py::claim", "claims.py::other"])
@pytest.mark.parametrize("command", ["explore", "exhaust"])
def test_a_check_is_named_on_the_command_line_and_in_the_replay_line(program, capsys, command, place):
    assert main([command, "seven.py::scenario", "--check", place]) == 1
    printed = capsys.readouterr().out
    assert "ClaimBroken: linearizable: no order of the operations is legal: nothing can come first" in printed
    assert printed.splitlines()[-1] == f"replay: greenroom replay seven.py::scenario 'g1:' --check {place}"
    assert main(["replay", "seven.py::scenario", "g1:", "--check", place]) == 1


def test_what_is_undecided_has_an_exit_code_of_its_own(program, capsys):
    for command in (["explore"], ["exhaust"]):
        assert main([*command, "seven.py::scenario", "--check", "seven.py::made"]) == 3
    assert main(["replay", "seven.py::scenario", "g1:", "--check", "seven.py::made"]) == 3
    assert "undecided: linearizable: 0 configurations did not suffice" in capsys.readouterr().out
    assert main(["explore", "--json", "seven.py::scenario", "--check", "seven.py::made", "-n", "4"]) == 3
    assert json.loads(capsys.readouterr().out)["undecided"] == 4


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("seven.py", "names no checker"),
        ("none.py::claim", "there is no file none.py"),
        ("seven.py::nothing", "has no 'nothing'; its checkers are claim"),
        ("seven.py::PROGRAM", "has no 'PROGRAM'"),
        ("seven.py::Register", "and no checker"),
        ("seven.py::wants", "without arguments"),
    ],
)
def test_a_check_that_is_none_is_told_of(program, capsys, place, words):
    assert main(["explore", "seven.py::scenario", "--check", place]) == 2
    assert words in capsys.readouterr().err


def test_a_check_that_has_no_name_is_left_to_be_filled_in():
    def scenario():
        stale()

    line = greenroom.explore(scenario, executions=200, checks=greenroom.linearizable(Register())).failure.replay_line
    assert line.startswith("replay: greenroom.replay(scenario, ")
    assert line.endswith(", checks=[...])")
    named = greenroom.explore(scenario, executions=200, checks=claim).failure.replay_line
    assert named.endswith(", checks=[claim])")


def test_a_checker_that_returns_no_judgement_is_refused_with_a_word_on_what_it_returns():
    with pytest.raises(greenroom.UsageError, match=r"'anything' returned True; check\(history\) returns a judgement"):
        greenroom.explore(sound, executions=3, checks=Truth())


def test_a_search_that_was_cut_short_still_tells_what_could_not_be_decided():
    report = greenroom.exhaust(sound, max_executions=2, checks=Undecided())
    assert not report.exhausted
    assert report.why_not != report.why_undecided
    assert str(report).endswith("2 executions undecided (anything: nobody knows)")


def unrecorded():
    cell = Cell.start()
    for _ in range(2):
        cell.ask(("read",), block=False)
    cell.ask(("read",))
    pykka.ActorRegistry.stop_all()


NOTHING_TO_JUDGE = [
    (greenroom.linearizable(Register()), "no call of a recorded client"),
    (greenroom.sequentially_consistent(Register()), "no call of a recorded client"),
    (greenroom.serializable(Register()), "no call of a recorded client"),
    (greenroom.deterministic(lambda operation: operation.call), "no call that its key names"),
    (greenroom.exactly_once(lambda event: None), "its key named no message"),
    (greenroom.compose(greenroom.linearizable(Register())), "no call of a recorded client"),
]


@pytest.mark.parametrize(("checker", "why"), NOTHING_TO_JUDGE, ids=lambda value: getattr(value, "claim", ""))
def test_a_claim_that_found_nothing_to_judge_in_any_execution_is_no_pass(checker, why):
    for report in (greenroom.explore(unrecorded, executions=5, checks=checker), greenroom.exhaust(unrecorded, checks=checker)):
        assert not report.ok
        assert report.undecided == report.executions
        assert why in str(report)


def test_a_claim_that_found_something_to_judge_in_one_execution_is_decided():
    def now_and_then():
        cell = Cell.start()
        if greenroom.choose("nothing", "something") == "something":
            greenroom.client("reader").ask(cell, ("read",))
        pykka.ActorRegistry.stop_all()

    assert greenroom.exhaust(now_and_then, checks=claim).exhausted
    assert greenroom.exhaust(now_and_then, checks=claim, workers=2).exhausted
    greenroom.run(unrecorded, greenroom.replay(unrecorded, "g1:").schedule, checks=claim)  # one execution need not have calls


def test_what_found_nothing_to_judge_is_kept_with_a_search_that_is_resumed(tmp_path):
    file = tmp_path / "search.json"
    first = greenroom.exhaust(sound, checks=claim, max_executions=1, resume=file)
    assert first.undecided == 0
    empty = tmp_path / "empty.json"
    greenroom.exhaust(unrecorded, checks=claim, max_executions=1, resume=empty)
    last = greenroom.exhaust(unrecorded, checks=claim, resume=empty)
    assert last.undecided == last.executions
    assert greenroom.exhaust(sound, checks=claim, resume=file).exhausted
