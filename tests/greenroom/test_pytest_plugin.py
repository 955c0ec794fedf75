"""The pytest plugin: where the actors run, and a replay that must not be empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import greenroom

pytest_plugins = ["pytester"]

CONFTEST = """
    from hypothesis import settings, Phase
    from hypothesis.database import DirectoryBasedExampleDatabase
    from greenroom.failures import ReplayView

    database = DirectoryBasedExampleDatabase("examples")
    settings.register_profile("dev", settings(max_examples=50, stateful_step_count=8, database=database, deadline=None))
    settings.register_profile("threads", settings(max_examples=3, stateful_step_count=4, database=None, deadline=None))
    settings.register_profile("replay", settings(settings.get_profile("dev"), database=ReplayView(database), phases=[Phase.reuse]))
    settings.load_profile("dev")
"""

COUNTER = """
    import pykka
    from hypothesis import settings, strategies as st
    from hypothesis.stateful import rule
    import greenroom

    class Counter(pykka.ThreadingActor):
        value = 0

        def on_receive(self, message):
            self.value = self.value if message is None else message
            return self.value

    class CounterMachine(greenroom.ActorMachine):
        def start_actors(self):
            self.counter = Counter.start()
            self.added = 0

        @rule(client=st.sampled_from(["ann", "bob"]))
        def add(self, client):
            self.added += 1
            self.client(client).call("add", lambda: self.counter.ask(self.counter.ask(None) + 1))

        def at_rest(self):
            assert self.perform(self.counter.ask, None) == self.added

    TestCounter = CounterMachine.TestCase
"""

PLACES = """
    import os
    from hypothesis import settings
    import greenroom

    class Machine(greenroom.ActorMachine):
        pass

    def test_place():
        machine = Machine()
        print(f"actors on {'threads' if machine.on_threads else 'the stage'}, {settings().max_examples} examples")
        machine.teardown()
"""


@pytest.fixture
def run(pytester, monkeypatch, no_other_plugins):
    """``run(*arguments)``: pytest in a process of its own, with the plugin."""
    source = str(Path(greenroom.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", source)
    monkeypatch.delenv("GREENROOM_ACTORS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(CONFTEST)

    def run(*arguments):
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=60)

    return run


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "actors on the stage, 50 examples"),
        (["--actors=stage"], "actors on the stage, 50 examples"),
        (["--actors=threads"], "actors on threads, 3 examples"),
        (["--actors=threads", "--hypothesis-profile=dev"], "actors on threads, 50 examples"),
    ],
)
def test_the_option_says_where_actors_run_and_loads_the_profile_of_threads(run, pytester, arguments, line):
    pytester.makepyfile(PLACES)
    result = run("-s", *arguments)
    result.assert_outcomes(passed=1)
    assert line in result.stdout.str()


def test_the_environment_says_it_too_and_the_option_goes_before_it(run, pytester, monkeypatch):
    pytester.makepyfile(PLACES)
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    assert "actors on threads, 50 examples" in run("-s").stdout.str()
    assert "actors on the stage" in run("-s", "--actors=stage").stdout.str()


def test_without_a_profile_of_threads_the_option_works_all_the_same(run, pytester):
    pytester.makeconftest("")
    pytester.makepyfile(PLACES)
    assert "actors on threads, 100 examples" in run("-s", "--actors=threads").stdout.str()


def test_another_place_is_refused(run, pytester):
    pytester.makepyfile(PLACES)
    result = run("--actors=somewhere")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "invalid choice: 'somewhere'" in result.stderr.str()


def test_the_environment_is_left_as_it_was(pytester, monkeypatch):
    from greenroom import pytest_plugin  # noqa: PLC0415 - as pytest loads it

    class Config:
        rootpath = Path()

        def __init__(self):
            self.stash = pytest.Stash()
            self.pluginmanager = pytest.PytestPluginManager()

        def getoption(self, name, default=None):
            return {"--actors": "stage"}.get(name, default)

        def addinivalue_line(self, name, line):
            assert name == "markers"

    for before in (None, "threads"):
        monkeypatch.delenv("GREENROOM_ACTORS", raising=False)
        if before is not None:
            monkeypatch.setenv("GREENROOM_ACTORS", before)
        config = Config()
        pytest_plugin.pytest_configure(config)
        assert os.environ["GREENROOM_ACTORS"] == "stage"
        pytest_plugin.pytest_unconfigure(config)
        assert os.environ.get("GREENROOM_ACTORS") == before


def test_a_failure_of_a_machine_is_replayed_by_the_next_run_and_by_the_profile(run, pytester):
    pytester.makepyfile(COUNTER)
    found = run()
    found.assert_outcomes(failed=1)
    assert "state.add(" in found.stdout.str()
    assert "Counter-1 #1 answers 0" in found.stdout.str()
    saved = sorted(path.name for path in (pytester.path / "examples").rglob("*") if path.is_file())
    assert saved
    replayed = run("--hypothesis-profile=replay")
    replayed.assert_outcomes(failed=1)
    assert replayed.stdout.str().count("state.add(") == 2
    assert "nothing was replayed" not in replayed.stdout.str()
    assert saved == sorted(path.name for path in (pytester.path / "examples").rglob("*") if path.is_file())


def test_a_replay_with_nothing_to_replay_fails(run, pytester):
    pytester.makepyfile(COUNTER)
    result = run("--hypothesis-profile=replay")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "greenroom: nothing was replayed: ReplayView(" in result.stdout.str()
    empty = run("--hypothesis-profile=replay", "-k", "no_such_test")
    assert empty.ret == pytest.ExitCode.TESTS_FAILED


def test_who_does_not_replay_hears_nothing_of_it(run, pytester):
    pytester.makepyfile("def test_plain(): pass")
    result = run()
    assert result.ret == pytest.ExitCode.OK
    assert "nothing was replayed" not in result.stdout.str()
    assert run("-k", "no_such_test").ret == pytest.ExitCode.NO_TESTS_COLLECTED
