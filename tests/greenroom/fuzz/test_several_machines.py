"""Machines that share a Redis find each other's failures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import greenroom
from greenroom.cli import main
from tests.services import own_redis, redis_server, redis_url

__all__ = ["own_redis", "redis_server", "redis_url"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.integration]
TESTS = """
from hypothesis import given, strategies as st

@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_sum(a, b):
    assert a + b < 1_500_000, "too much"
"""


def test_a_failure_that_one_machine_has_saved_is_reported_by_another(redis_url, tmp_path, monkeypatch, no_other_plugins):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(greenroom.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]))
    examples = {"first": "300", "second": "1"}
    for machine, count in examples.items():
        folder = tmp_path / machine
        folder.mkdir()
        monkeypatch.chdir(folder)
        (folder / "test_shared.py").write_text(TESTS, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        options = ["--database", redis_url, "--examples", count, "--workers", "1", "--output", "out"]
        assert main(["fuzz", "test_shared.py", *options]) == 1
        (failure,) = json.loads(Path("out/summary.json").read_text(encoding="utf-8"))["failures"]
        assert failure["message"].startswith("too much")
        assert "a=500000,\n    b=1000000," in failure["text"]
