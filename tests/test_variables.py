"""Each environment variable of the suite does what docs/testing.md says."""

from __future__ import annotations

import textwrap

import pytest

from tests import services, variables
from tests.chaos.monkey import ChaosMonkey
from tests.plugins import NO_OTHERS

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester, monkeypatch):
    """``run(text, *arguments)``: pytest with this suite's variables and fixtures, on one file."""
    for name in ("PYTEST_VERBOSE", "LOG_LEVEL", "SKIP_DOCKER_SETUP", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in NO_OTHERS.items():
        monkeypatch.setenv(name, value)
    pytester.makeconftest("""
        from tests.services import own_postgres, own_redis, postgres, postgres_url, redis_server, redis_url
        from tests.variables import configure

        def pytest_configure(config):
            configure(config)
    """)

    def run_file(text, *arguments):
        pytester.makepyfile(textwrap.dedent(text))
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs", *arguments)

    return run_file


TALKS = """
    import logging

    def test_this():
        logging.getLogger("some").debug("a %s", "detail")
        assert logging.getLogger().level == LEVEL
"""


@pytest.mark.parametrize(
    ("said", "arguments", "verbose"), [("2", (), 2), ("1", (), 1), ("1", ("-vv",), 2), ("0", (), 0), (None, ("-q",), -1)]
)
def test_pytest_verbose_is_so_many_v(run, monkeypatch, said, arguments, verbose):
    if said is not None:
        monkeypatch.setenv("PYTEST_VERBOSE", said)
    found = run(f"def test_this(request):\n    assert request.config.option.verbose == {verbose}\n", *arguments)
    assert found.parseoutcomes() == {"passed": 1}


def test_pytest_verbose_that_is_no_number_is_refused(run, monkeypatch):
    monkeypatch.setenv("PYTEST_VERBOSE", "very")
    run("def test_this(): pass").stderr.fnmatch_lines(["*PYTEST_VERBOSE is 'very'; expected a whole number, 2 for -vv*"])


def test_log_level_lets_a_failing_test_show_what_was_logged(run, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", "debug")
    run(TALKS.replace("LEVEL", "30")).stdout.fnmatch_lines(["*a detail*"])
    monkeypatch.delenv("LOG_LEVEL")
    run(TALKS.replace("LEVEL", "10")).stdout.no_fnmatch_line("*a detail*")


USES = """
    def test_postgresql(postgres_url): pass
    def test_redis(redis_url): assert redis_url == "redis://example:1/0"
    def test_outage(redis_server): pass
"""


def test_skip_docker_setup_starts_nothing_and_says_so(run, monkeypatch):
    started = []
    monkeypatch.setattr(services.Server, "start", lambda server: started.append(server.port))
    monkeypatch.setattr(services, "GIVEN_POSTGRES", "")
    monkeypatch.setattr(services, "GIVEN_REDIS", "redis://example:1/0")
    monkeypatch.setenv("SKIP_DOCKER_SETUP", "1")
    found = run(USES)
    assert found.parseoutcomes() == {"passed": 1, "skipped": 2}
    found.stdout.fnmatch_lines(["*SKIP_DOCKER_SETUP is set, so no PostgreSQL is started*DATABASE_URL*"])
    found.stdout.fnmatch_lines(["*SKIP_DOCKER_SETUP is set, so no Redis is started*REDIS_URL*"])
    assert started == []


def test_without_it_servers_are_started(run, monkeypatch):
    started = []
    monkeypatch.setattr(services.Server, "start", lambda server: started.append(server.port))
    monkeypatch.setattr(services, "redis_binary", lambda: services.Path("/bin/true"))
    monkeypatch.setenv("SKIP_DOCKER_SETUP", "0")
    run("def test_outage(own_redis): pass").assert_outcomes(passed=1)
    assert len(started) == 1


def test_chaos_failure_rate_is_the_monkeys_share(monkeypatch):
    monkeypatch.delenv("CHAOS_FAILURE_RATE", raising=False)
    assert ChaosMonkey(1).rate == 0.3
    monkeypatch.setenv("CHAOS_FAILURE_RATE", "0.05")
    assert (ChaosMonkey(1).rate, ChaosMonkey(1, rate=0.5).rate) == (0.05, 0.5)
    monkeypatch.setenv("CHAOS_FAILURE_RATE", "30")
    with pytest.raises(pytest.UsageError, match="CHAOS_FAILURE_RATE is '30'; expected a share, 0 to 1"):
        ChaosMonkey(1)


def test_test_duration_is_how_long_a_long_test_goes_on(monkeypatch):
    monkeypatch.delenv("TEST_DURATION", raising=False)
    assert variables.duration_s(60) == 60
    monkeypatch.setenv("TEST_DURATION", "7")
    assert variables.duration_s(60) == 7
    for wrong in ("soon", "0", "nan", "inf"):
        monkeypatch.setenv("TEST_DURATION", wrong)
        with pytest.raises(pytest.UsageError, match="TEST_DURATION is"):
            variables.duration_s(60)


def test_resilience_report_is_a_file_in_a_folder_that_exists(monkeypatch, tmp_path):
    monkeypatch.delenv("RESILIENCE_REPORT", raising=False)
    assert variables.resilience_report() is None
    for right in ("outages.json", "outages.md"):
        monkeypatch.setenv("RESILIENCE_REPORT", str(tmp_path / right))
        assert variables.resilience_report() == tmp_path / right
    for wrong in ("outages", "outages.html", str(tmp_path), str(tmp_path / "none" / "outages.md")):
        monkeypatch.setenv("RESILIENCE_REPORT", wrong)
        with pytest.raises(pytest.UsageError, match=r"RESILIENCE_REPORT is .*; expected the name of a file that ends in \.json or \.md"):
            variables.resilience_report()


def test_load_report_is_a_page_in_a_folder_that_exists(monkeypatch, tmp_path):
    monkeypatch.delenv("LOAD_REPORT", raising=False)
    assert variables.load_report() is None
    monkeypatch.setenv("LOAD_REPORT", str(tmp_path / "load.html"))
    assert variables.load_report() == tmp_path / "load.html"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOAD_REPORT", "load.html")
    assert variables.load_report() == tmp_path / "load.html"
    (tmp_path / "folder.html").mkdir()
    for wrong in ("load", "load.txt", str(tmp_path), "folder.html", "no/such/folder/load.html"):
        monkeypatch.setenv("LOAD_REPORT", wrong)
        with pytest.raises(pytest.UsageError, match=r"LOAD_REPORT is .*; expected the name of a file that ends in \.html"):
            variables.load_report()
