"""``pytest --on-stage``: ordinary tests, with their fixtures, on a controlled schedule."""

from __future__ import annotations

import re

import pytest

pytest_plugins = ["pytester"]

COUNTER = """
    import threading
    import time
    import pykka
    import pytest

    class Counter(pykka.ThreadingActor):
        value = 0

        def on_receive(self, message):
            if message == "fail":
                raise ValueError("on purpose")
            self.value = self.value if message is None else message
            return self.value

    class Teller(pykka.ThreadingActor):
        def on_receive(self, message):
            counter, value = message
            counter.tell(value)

    @pytest.fixture
    def counter():
        ref = Counter.start()
        yield ref
        ref.stop()
"""

ORDER = """
    @pytest.fixture
    def tellers():
        yield [Teller.start() for _ in range(2)]
        pykka.ActorRegistry.stop_all()

    def test_the_second_comes_last(counter, tellers):
        pykka.get_all([teller.ask((counter, value), block=False) for value, teller in enumerate(tellers, 1)])
        assert counter.ask(None) == 2
"""


@pytest.fixture
def staged(pytester, no_other_plugins):
    """``staged(source, *arguments)``: the tests of ``source``, on the stage, in a pytest of their own."""

    def run(source, *arguments):
        pytester.makepyfile(test_program=COUNTER + source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--on-stage", *arguments)

    return run


def test_fixtures_and_test_share_one_stage_and_its_virtual_time(staged):
    result = staged("""
    @pytest.fixture
    def started():
        before = time.monotonic()
        time.sleep(86_400)
        yield before
        assert time.monotonic() == before + 2 * 86_400

    def test_the_clock_is_shared(counter, started):
        assert counter.ask(5) == 5
        time.sleep(86_400)
        assert time.monotonic() == started + 2 * 86_400

    @pytest.mark.parametrize("number", range(3))
    def test_each_has_a_stage_of_its_own(number, counter):
        assert len(pykka.ActorRegistry.get_all()) == 1
        assert time.monotonic() == 100_000.0
    """)
    result.assert_outcomes(passed=4)


def test_outcomes_are_those_of_pytest(staged):
    result = staged("""
    def test_fails(counter):
        assert counter.ask(1) == 2

    def test_skips(counter):
        pytest.skip("not now")

    @pytest.mark.xfail(strict=True)
    def test_fails_as_expected(counter):
        counter.ask("fail")

    @pytest.fixture
    def broken():
        raise RuntimeError("no set-up")

    def test_has_a_broken_fixture(counter, broken):
        pass
    """)
    result.assert_outcomes(failed=1, skipped=1, xfailed=1, errors=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*no set-up*"])


def test_another_seed_finds_the_race_and_its_schedule_replays_it(staged):
    staged(ORDER).assert_outcomes(passed=1)
    for seed in range(1, 40):
        result = staged(ORDER, "--stage-policy=random", f"--stage-seed={seed}")
        if result.ret:
            break
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*main*Counter-1*Teller-*"])
    schedule = re.search(r"--stage-schedule '(\S+)'", result.stdout.str())[1]
    again = staged(ORDER, "--stage-schedule", schedule)
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines([f"*--stage-schedule '{schedule}'*"])


def test_a_test_that_is_stuck_fails_and_says_for_what_it_waits_and_the_next_one_runs(staged):
    result = staged("""
    def test_waits_for_ever(counter):
        pykka.ThreadingFuture().get()

    def test_goes_on(counter):
        assert counter.ask(1) == 1
    """)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*ReplyNeverComes: main waits for ever*"])


def test_what_is_left_behind_is_an_error_after_the_test(staged):
    source = """
    def test_leaves_an_actor():
        Counter.start()

    def test_does_not(counter):
        assert counter.ask(1) == 1
    """
    result = staged(source)
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*LeftBehind: 1 actor still alive*Counter-1*"])
    staged(source, "--stage-ignore=LeftBehind").assert_outcomes(passed=2)


def test_a_fixture_of_a_wider_scope_cannot_lend_its_actor_to_the_next_test(staged):
    result = staged(
        """
    @pytest.fixture(scope="module")
    def lasting():
        return Counter.start()

    @pytest.mark.parametrize("number", range(2))
    def test_uses_it(number, lasting):
        assert lasting.ask(None) == 0
    """,
        "--stage-ignore=LeftBehind",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Stage*earlier execution*"])


def test_pykkas_log_goes_to_caplog(staged):
    result = staged(
        """
    def test_logs(counter, caplog):
        counter.tell("fail")
        assert not counter.is_alive() or counter.actor_stopped.wait(1)
        assert "Unhandled exception" in caplog.text
    """,
        "--stage-ignore=ActorDied",
    )
    result.assert_outcomes(passed=1)


def test_a_policy_that_does_not_exist_is_refused(staged):
    result = staged("", "--stage-policy=none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*there is no policy 'none'*"])
