"""Every mutant is whole and still applies; a kill is told from a survival, from a run without an end, and from a child that died."""

from __future__ import annotations

import dataclasses
import json

import pytest

from benchmarks.mutants import __main__ as command
from benchmarks.mutants import mutant as mutant_module
from benchmarks.mutants import plan, table
from benchmarks.mutants.cell import Cell, Result, Results
from benchmarks.mutants.children import Budget, Children, _Nursery
from benchmarks.mutants.mutant import CLASSES, SERVICE, UNCHANGED, MutantInvalid, copy_service, mutants, plant, read
from machines.__main__ import MACHINES

KNOWN = (
    "per-request state kept on the actor",
    "a reply lost when the handler raises",
    "restart under the same name before the old one let go of its port",
    "a restart counter that never slides",
    "escalation dropped",
    "a stop that waits for one more message",
    "an ask to a stopped actor that queues for ever",
    "admitted-then-dropped work that leaks its slot",
    "a rejection nobody is told of",
    "rejected calls that keep a breaker open for ever",
    "two probes in half-open",
    '"LRU" that is FIFO',
    'ttl 0 taken as "default"',
    "a cache key that ignores a field",
    "stolen work stranded or run twice",
    "TIMED_OUT overwritten by COMPLETED",
    "an event broadcast cut short by the first dead subscriber",
    "messages dropped by an overflow policy without a count",
)
"""What published actor code has been seen to do wrong; the machines must be able to find each."""
EVERY = {each.name: each for each in mutants()}
HEADER = "What:    Something is wrong.\nClass:   leak\nMachine: cache\n\n"
DIFF = """\
--- a/src/dspy_meme_gen/names.py
+++ b/src/dspy_meme_gen/names.py
@@ -22,2 +22,2 @@
-SUPERVISOR = {0}
+SUPERVISOR = {1}
 STORE = {2}
"""
FITS = DIFF.format('"supervisor"', '"the supervisor"', '"store"')


def patch_file(folder, text, name="a-fault"):
    path = folder / f"{name}.patch"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    copy_service(folder)
    return folder


@pytest.mark.parametrize("name", EVERY)
def test_a_mutant_is_whole_and_applies_and_compiles(name, service):
    mutant = EVERY[name]
    assert mutant.machine in MACHINES
    assert not mutant.known or mutant.known in KNOWN
    assert mutant.files
    before = {}
    for file in mutant.files:
        assert file.is_relative_to(SERVICE)
        before[file] = (service / file).read_text(encoding="utf-8")
    plant(mutant, service)
    try:
        for file, text in before.items():
            changed = (service / file).read_text(encoding="utf-8")
            assert changed != text
            compile(changed, str(file), "exec")
    finally:
        for file, text in before.items():
            (service / file).write_text(text, encoding="utf-8")


def test_there_are_mutants_of_every_class_and_of_every_known_fault():
    assert {mutant.bug_class for mutant in EVERY.values()} == set(CLASSES)
    assert {mutant.known for mutant in EVERY.values()} - {""} == set(KNOWN)
    assert len(EVERY) >= 60


def test_no_two_mutants_are_the_same_fault():
    assert len({mutant.digest for mutant in EVERY.values()}) == len(EVERY)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEADER, "no line begins with '--- a/'"),
        (HEADER.replace("Machine: cache\n", "") + FITS, "lacks Machine:"),
        (HEADER.replace("leak", "bad luck") + FITS, "'bad luck' is no class"),
        ("A fault.\n" + HEADER + FITS, "'A fault.' is no line of a header"),
    ],
)
def test_a_patch_file_that_lacks_something_says_what(text, complaint, tmp_path):
    with pytest.raises(MutantInvalid, match=complaint):
        read(patch_file(tmp_path, text))


@pytest.mark.parametrize("tool", ["git", "patch"])
def test_a_patch_applies_exactly_or_is_refused(tool, tmp_path, monkeypatch):
    there = mutant_module.shutil.which
    if there(tool) is None:
        pytest.skip(f"{tool} is not installed")
    monkeypatch.setattr(mutant_module.shutil, "which", lambda name: there(name) if name == tool else None)
    copy_service(tmp_path)
    plant(read(patch_file(tmp_path, HEADER + FITS)), tmp_path)
    assert 'SUPERVISOR = "the supervisor"' in (tmp_path / SERVICE / "names.py").read_text(encoding="utf-8")
    with pytest.raises(MutantInvalid, match="does not apply"):
        plant(read(patch_file(tmp_path, HEADER + DIFF.format('"boss"', '"chief"', '"store"'))), tmp_path)


def test_without_git_and_patch_it_says_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(mutant_module.shutil, "which", lambda _: None)
    with pytest.raises(MutantInvalid, match="neither git nor patch"):
        plant(read(patch_file(tmp_path, HEADER + FITS)), tmp_path)


@pytest.fixture(scope="module")
def children():
    with Children() as running:
        yield running


VERSIONS = plan.Versions(tuple(EVERY.values()), MACHINES)


def test_a_run_kills_a_mutant_and_lets_the_service_itself_live(children):
    mutant = EVERY["breaker-opens-one-failure-late"]
    (killed,) = children.run(mutant, [Cell(mutant.name, "breaker", "stage", 0)], Budget(shrink=True), VERSIONS)
    assert (killed.verdict, killed.error.partition(":")[0]) == ("killed", "AssertionError")
    assert killed.rules is not None
    assert killed.rules > 0
    cells = [Cell(UNCHANGED, "breaker", mode, 0) for mode in ("stage", "random")]
    survived, walked = children.run(None, cells, Budget(examples=3), VERSIONS)
    assert [survived.verdict, walked.verdict] == ["survived"] * 2
    assert survived.example >= 3


def test_a_run_without_an_end_is_undecided_and_the_next_one_is_run_all_the_same(monkeypatch):
    cells = [Cell(UNCHANGED, "flow", "stage", 0), Cell(UNCHANGED, "flow", "stage", 1)]
    given = iter([None, json.dumps({"verdict": "survived", "example": 1, "error": "", "cpu_s": 0.1}), json.dumps({"ended": 0})])
    monkeypatch.setattr(_Nursery, "next_line", lambda self, timeout_s: next(given))
    with Children() as children:
        first, second = children.run(None, cells, Budget(examples=1), VERSIONS)
    assert (first.verdict, first.error) == ("undecided", "no end after 900 real seconds")
    assert second.verdict == "survived"


def test_a_child_that_dies_is_undecided_and_says_why(children):
    (found,) = children.run(None, [Cell(UNCHANGED, "nosuch", "stage", 0)], Budget(examples=1), VERSIONS)
    assert found.verdict == "undecided"
    assert "KeyError: 'nosuch'" in found.error


def test_results_are_kept_and_void_with_another_patch_machine_or_budget(tmp_path):
    mutant = EVERY["window-lets-one-more-in"]
    versions = plan.Versions([mutant], MACHINES)
    cell = Cell(mutant.name, "flow", "stage", 0)
    result = Result("killed", 3, "AssertionError: no", 1.0, 150, versions.of(cell))
    results = Results(tmp_path / "results.jsonl")
    results.add(cell, result)
    results.add(Cell("gone", "flow", "stage", 0), result)
    results.tidy([mutant.name])
    again = Results(tmp_path / "results.jsonl")
    assert again.by_cell == {cell: result}
    assert plan.missing([cell], again, versions, Budget()) == []
    assert plan.missing([cell], again, versions, Budget(examples=200)) == [cell]
    assert plan.missing([cell], again, versions, Budget(shrink=True)) == [cell]
    changed = plan.Versions([dataclasses.replace(mutant, diff=mutant.diff + " ")], MACHINES)
    assert plan.missing([cell], again, changed, Budget()) == [cell]


def test_the_table_shows_kills_survivals_and_what_must_not_be(tmp_path):
    one, other = EVERY["window-lets-one-more-in"], EVERY["low-priority-starves"]
    results = Results(tmp_path / "results.jsonl")

    def add(*cell, found, example=0, **size):
        results.add(Cell(*cell), Result(found, example, "", 1.0, 150, ("", ""), **size))

    for seed, example in enumerate((4, 9, 2)):
        add(one.name, "flow", "stage", seed, found="killed", example=example, **({"rules": 3, "deviations": 1} if seed == 0 else {}))
    add(one.name, "cache", "stage", 0, found="survived", example=150)
    add(one.name, "flow", "random", 0, found="killed", example=70)
    add(one.name, "flow", "random", 1, found="survived", example=150)
    add(one.name, "flow", "threads", 0, found="undecided")
    add(other.name, "flow", "stage", 0, found="survived", example=150)
    add(UNCHANGED, "flow", "stage", 0, found="killed", example=7)
    shown = table.text([one, other], results, ["cache", "flow"], VERSIONS)
    row = next(line for line in shown.splitlines() if line.startswith(one.name))
    assert row.split() == [one.name, "-", "4*", "3", "+", "1", "70", "(1/2)", "?"]
    assert "1 of 2 mutants are killed" in shown
    assert f"{other.name} survives" in shown
    assert "the unchanged service: flow, stage, seed 0: killed" in shown
    assert "8 of 8 runs are of an earlier version" in shown
    assert "cache, stage, seed 0 has not been run over the service as it is" in shown
    assert "flow, stage, seed 0 has not been run" not in shown
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGINS}\nold\n{table.ENDS}\nafter\n", encoding="utf-8")
    table.write(page, [one, other], results, ["cache", "flow"], VERSIONS)
    written = page.read_text(encoding="utf-8")
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "old" not in written
    assert "| **4** |" in written
    page.write_text("nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the lines"):
        table.write(page, [one], results, ["flow"], VERSIONS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--machines", "nosuch"], "there is no machine 'nosuch'"), (["--mutants", "nosuch*"], "no mutant is named like 'nosuch*'")],
)
def test_a_command_that_makes_no_sense_says_so(arguments, complaint, capsys):
    assert command.main(arguments) == 2
    assert complaint in capsys.readouterr().err


def test_a_run_that_is_interrupted_shows_the_table_so_far(capsys, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command.Matrix, "_run", interrupted)
    arguments = ["--mutants", "cache-is-first*", "--expected", "--mode", "stage", "--seeds", "0", "--results", str(tmp_path / "results")]
    assert command.main(arguments) == 130
    shown = capsys.readouterr()
    assert "cache-is-first-in-first-out" in shown.out
    assert "interrupted" in shown.err
