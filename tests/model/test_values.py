"""Keys and ids; names shared with the service; the model knows the standard library and itself."""

import ast
import sys
from dataclasses import fields, replace
from pathlib import Path

from dspy_meme_gen import domain
from model import values
from model.values import Payload, Request, request_from

MODEL = Path(values.__file__).parent


def test_every_field_of_the_payload_changes_the_key():
    payload = Payload("cats")
    others = Payload("tea", "drake", "dry", "at work", 2, 0.5)
    changed = [replace(payload, **{field.name: getattr(others, field.name)}).key for field in fields(Payload)]
    assert len({payload.key, *changed}) == len(changed) + 1


def test_who_asks_is_not_part_of_the_payload():
    request = domain.GenerateMeme("r1", "cats", user_id="ann", priority=domain.Priority.HIGH, deadline_s=7.0)
    assert request_from(request) == Request("r1", Payload("cats"), 7.0)


def test_the_model_and_the_service_call_the_same_things_by_the_same_names():
    for name in ("Meme", "ImageRef", "Score", "Verification", "Rejected", "Failed", "Cancelled", "TimedOut"):
        assert [f.name for f in fields(getattr(values, name))] == [f.name for f in fields(getattr(domain, name))], name


def test_the_model_imports_the_standard_library_and_itself_alone():
    imported = {
        (path.name, name.partition(".")[0])
        for path in MODEL.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported
    assert {(file, package) for file, package in imported if package not in {*sys.stdlib_module_names, "model"}} == set()


def test_the_model_has_no_clock_no_chance_and_no_thread():
    banned = {"time", "datetime", "random", "uuid", "secrets", "threading", "asyncio", "os", "pathlib", "io", "socket", "subprocess"}
    text = {path.name: ast.parse(path.read_text()) for path in MODEL.glob("*.py")}
    found = [
        (file, alias.name) for file, tree in text.items() for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    ] + [(file, node.module) for file, tree in text.items() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [(file, module) for file, module in found if module.partition(".")[0] in banned] == []
