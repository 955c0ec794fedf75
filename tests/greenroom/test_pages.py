"""Pages of failures as files: what the command line and a caller write, and where."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pykka
import pytest

import greenroom
from greenroom import pages
from greenroom.checker import Judgement, Verdict
from greenroom.cli import main
from greenroom.errors import UsageError
from greenroom.failure import Failure
from greenroom.history import Event, History, Operation
from greenroom.schedule import Schedule

DEADLOCK = f"{Path(__file__).parents[2] / 'examples' / 'deadlock.py'}::scenario"
SELF_ASK = """
import pykka

class Alone(pykka.ThreadingActor):
    def on_receive(self, message):
        return self.actor_ref.ask(message)

def scenario():
    Alone.start().ask("echo")

def holds():
    actor = Alone.start()
    actor.stop()
"""


class Counter(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


def wrong():
    counter = Counter.start()
    answer = counter.ask(1)
    counter.stop()
    assert answer == 2


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "alone.py").write_text(SELF_ASK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield "alone.py"
    sys.modules.pop("alone", None)


def found(scenario=wrong):
    return greenroom.explore(scenario).failure


def test_the_page_of_a_failure_tells_the_claim_the_replay_line_and_the_program():
    page = found().html()
    assert "AssertionError" in page
    assert "greenroom replay" in page
    assert re.search(r'class="failed"[^>]*><code>    assert answer == 2</code>', page)


def test_save_html_writes_the_page_and_says_where(tmp_path):
    path = found().save_html(tmp_path / "new" / "picture.html")
    assert path == tmp_path / "new" / "picture.html"
    assert path.read_text(encoding="utf-8") == found().html()


def test_the_default_folder_is_ignored_by_git_and_names_are_stable(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = pages.save(found())
    assert path.parent == Path(".greenroom")
    assert re.fullmatch(r"test_pages-wrong-AssertionError-[0-9a-f]{8}\.html", path.name)
    assert pages.save(found()) == path
    assert sorted(file.name for file in path.parent.iterdir()) == [".gitignore", path.name]
    assert (path.parent / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_another_schedule_is_another_page(tmp_path):
    failure = found()
    other = Failure(failure.error, Schedule(((3, "Counter-1"),)), failure.history, failure.scenario, failure.function)
    assert pages.save(failure, folder=tmp_path) != pages.save(other, folder=tmp_path)


def test_a_name_made_of_anything_is_a_file_name(tmp_path):
    failure = Failure(ValueError("so"), Schedule(), History([Event(0, "main", "note")]), "Machine.<locals>.a b/../c\ud800" * 9)
    path = pages.save(failure, folder=tmp_path)
    assert path.parent == tmp_path
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,100}\.html", path.name)


def test_a_place_that_cannot_be_written_is_a_clear_error_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cannot be written.*name a file in a folder that you may write to"):
        pages.write(tmp_path / "file" / "page.html", "text")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        pages.write(tmp_path / "folder.html", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.html"]


def test_a_program_of_ones_own_stands_in_the_place_of_the_file():
    page = pages.page(found(), program="def test_again():\n    machine = CounterMachine()\n")
    assert "machine = CounterMachine()" in page
    assert "assert answer == 2" not in page.replace("(test_pages.py", "").split('id="data"')[0].split("<main>")[1]


def test_what_a_checker_found_is_shown_with_the_operations():
    asked = Operation("reader", "get", (), 1, invoked=1, answered=2, answered_ns=0, asked="", gave="7")
    error = AssertionError("no order explains it")
    error.judgement = Judgement(Verdict.VIOLATED, "calls take effect at once", "7 was never put", refused=((asked, "it must answer 0"),))
    page = pages.page(Failure(error, Schedule(), History([Event(0, "main", "note")], operations=[asked]), "scenario"))
    assert "calls take effect at once" in page
    assert "7 was never put" in page
    assert "it must answer 0" in page


@pytest.mark.parametrize("command", ["explore", "exhaust"])
def test_the_command_line_writes_the_page_of_the_failure(command, program, capsys):
    assert main([command, f"{program}::scenario", "--html", "out/page.html"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == "page: out/page.html" or told[-1] == f"page: {Path('out/page.html')}"
    assert "waits for itself" in Path("out/page.html").read_text(encoding="utf-8")


def test_replay_writes_a_page_whether_it_fails_or_not(program, capsys):
    assert main(["replay", f"{program}::scenario", "g1:", "--html", "failed.html"]) == 1
    assert main(["replay", f"{program}::holds", "g1:", "--html", "held.html", "--max-steps", "500"]) == 0
    assert "Alone-1" in Path("failed.html").read_text(encoding="utf-8")
    held = Path("held.html").read_text(encoding="utf-8")
    assert "No failure under g1:" in held
    assert "greenroom replay alone.py::holds &#x27;g1:&#x27; --max-steps 500" in held
    assert capsys.readouterr().out.count("page: ") == 2


def test_json_stays_json_and_the_page_is_told_beside_it(program, capsys):
    import json  # noqa: PLC0415 - only here

    assert main(["explore", f"{program}::scenario", "--html", "page.html", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["failure"]["error"] == "SelfAsk"
    assert told.err == "page: page.html\n"


def test_where_nothing_failed_no_page_is_written_and_that_is_said(program, capsys):
    assert main(["explore", f"{program}::holds", "-n", "3", "--html", "page.html"]) == 0
    assert "nothing failed: page.html was not written" in capsys.readouterr().err
    assert not Path("page.html").exists()


def test_the_page_is_the_same_in_another_process_with_another_hash_seed(tmp_path):
    def written(name, seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        path = tmp_path / name
        argv = [sys.executable, "-m", "greenroom", "explore", DEADLOCK, "--html", str(path)]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr
        return path.read_bytes()

    assert written("one.html", "1") == written("other.html", "2")
