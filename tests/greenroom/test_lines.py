"""``granularity="line"``: state that actors or threads share by mistake."""

from __future__ import annotations

import builtins
import contextlib
import functools
import importlib
import queue
import sys
import threading
from dataclasses import dataclass

import pykka
import pytest

import greenroom
from greenroom.lines import Lines, modules_named

ME = sys.modules[__name__]


class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self, amount):
        balance = self.balance
        self.balance = balance + amount


class Clerk(pykka.ThreadingActor):
    def __init__(self, account):
        super().__init__()
        self.account = account

    def on_receive(self, amount):
        self.account.deposit(amount)


class Shop(pykka.ThreadingActor):
    """Answers with its own list: whoever asks holds what the shop goes on changing."""

    def __init__(self):
        super().__init__()
        self.orders = []

    def on_receive(self, message):
        if message == "orders":
            return self.orders
        self.orders.append(message)
        self.orders.append(f"{message} paid")
        return None


def two_clerks_one_account():
    account = Account()
    clerks = [Clerk.start(account) for _ in range(2)]
    pykka.get_all([clerk.ask(10, block=False) for clerk in clerks])
    for clerk in clerks:
        clerk.stop()
    assert account.balance == 20


def two_threads_one_account():
    account = Account()
    threads = [threading.Thread(target=account.deposit, args=(10,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.balance == 20


def the_shops_own_list():
    shop = Shop.start()
    orders = shop.ask("orders")
    done = shop.ask("tea", block=False)
    count = len(orders)
    names = [order.split()[0] for order in orders]
    done.get()
    shop.stop()
    assert len(names) == count
    assert count % 2 == 0


@pytest.mark.parametrize("scenario", [two_clerks_one_account, two_threads_one_account, the_shops_own_list])
def test_what_is_shared_by_mistake_is_found_between_lines_and_nowhere_else(scenario):
    assert greenroom.explore(scenario, executions=2_000).ok
    report = greenroom.explore(scenario, executions=400, granularity="line")
    failure = report.failure
    assert failure is not None
    assert type(failure.error) is AssertionError
    assert len(failure.schedule) <= 6
    again = greenroom.replay(scenario, failure.schedule, granularity="line")
    assert again.failure is not None
    assert list(again.history) == list(failure.history)


def test_the_picture_shows_where_a_task_goes_on_and_the_replay_line_has_the_options():
    failure = greenroom.explore(two_clerks_one_account, executions=400, granularity="line", lines_of=[__name__]).failure
    lines = failure.history.of("line")
    assert lines
    assert all(event.target.startswith("test_lines.py:") for event in lines)
    assert "self.balance = balance + amount" in {event.detail for event in lines}
    assert len(lines) <= 2 * len(failure.schedule) + 2
    assert "line test_lines.py:" in str(failure)
    assert failure.replay_line.endswith(f"--granularity line --lines-of {__name__}")

    def local():
        two_clerks_one_account()

    failure = greenroom.explore(local, executions=400, granularity="line", lines_of=__name__).failure
    assert f', granularity="line", lines_of=["{__name__}"])' in failure.replay_line


def test_the_default_order_is_that_of_messages():
    recorded = greenroom.run(two_clerks_one_account, granularity="line")
    assert recorded.history.of("line") == []
    assert list(recorded.history) == list(greenroom.run(two_clerks_one_account).history)
    assert recorded.steps > greenroom.run(two_clerks_one_account).steps


def test_a_recorded_execution_takes_the_path_of_one_that_is_not():
    report = greenroom.explore(two_clerks_one_account, executions=300, granularity="line", policy="random", seed=5, shrink=False)
    assert report.failure is not None  # explained by an execution that is recorded, under the same schedule


WORK = """
def change(box, factor, summand):
    number = box["number"]
    box["number"] = number * factor
    box["number"] += summand


def put(box, giver, number):
    box.append(giver.ask(number))


def look(box, giver):
    return len(box), giver.ask(0), len(box)
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A module of few lines, all of which touch what they are given."""
    (tmp_path / "lines_at_work.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lines_at_work", raising=False)
    return importlib.import_module("lines_at_work")


def exhausted(scenario):
    """What a scenario gives in all schedules, and what it gives in some."""
    seen, sampled = set(), set()
    report = greenroom.exhaust(lambda: seen.add(scenario()), granularity="line", lines_of=["lines_at_work"], max_executions=5_000)
    assert report.exhausted, str(report)
    greenroom.explore(
        lambda: sampled.add(scenario()), executions=1_000, policy="random", granularity="line", lines_of=["lines_at_work"]
    ).raise_failure()
    return seen, sampled


def test_exhaust_reaches_every_outcome_that_lines_allow(work):
    def scenario():
        box = {"number": 1}
        threads = [threading.Thread(target=work.change, args=(box, *step)) for step in ((2, 1), (3, 5))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return box["number"]

    seen, sampled = exhausted(scenario)
    assert seen == sampled
    assert len(seen) > 4
    whole = set()
    assert greenroom.exhaust(lambda: whole.add(scenario())).exhausted
    assert whole < seen


def test_exhaust_sees_what_a_line_does_behind_a_message(work):
    class Giver(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    def scenario():
        ours, theirs, box = Giver.start(), Giver.start(), []  # one for each: their messages do not depend on one another
        thread = threading.Thread(target=work.put, args=(box, theirs, 1))
        thread.start()
        before, _, after = work.look(box, ours)
        thread.join()
        ours.stop()
        theirs.stop()
        return before, after

    seen, sampled = exhausted(scenario)
    assert seen == sampled == {(0, 0), (0, 1), (1, 1)}


# -- the code of functions --------------------------------------------------------------------------------------------


def decorated(function):
    @functools.wraps(function)
    def around(*args):
        return function(*args)

    return around


@dataclass(order=True)
class Everything:
    """All the ways in which a statement can stand."""

    size: int = 3

    @decorated
    def loops(self):
        """Its docstring."""
        seen = []
        count = 0
        while count < self.size:
            count += 1
            if count == 1:
                continue
            if count == 2:
                seen.append("two")
            else:
                seen.append("more")
        seen.append("end")
        for number in range(5):
            if number == 1:
                break
        return seen

    @staticmethod
    def tries():
        seen = []
        try:
            raise ExceptionGroup("several", [KeyError("a"), ValueError("b")])
        except* KeyError as group:
            seen.extend(str(error) for error in group.exceptions)
        except* ValueError:
            seen.append("b")
        finally:
            seen.append("finally")
        match seen:
            case [first, *_] if first:
                seen.append("matched")
            case _:
                raise AssertionError
        return seen

    @property
    def closes(self):
        total = 0

        def add(number):
            nonlocal total
            total += number
            return self.size

        class Inner:
            value = add(2)

            def get(self):
                return super().__getattribute__("value")

        return [total, Inner().get(), *(total for _ in [0])]

    @classmethod
    def yields(cls):
        with contextlib.nullcontext("inside") as lock:
            yield from range(3)
            yield lock
        yield cls.__name__

    async def awaits(self):
        return self.size


def everything():
    thing = Everything()
    return thing.loops(), Everything.tries(), thing.closes, list(Everything.yields()), Everything.loops.__doc__


def test_every_kind_of_statement_does_what_it_did():
    expected = everything()
    assert greenroom.run(everything, granularity="line").result == expected
    before = Everything.tries.__code__
    with Lines([ME]):
        assert Everything.tries.__code__ is not before
        assert Everything.tries.__code__.co_firstlineno == before.co_firstlineno
        assert everything() == expected  # outside every task
    assert Everything.tries.__code__ is before


class Touchy:
    """Compares and shows itself by what two of its methods compute: in one piece, wherever that happens."""

    def __init__(self, rank):
        self.rank = rank

    def __eq__(self, other):
        return self.key() == other.key()

    def __lt__(self, other):
        return self.key() < other.key()

    def __hash__(self):
        return hash(self.key())

    def __repr__(self):
        return f"Touchy({self.key()})"

    def __del__(self):
        self.key()

    def key(self):
        rank = [self.rank]
        rank.append(None)
        return rank[0]


def test_what_containers_and_pictures_call_stays_in_one_piece():
    class Receiver(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    def scenario():
        waiting = queue.PriorityQueue()
        receiver = Receiver.start()

        def put(rank):
            waiting.put(Touchy(rank))
            receiver.tell(Touchy(rank))

        threads = [threading.Thread(target=put, args=(rank,)) for rank in (3, 1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        receiver.stop()
        assert [waiting.get().rank for _ in range(3)] == [1, 2, 3]

    for seed in range(3):
        greenroom.explore(scenario, executions=40, granularity="line", policy="random", seed=seed).raise_failure()
    schedule = greenroom.explore(scenario, executions=40, granularity="line", policy="random").distinct
    assert schedule > 30


def test_a_loop_that_waits_for_a_plain_attribute_comes_to_an_end():
    class Flag:
        up = False

    def scenario():
        def raise_it():
            Flag.up = True

        Flag.up = False
        thread = threading.Thread(target=raise_it)
        thread.start()
        while not Flag.up:
            pass
        thread.join()

    greenroom.explore(scenario, executions=50, granularity="line").raise_failure()


def test_a_task_that_is_ended_runs_its_finally_clauses_and_ends():
    ended = []

    def scenario():
        def wait():
            try:
                pykka.ThreadingFuture().get()
            finally:
                first = "first"
                ended.append(first)
                while True:
                    pass

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()

    greenroom.run(scenario, granularity="line")
    assert ended == ["first"]


def test_nothing_is_left_behind():
    with pytest.raises(AssertionError):
        greenroom.explore(two_clerks_one_account, executions=400, granularity="line").raise_failure()
    assert not hasattr(builtins, "__greenroom_line__")
    assert "__greenroom_line__" not in Account.deposit.__code__.co_names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"granularity": "word"}, 'granularity is "message" or "line"'),
        ({"lines_of": ["x"]}, 'give granularity="line" as well'),
        ({"granularity": "line", "lines_of": ["no_such_module"]}, "'no_such_module' that cannot be imported"),
        ({"granularity": "line", "lines_of": ["queue"]}, "not queue: that is simulated as a whole"),
        ({"granularity": "line", "lines_of": ["pykka._actor"]}, "not pykka"),
        ({"granularity": "line", "lines_of": ["_greenlet_of_nobody"]}, "cannot be imported"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(greenroom.UsageError, match=message):
        greenroom.explore(two_clerks_one_account, **options)


def test_source_that_has_changed_since_the_import_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "changing_program", raising=False)
    nobody = functools.partial(int)
    nobody.__module__ = "a module that is gone"
    path = tmp_path / "changing_program.py"
    path.write_text("def scenario():\n    return 1\n")
    program = importlib.import_module("changing_program")
    path.write_text("# a comment moves it\ndef scenario():\n    return 1\n")
    with pytest.raises(greenroom.UsageError, match="has changed since it was imported"):
        greenroom.run(program.scenario, granularity="line")
    assert program.scenario() == 1
    with pytest.raises(greenroom.UsageError, match="needs to know whose lines"):
        modules_named((), nobody)
