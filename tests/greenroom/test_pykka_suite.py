"""The command that runs Pykka's own tests on the stage, on a small suite in their place."""

from __future__ import annotations

import subprocess

import pytest

from benchmarks import pykka_suite

SUITE = """
    import time
    import pykka

    class Echo(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    def test_passes_on_the_stage_alone():
        assert time.monotonic() == 100_000.0

    def test_fails_everywhere():
        assert 1 == 2

    def test_leaves_an_actor():
        Echo.use_daemon_thread = True
        Echo.start()

    def test_dies_and_is_seen():
        ref = Echo.start()
        assert ref.ask("hello") == "hello"
        ref.stop()
"""


@pytest.fixture
def suite(tmp_path, monkeypatch, no_other_plugins):
    monkeypatch.setattr(pykka_suite, "RESOURCES", ())
    monkeypatch.setattr(pykka_suite, "_pip", lambda *arguments: None)
    (tmp_path / "tests").mkdir()
    (tmp_path / "examples").mkdir()
    return tmp_path


def test_it_tells_what_passes_where_and_why_not(suite, capsys):
    lines = [line.removeprefix("    ") for line in SUITE.splitlines()]
    (suite / "tests" / "test_small.py").write_text("\n".join(lines))
    assert pykka_suite.main(["--folder", str(suite), "--schedules", "1"]) == 0
    printed = capsys.readouterr().out
    assert "4 tests of its own suite" in printed
    assert "on Pykka's own threads: 2 passed, 2 failed" in printed
    assert "on the stage, default order: 3 passed, 1 failed" in printed
    assert "on the stage, random, seed 1: 3 passed, 1 failed" in printed
    assert "tests.test_small::test_fails_everywhere\n        assert 1 == 2" in printed


def test_what_fails_on_the_stage_alone_gives_1(suite, capsys):
    (suite / "tests" / "test_small.py").write_text(
        "import threading\ndef test_stuck():\n    assert not threading.Lock().__class__.__module__[0] == 'g'\n"
    )
    assert pykka_suite.main(["--folder", str(suite), "--schedules", "0"]) == 1
    assert "on the stage, default order: 0 passed, 1 failed" in capsys.readouterr().out


def test_without_a_network_it_says_so_and_gives_2(monkeypatch, capsys):
    def refuses(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "ERROR: no route\nERROR: No matching distribution found")

    monkeypatch.setattr(pykka_suite.subprocess, "run", refuses)
    monkeypatch.setattr(pykka_suite.shutil, "which", lambda name: name)
    assert pykka_suite.main([]) == 2
    assert "without a network, give --folder an unpacked source distribution of Pykka" in capsys.readouterr().err


def test_without_pip_it_says_so_and_gives_2(monkeypatch, capsys):
    monkeypatch.setattr(pykka_suite.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(pykka_suite.shutil, "which", lambda name: None)
    assert pykka_suite.main([]) == 2
    assert "neither pip nor uv is here" in capsys.readouterr().err
