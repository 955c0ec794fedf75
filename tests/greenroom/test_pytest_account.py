"""What pytest tells of greenroom: the section in the end, pictures in reports, observations, and tests that are explored."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

import greenroom
from greenroom import told
from greenroom.observed import _bucket

pytest_plugins = ["pytester"]

WALLET = """
    import pykka
    import pytest
    import greenroom
    from hypothesis import given, settings, Phase

    class Wallet(pykka.ThreadingActor):
        balance = 100

        def on_receive(self, message):
            self.balance = self.balance if message is None else message
            return self.balance

    class Till(pykka.ThreadingActor):
        def on_receive(self, wallet):
            wallet.ask(wallet.ask(None) - 30)

    def pay(tills=2):
        wallet, tills = Wallet.start(), [Till.start() for _ in range(tills)]
        pykka.get_all([till.ask(wallet, block=False) for till in tills])
        balance = wallet.ask(None)
        pykka.ActorRegistry.stop_all()
        assert balance == 100 - 30 * len(tills), f"balance {balance}"

    def pay_once():
        pay(1)
"""


RAISES = """
    def test_raises():
        greenroom.explore(pay).raise_failure()
"""

COMPARES = """
    def test_compares():
        assert greenroom.explore(pay).ok
"""

DRAWS = """
    @settings(database=None, phases=[Phase.generate, Phase.shrink])
    @given(greenroom.schedules())
    def test_draws(schedule):
        greenroom.run(pay, schedule)
"""


@pytest.fixture
def run(pytester, monkeypatch, no_other_plugins):
    """``run(source, *arguments)``: the tests of ``source`` in a pytest of their own, which on CI would not shorten its last lines."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("BUILD_NUMBER", raising=False)

    def run(source, *arguments):
        pytester.makepyfile(test_wallet=WALLET + source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *arguments)

    return run


def section(result):
    """The lines of the summary section, or None."""
    lines = result.stdout.lines
    heads = [number for number, line in enumerate(lines) if re.fullmatch(r"=+ greenroom =+", line)]
    if not heads:
        return None
    assert len(heads) == 1
    return list(itertools.takewhile(lambda line: not line.startswith("="), lines[heads[0] + 1 :]))


def test_who_does_not_use_it_hears_nothing_of_it(run):
    result = run("""
    def test_plain():
        assert True
    """)
    result.assert_outcomes(passed=1)
    assert section(result) is None


def test_the_section_counts_what_ran_and_says_how_failures_are_replayed(run):
    result = run("""
    def test_found():
        greenroom.explore(pay).raise_failure()

    def test_holds():
        assert greenroom.explore(pay_once, executions=7).ok
    """)
    result.assert_outcomes(passed=1, failed=1)
    counts, failed, replay, *_ = section(result)
    assert re.fullmatch(r"8 executions of 2 scenarios, \d distinct schedules, [\d,]+ steps", counts)
    assert failed == "test_wallet.py::test_found: AssertionError: balance 70"
    assert replay.startswith("  replay: greenroom replay test_wallet.py::pay 'g1:")


def test_the_picture_is_a_section_of_the_report_and_not_twice_there(run):
    for source in (RAISES, COMPARES, DRAWS):
        result = run(source)
        result.assert_outcomes(failed=1)
        text = result.stdout.str()
        assert len(re.findall(r"^-+ greenroom -+$", text, re.MULTILINE)) == 1
        assert text.count("main starts Wallet-1, Till-2, Till-3") == 1


def test_the_page_of_a_failure_is_written_and_named(run, pytester):
    result = run(RAISES)
    page = section(result)[3].removeprefix("  page: ")
    assert page.startswith(".greenroom/")
    assert "balance 70" in (pytester.path / page).read_text(encoding="utf-8")
    assert f"page: {page}" in result.stdout.lines


def test_where_sections_are_not_shown_the_picture_stays_with_the_error(run):
    assert run(RAISES, "--show-capture=no").stdout.str().count("main starts Wallet-1, Till-2, Till-3") == 1


def test_what_was_left_unchecked_is_told(run):
    result = run("""
    def tolerant():
        try:
            pay()
        except AssertionError:
            pass

    def test_a_little():
        assert greenroom.exhaust(tolerant, max_executions=2).executions == 2
    """)
    [line] = [line for line in section(result) if line.startswith("unchecked: ")]
    assert line.startswith("unchecked: tolerant: not exhausted: ")


def test_what_the_workers_of_xdist_have_run_is_counted_as_well(pytester, monkeypatch, no_other_plugins):
    monkeypatch.setenv("PYTHONPATH", str(Path(greenroom.__file__).parents[1]))
    pytester.makepyfile(
        test_wallet=WALLET
        + """
    @pytest.mark.parametrize("number", range(3))
    def test_holds(number):
        assert greenroom.explore(pay_once, executions=5).ok

    def test_found():
        greenroom.explore(pay).raise_failure()
    """
    )
    arguments = ["-p", "no:cacheprovider", "-p", "xdist", "-n", "2", "--greenroom-observability"]
    result = pytester.runpytest_subprocess(*arguments, timeout=120)
    result.assert_outcomes(passed=3, failed=1)
    lines = section(result)
    assert lines[0].startswith("16 executions of 2 scenarios, ")
    assert lines[1] == "test_wallet.py::test_found: AssertionError: balance 70"
    assert result.stdout.str().count("main starts Wallet-1, Till-2, Till-3") == 1


# -- marked tests ------------------------------------------------------------------------------------------------------


def test_a_marked_test_is_explored_and_replayed_by_its_name(run):
    result = run("""
    @pytest.mark.greenroom(executions=200)
    def test_pay():
        pay()

    @pytest.mark.greenroom(exhaust=True)
    def test_pay_once():
        pay_once()
    """)
    result.assert_outcomes(passed=1, failed=1)
    assert section(result)[2].startswith("  replay: greenroom replay test_wallet.py::test_pay 'g1:")


def test_a_marked_test_takes_fixtures_and_its_schedule_is_replayed_by_pytest(run):
    source = """
    @pytest.fixture
    def most():
        return 2

    @pytest.mark.greenroom(executions=200, max_steps=1000)
    @pytest.mark.parametrize("tills", [1, 2])
    def test_pay(tills, most):
        pay(min(tills, most))
    """
    result = run(source)
    result.assert_outcomes(passed=1, failed=1)
    line = section(result)[2]
    found = re.fullmatch(r"  replay: pytest '(test_wallet.py::test_pay\[2\])' --greenroom-schedule '(\S+)'", line)
    again = run(source, found[1], f"--greenroom-schedule={found[2]}")
    again.assert_outcomes(failed=1)
    assert section(again)[0].startswith("1 execution of 1 scenario, 1 distinct schedule, ")


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("greenroom(execution=5)", "there is no option execution; there are "),
        ("greenroom(5)", "it takes options by name, as in executions=300, not 5"),
    ],
)
def test_a_marker_that_makes_no_sense_is_refused(run, marker, complaint):
    result = run(f"""
    @pytest.mark.{marker}
    def test_pay():
        pay_once()
    """)
    result.assert_outcomes(failed=1)
    assert f"@pytest.mark.greenroom: {complaint}" in result.stdout.str()


def test_a_marked_hypothesis_test_is_told_what_to_do(run):
    result = run("""
    @pytest.mark.greenroom
    @given(greenroom.schedules())
    def test_pay(schedule):
        pass
    """)
    result.assert_outcomes(failed=1)
    assert "test_pay is a Hypothesis test: draw greenroom.schedules() in it instead" in result.stdout.str()


# -- Hypothesis --------------------------------------------------------------------------------------------------------

DRAWN = """
    @settings(database=None, max_examples=20)
    @given(greenroom.schedules())
    def test_pay_once(schedule):
        greenroom.run(pay_once, schedule)
"""


def test_statistics_tell_how_far_schedules_were_from_the_default_order(run):
    result = run(DRAWN, "--hypothesis-show-statistics")
    result.assert_outcomes(passed=1)
    assert re.search(r"%, greenroom: 0 deviations from the default order", result.stdout.str())


def test_deviations_are_counted_in_few_kinds():
    kinds = list(dict.fromkeys(map(_bucket, range(100))))
    assert kinds == [
        "0 deviations",
        "1 deviation",
        "2 to 3 deviations",
        "4 to 7 deviations",
        "8 to 15 deviations",
        "more than 15 deviations",
    ]


def test_observations_carry_the_executions_of_their_example(run, pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")  # this test itself may run in a worker
    assert not (pytester.path / ".greenroom").exists()
    run(DRAWN).assert_outcomes(passed=1)
    assert not (pytester.path / ".greenroom" / "observed").exists()
    run(DRAWN, "--greenroom-observability").assert_outcomes(passed=1)
    [path] = (pytester.path / ".greenroom" / "observed").glob("*-main.jsonl")
    assert (path.parent / ".gitignore").read_text(encoding="utf-8") == "*\n"
    seen = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    examples = [line for line in seen if line["type"] == "test_case" and line["status"] == "passed"]
    assert len(examples) == 20
    for example in examples:
        [ran] = example["features"]["greenroom"]
        assert ran["scenario"] == "pay_once"
        assert ran["schedule"].startswith("g1:")
        assert ran["steps"] > 0
        assert ran["tasks"] == ["main", "Wallet-1", "Till-2"]
        assert ran["failed"] is None


def test_a_machine_is_counted_with_how_its_operations_ended(run):
    result = run(
        """
    from hypothesis.stateful import rule

    class WalletMachine(greenroom.ActorMachine):
        def start_actors(self):
            self.wallet = Wallet.start()

        @rule()
        def look(self):
            self.client("ann").ask(self.wallet, None)

    TestWallet = WalletMachine.TestCase
    TestWallet.settings = settings(max_examples=5, stateful_step_count=3, database=None, deadline=None)
    """,
        "--hypothesis-show-statistics",
    )
    result.assert_outcomes(passed=1)
    assert re.match(r"\d+ executions of 1 scenario, ", section(result)[0])
    assert "greenroom: an operation was answered" in result.stdout.str()


def test_the_failure_of_a_machine_has_a_page_and_one_picture(run, pytester):
    result = run("""
    from hypothesis.stateful import rule

    class WalletMachine(greenroom.ActorMachine):
        def start_actors(self):
            self.wallet = Wallet.start()

        @rule()
        def spend(self):
            assert self.perform(self.wallet.ask, None) < 100, "nothing was spent"

    TestWallet = WalletMachine.TestCase
    TestWallet.settings = settings(max_examples=5, stateful_step_count=3, database=None, deadline=None, phases=[Phase.generate])
    """)
    result.assert_outcomes(failed=1)
    lines = section(result)
    assert lines[1] == "test_wallet.py::TestWallet::runTest: AssertionError: nothing was spent"
    assert "nothing was spent" in (pytester.path / lines[2].removeprefix("  page: ")).read_text(encoding="utf-8")


def test_a_test_on_stage_is_counted_and_says_how_it_is_replayed(run):
    result = run(
        """
    def test_pay():
        pay()
    """,
        "--on-stage",
    )
    result.assert_outcomes(failed=1)
    counts, failed, replay = section(result)
    assert counts.startswith("1 execution of 1 scenario, 1 distinct schedule, ")
    assert failed.startswith("test_wallet.py::test_pay: AssertionError: balance 70")
    assert replay.startswith("  replay: pytest test_wallet.py::test_pay --on-stage --stage-schedule 'g1:")


def test_nobody_listens_when_it_is_over(run):
    before = list(told.listeners)
    run(DRAWN)
    assert told.listeners == before


def test_a_scenario_inside_a_hypothesis_test_is_replayed_with_what_was_drawn_for_it(run):
    result = run("""
    from hypothesis import given, settings, strategies as st
    from hypothesis.database import DirectoryBasedExampleDatabase

    @settings(database=DirectoryBasedExampleDatabase("kept"), derandomize=False, deadline=None)
    @given(st.integers(1, 3), greenroom.schedules())
    def test_drawn(times, schedule):
        def scenario():
            for _ in range(times):
                pay()
        greenroom.run(scenario, schedule)
    """)
    result.assert_outcomes(failed=1)
    command = "replay: pytest test_wallet.py::test_drawn --greenroom-replay"
    assert f"  {command}" in section(result)
    assert "greenroom.replay(" not in result.stdout.str()
    assert command in result.stdout.lines
