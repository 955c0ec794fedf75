"""docs/strategies.md names every class of every table, in order, with its simplest example as it is drawn, and who uses the table."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from dspy_meme_gen.domain import GenerateMeme
from strategies.classes import BODIES, CLASSES, DOCUMENTS, SEQUENCES, TRAFFIC
from strategies.nasty import NASTY, PARSING
from strategies.traffic import Visit
from tests.strategies.drawn import shrunk, simplest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
TABLES = {"CLASSES": CLASSES, "SEQUENCES": SEQUENCES, "DOCUMENTS": DOCUMENTS, "BODIES": BODIES, "TRAFFIC": TRAFFIC}
USUAL = GenerateMeme("r1", "cats")
SMALLEST_BY_THE_SCHEMA = GenerateMeme("0", "0")
LONG = 64


def shown(value) -> str:
    """As it stands in the table: in ASCII, what is long cut, of a request only what is not the simplest one's."""
    match value:
        case str():
            return ascii(value) if len(ascii(value)) <= LONG else f"{value[:8]!a}… {len(value)} characters"
        case GenerateMeme():
            odd = [
                (f.name, getattr(value, f.name)) for f in fields(value) if shown(getattr(value, f.name)) != shown(getattr(USUAL, f.name))
            ]
            return ", ".join(f"{name}={shown(each)}" for name, each in odd) or "r1, cats"
        case Visit():
            own = [
                f"{f.name}={getattr(value, f.name)}" for f in fields(value) if f.name != "request" and getattr(value, f.name) != f.default
            ]
            return " ".join([value.request.request_id, *own])
        case tuple():
            return "; ".join(map(shown, value))
        case dict():
            return "{" + ", ".join(f"{key!r}: {shown(each)}" for key, each in value.items()) + "}"
    return ascii(value)


def code(text: str) -> str:
    """As a code span."""
    return f"``{text}``" if "`" in text else f"`{text}`"


def example(name: str, strategy) -> str:
    """The simplest of a class; that of the request's own schema takes long to find, for its patterns refuse what is tried first."""
    return code(shown(SMALLEST_BY_THE_SCHEMA if name == "by the schema" else simplest(strategy)))


@pytest.mark.slow
def test_what_is_drawn_by_the_schema_shrinks_to_two_characters():
    assert shrunk(CLASSES["by the schema"], lambda _: True) == SMALLEST_BY_THE_SCHEMA


def section(name: str) -> str:
    """What the page says under a heading that names the table."""
    parts = re.split(r"^## .*`(\w+)`.*$", PAGE, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[name]


def rows(name: str) -> list[list[str]]:
    lines = [line for line in section(name).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:] if not line.startswith("|--")]


@pytest.mark.parametrize("table", TABLES)
def test_the_page_names_every_class_in_order(table):
    assert [row[0] for row in rows(table)] == list(TABLES[table])


@pytest.mark.parametrize("table", TABLES)
def test_each_example_on_the_page_is_the_simplest(table):
    assert {row[0]: row[2] for row in rows(table)} == {name: example(name, strategy) for name, strategy in TABLES[table].items()}


def test_no_two_classes_are_after_the_same():
    aims = [row[1] for table in TABLES for row in rows(table)]
    assert all(aims)
    assert len(set(aims)) == len(aims)


@pytest.mark.parametrize("table", TABLES)
def test_who_is_said_to_use_a_table_does(table):
    users = re.findall(r"\]\(\.\./([\w/]+\.py)\)", section(table).split("Used by", 1)[1].split("\n\n", 1)[0])
    assert users
    for user in users:
        assert re.search(rf"\b{table}\b", (ROOT / user).read_text(encoding="utf-8")), user


def test_the_page_says_how_many_nasty_strings_there_are():
    assert f"{sum(map(len, NASTY.values()))} strings" in PAGE
    assert f"{len(PARSING)} documents" in PAGE
