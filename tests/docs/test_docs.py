"""What the documentation shows is what happens: its files are written, its commands are run, its outputs are compared."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import greenroom
from tests.plugins import NO_OTHERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
INSTALLING = "pip install"  # as it stands in the documentation, the only command that is not run


class Block(NamedTuple):
    language: str
    text: str


class Call(NamedTuple):
    command: str
    expected: str


def blocks(page):
    return [Block(*match.groups()) for match in FENCE.finditer((DOCS / page).read_text(encoding="utf-8"))]


def calls(text):
    """Each command of a console block with the lines below it."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    assert not parts[0], f"a console block begins with a command: {text}"
    return [Call(command, expected) for command, expected in zip(parts[1::2], parts[2::2], strict=True)]


def pattern_of(expected):
    """What is shown, line for line; … stands for anything: within a line, or for lines on a line of its own."""
    lines = expected.splitlines()
    parts = [r"(?:.*\n)*" if line.strip() == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in lines]
    return re.compile("".join(parts))


def run(command, folder):
    """What a shell would print; greenroom and pytest are those of this checkout."""
    words = shlex.split(command)
    modules = {
        "greenroom": ["-m", "greenroom"],
        "memespy": ["-m", "dspy_meme_gen"],
        "pytest": ["-m", "pytest", "-p", "no:cacheprovider"],
        "python": [],
    }
    source = os.pathsep.join([str(Path(greenroom.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **NO_OTHERS, "PYTHONPATH": source, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment["PYTHONHASHSEED"] = "0"  # as the command does for itself, which then starts twice
    environment["CI"] = "1"  # Hypothesis draws the same examples each time, and sets no deadline
    argv = [sys.executable, *modules[words[0]], *words[1:]]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False)
    return done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_every_block_of_a_page_does_what_the_page_says(page, tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for block in blocks(page):
        if block.language == "python":
            name = re.match(r"# (\w+\.py)\n", block.text)
            assert name, f"a Python block begins with the name of its file, as in # points.py: {block.text}"
            (tmp_path / name[1]).write_text(block.text, encoding="utf-8")
            continue
        if block.language == "text":  # measured once, and dated
            continue
        assert block.language == "console", f"{page} has a block that no test runs: {block.text}"
        for call in calls(block.text):
            if call.command.startswith(INSTALLING):
                continue
            printed, complaint = run(call.command, tmp_path)
            same = pattern_of(call.expected).fullmatch(printed)
            assert same, f"$ {call.command}\nis said to print\n{call.expected}\nbut prints\n{printed}\n{complaint}"


@pytest.fixture
def with_the_bug(tmp_path, monkeypatch):
    """``with_the_bug(module)``: a module of check-your-actors.md, over the actors as they were before the correction."""
    files = {}
    for block in blocks("check-your-actors.md"):
        if block.language == "python":
            files.setdefault(block.text.split()[1], block.text)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module
    for name in files:
        sys.modules.pop(name.removesuffix(".py"), None)


def test_what_checks_the_correction_on_the_page_finds_the_bug(with_the_bug):
    quick = settings(max_examples=300, stateful_step_count=15, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    with pytest.raises(AssertionError, match="50 points redeemed, 60 left"):
        with_the_bug("test_points").test_no_point_is_lost_or_made_twice()
    with pytest.raises(AssertionError):
        quick(with_the_bug("test_points_drawn").test_points_add_up)()
    with pytest.raises(AssertionError):
        run_state_machine_as_test(with_the_bug("test_points_machine").PointsMachine, settings=quick)


def test_every_python_file_of_a_page_is_used_by_a_command():
    for page in DOCS.glob("*.md"):
        commands = " ".join(call.command for block in blocks(page) if block.language == "console" for call in calls(block.text))
        files = {block.text.split()[1] for block in blocks(page) if block.language == "python"}
        sources = "".join(block.text for block in blocks(page) if block.language == "python")
        assert [name for name in files if name not in commands and f"from {name[:-3]} import" not in sources] == []


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in sorted(DOCS.glob("*.md")))])
def test_every_link_to_a_file_leads_somewhere(page):
    assert [target for target in links(page) if not ((ROOT / page).parent / target).exists()] == []


def test_the_readme_leads_to_the_documentation():
    assert {"docs/check-your-actors.md", "docs/how-it-works.md", "examples"} <= set(links("README.md"))


def links(page):
    """The files that a page links to."""
    return [target for target in LINK.findall((ROOT / page).read_text(encoding="utf-8")) if "://" not in target]
