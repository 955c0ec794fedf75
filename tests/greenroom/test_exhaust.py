"""Every inequivalent schedule, once each: counted where the number is known, and compared with plain enumeration where it is not."""

from __future__ import annotations

import json
import math
import threading
import time

import pykka
import pytest

import greenroom
from benchmarks.enumeration import compare


class Diary(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.entries = []

    def on_receive(self, message):
        if message != "read":
            self.entries.append(message)
        return tuple(self.entries)


def clients(count, calls, *, diaries=1, seen=None):
    """So many clients, each with so many asks, one after another, spread over the diaries."""

    def scenario():
        refs = [Diary.start() for _ in range(diaries)]

        def client(number):
            for call in range(calls):
                refs[number % diaries].ask((number, call))

        threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if seen is not None:
            seen.append(tuple(ref.ask("read") for ref in refs))
        pykka.ActorRegistry.stop_all()

    return scenario


def senders(count):
    def scenario():
        diary = Diary.start()
        threads = [threading.Thread(target=diary.tell, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        diary.stop()

    return scenario


def philosophers(count, *, ordered):
    def scenario():
        forks = [threading.Lock() for _ in range(count)]

        def eat(number):
            first, second = number, (number + 1) % count
            if ordered and first > second:
                first, second = second, first
            with forks[first], forks[second]:
                pass

        threads = [threading.Thread(target=eat, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return scenario


def all_of(scenario, **options):
    """The number of executions of a search that has found everything and nothing twice."""
    report = greenroom.exhaust(scenario, **options)
    report.raise_failure()
    assert report.exhausted, report
    assert (report.redundant, report.fallbacks, report.waiting) == (0, 0, 0)
    return report.executions


def test_two_clients_with_two_asks_each_are_six_schedules():
    assert all_of(clients(2, 2)) == 6


@pytest.mark.parametrize(("count", "calls"), [(2, 1), (3, 1), (2, 3), (3, 2)])
def test_clients_of_one_actor_are_counted_by_the_multinomial_coefficient(count, calls):
    seen = []
    expected = math.factorial(count * calls) // math.factorial(calls) ** count
    assert all_of(clients(count, calls, seen=seen)) == expected
    assert len(set(seen)) == expected


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_n_senders_to_one_inbox_are_n_factorial_schedules(count):
    assert all_of(senders(count)) == math.factorial(count)


@pytest.mark.parametrize("pairs", [2, 3])
def test_independent_pairs_are_one_schedule(pairs):
    assert all_of(clients(pairs, 2, diaries=pairs)) == 1


def test_philosophers_deadlock_is_found():
    scenario = philosophers(3, ordered=False)
    report = greenroom.exhaust(scenario)
    assert isinstance(report.failure.error, greenroom.Deadlock)
    assert not report.exhausted
    assert not report.ok
    assert "a failure was found first" in report.why_not
    assert isinstance(greenroom.replay(scenario, report.failure.schedule).failure.error, greenroom.Deadlock)
    with pytest.raises(greenroom.Deadlock):
        report.raise_failure()


def test_philosophers_who_keep_an_order_are_exhausted():
    assert all_of(philosophers(3, ordered=True)) == 6


def test_choices_are_branches_like_any_other():
    seen = []

    def scenario():
        seen.append((greenroom.choose("a", "b", "c"), greenroom.choose(1, 2)))

    assert all_of(scenario) == 6
    assert len(set(seen)) == 6


def test_a_choice_in_one_client_multiplies_the_orders():
    def scenario():
        diary = Diary.start()
        threads = [threading.Thread(target=lambda: diary.tell(greenroom.choose("x", "y", "z"))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        diary.stop()

    assert all_of(scenario) == 2 * 3 * 3


def test_checkpoints_of_one_name_depend_on_one_another_and_others_do_not():
    def scenario(*names):
        def run():
            threads = [threading.Thread(target=greenroom.checkpoint, args=(name,)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        return run

    assert all_of(scenario("a", "a", "a")) == 6
    assert all_of(scenario("a", "b", "c")) == 1
    assert all_of(scenario("a", "b", "a")) == 2


def test_messages_that_the_user_declares_to_commute_are_run_in_one_order():
    assert all_of(senders(4), commuting=lambda message: "any") == 1
    assert all_of(senders(4), commuting=lambda message: None) == 24
    assert all_of(senders(4), commuting=lambda message: "even" if message % 2 == 0 else None) == 18


def test_labels_that_cannot_be_told_are_the_users_mistake():
    with pytest.raises(greenroom.UsageError, match="commuting"):
        greenroom.exhaust(senders(2), commuting=lambda message: message["kind"])
    with pytest.raises(greenroom.UsageError, match="commuting"):
        greenroom.exhaust(senders(2), commuting=lambda message: 1)


def test_a_lost_update_is_found():
    def scenario():
        account = Diary.start()

        def deposit():
            before = account.ask("read")
            account.ask(len(before))

        threads = [threading.Thread(target=deposit) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        entries = account.ask("read")
        account.stop()
        assert len(set(entries)) == 2, "two deposits, one of them lost"

    report = greenroom.exhaust(scenario)
    assert "one of them lost" in str(report.failure)


def test_timeouts_that_race_are_both_ways_round_where_timers_are_explored():
    seen = set()

    def scenario():
        diary = Diary.start()
        try:
            answer = diary.ask("x", timeout=1)
        except pykka.Timeout:
            answer = "too late"
        seen.add(answer)
        diary.stop()

    assert all_of(scenario) == 1
    assert seen == {("x",)}
    seen.clear()
    report = greenroom.exhaust(scenario, timers="explored")
    assert report.exhausted
    assert seen == {("x",), "too late"}


@pytest.mark.parametrize("waits", ["for a reply", "for a thread"])
def test_what_was_there_in_time_comes_late_as_well(waits):
    class Echo(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    def scenario():
        echo, promise = Echo.start(), pykka.ThreadingFuture()
        thread = threading.Thread(target=promise.set)
        thread.start()
        echo.ask("first the thread runs, in the default order")
        if waits == "for a thread":
            thread.join(timeout=1)
            late = thread.is_alive()
        else:
            try:
                late = promise.get(timeout=1)
            except pykka.Timeout:
                late = True
        thread.join()
        echo.stop()
        assert not late

    assert greenroom.exhaust(scenario).exhausted
    assert isinstance(greenroom.exhaust(scenario, timers="explored").failure.error, AssertionError)


def test_two_who_wake_at_the_same_instant_come_in_both_orders():
    seen = set()

    def scenario():
        log = []

        def sleeper(name):
            time.sleep(1)
            greenroom.checkpoint("log")
            log.append(name)

        threads = [threading.Thread(target=sleeper, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen.add("".join(log))

    assert all_of(scenario) == 2
    assert seen == {"ab", "ba"}


def test_a_stop_and_a_tell_come_in_both_orders():
    outcomes = set()

    def scenario():
        diary = Diary.start()
        seen = []

        def tell():
            try:
                seen.append(diary.ask("x"))
            except pykka.ActorDeadError:
                seen.append("dead")

        thread = threading.Thread(target=tell)
        thread.start()
        diary.stop()
        thread.join()
        outcomes.add(seen[0])

    report = greenroom.exhaust(scenario, ignore=[greenroom.Deadlock, greenroom.LeftBehind])
    assert report.exhausted
    assert outcomes == {("x",), "dead"}


def test_lines_of_plain_shared_state_are_exhausted():
    def scenario():
        shared = {"count": 0}

        def add():
            before = shared["count"]
            shared["count"] = before + 1

        threads = [threading.Thread(target=add) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert shared["count"] == 2, "an update is lost"

    assert all_of(scenario) == 1
    assert "an update is lost" in str(greenroom.exhaust(scenario, granularity="line").failure)


@pytest.mark.parametrize("first", range(0, 80, 16))
def test_it_runs_the_traces_that_enumeration_finds_each_once(first):
    compared = [result for seed in range(first, first + 16) if (result := compare(seed, most=120)) is not None]
    assert compared
    assert [result.wrong for result in compared if result.wrong and not result.incomplete] == []


# -- budgets, files, processes -------------------------------------------------------------------------------------


def test_a_search_that_is_cut_off_says_so():
    report = greenroom.exhaust(senders(5), max_executions=7)
    assert (report.executions, report.exhausted, report.ok) == (7, False, True)
    assert report.why_not == "max_executions is reached"
    assert report.waiting > 0
    assert report.estimate > 7
    assert "not exhausted" in str(report)


def test_an_execution_that_is_cut_off_by_its_steps_is_no_exhaustion():
    def scenario():
        def spin():
            while True:
                time.sleep(0.1)

        threading.Thread(target=spin, daemon=True).start()
        time.sleep(1_000)

    report = greenroom.exhaust(scenario, max_steps=50, ignore=[greenroom.Livelock, greenroom.LeftBehind], max_executions=3)
    assert not report.exhausted
    assert "max_steps=50" in report.why_not


def test_timers_that_are_used_up_are_no_exhaustion():
    def scenario():
        diary = Diary.start()
        answer = None
        while answer is None:
            try:
                answer = diary.ask("x", timeout=1)
            except pykka.Timeout:
                continue
        diary.stop()

    report = greenroom.exhaust(scenario, timers="explored")
    assert report.ok
    assert not report.exhausted
    assert "timers expire only 32 times" in report.why_not


def test_a_search_goes_on_from_its_file(tmp_path):
    file = tmp_path / "search.json"
    rounds = 0
    report = None
    while report is None or not report.exhausted:
        report = greenroom.exhaust(clients(3, 2), max_executions=20, resume=file)
        rounds += 1
    assert (rounds, report.executions) == (5, 90)
    assert greenroom.exhaust(clients(3, 2), resume=str(file)).executions == 90
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_loses_nothing_of_a_search_with_a_file(tmp_path, workers):
    def interrupted(seen):
        raise KeyboardInterrupt

    file = tmp_path / "search.json"
    with pytest.raises(KeyboardInterrupt):
        greenroom.exhaust(senders(7), resume=file, workers=workers, progress=interrupted)
    done = json.loads(file.read_text())["executions"]
    assert 0 < done < 5040
    assert greenroom.exhaust(senders(7), resume=file, max_executions=5).executions == done + 5


def test_a_file_of_another_search_is_refused(tmp_path):
    file = tmp_path / "search.json"
    greenroom.exhaust(senders(3), max_executions=1, resume=file)
    with pytest.raises(greenroom.UsageError, match="belongs to another search"):
        greenroom.exhaust(senders(3), timers="explored", resume=file)
    file.write_text("[]")
    with pytest.raises(greenroom.UsageError, match="holds no search"):
        greenroom.exhaust(senders(3), resume=file)
    with pytest.raises(greenroom.UsageError, match="there is no folder"):
        greenroom.exhaust(senders(3), resume=tmp_path / "nowhere" / "search.json")


@pytest.mark.parametrize("scenario", [senders(5), clients(3, 2), philosophers(4, ordered=True)])
def test_several_processes_find_what_one_finds(scenario):
    alone, together = greenroom.exhaust(scenario), greenroom.exhaust(scenario, workers=3)
    assert together.exhausted
    assert (together.executions, together.steps, together.redundant) == (alone.executions, alone.steps, alone.redundant)


def test_several_processes_find_a_failure():
    report = greenroom.exhaust(philosophers(3, ordered=False), workers=2)
    assert isinstance(report.failure.error, greenroom.Deadlock)


def test_several_processes_keep_to_a_budget_and_to_a_file(tmp_path):
    file = tmp_path / "search.json"
    report = greenroom.exhaust(senders(5), workers=2, max_executions=50, resume=file)
    assert not report.exhausted
    assert json.loads(file.read_text())["executions"] == report.executions
    assert greenroom.exhaust(senders(5), workers=2, resume=file).executions == 120


def test_what_escapes_in_a_process_is_raised():
    runs = []

    def scenario():
        runs.append(1)
        senders(2 if len(runs) < 2 else 3)()

    with pytest.raises(greenroom.NondeterminismEscaped, match="the same moves led somewhere else"):
        greenroom.exhaust(scenario)
    runs.clear()
    with pytest.raises(greenroom.NondeterminismEscaped, match="the same moves led somewhere else"):
        greenroom.exhaust(scenario, workers=2)


@pytest.mark.parametrize("options", [{"workers": 0}, {"max_executions": 0}, {"max_seconds": 0}])
def test_budgets_that_make_no_sense_are_refused(options):
    with pytest.raises(greenroom.UsageError):
        greenroom.exhaust(senders(2), **options)


def test_progress_is_told():
    told = []
    greenroom.exhaust(senders(6), progress=lambda seen: told.append((seen.executions, seen.share, seen.estimate)))
    executions, shares, estimates = zip(*told, strict=True)
    assert list(executions) == sorted(executions)
    assert all(0 <= share < 1 for share in shares)
    assert all(100 < estimate < 10_000 for estimate in estimates), "720 in all, and the right order of magnitude"
