"""A service for contract tests: the real one, with pictures that are quick to draw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.settings import Settings


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    settings = Settings(
        database_url=f"sqlite:///{tmp_path_factory.mktemp('contracts') / 'memes.db'}",
        user_burst=1_000_000,
        user_rate_per_s=10_000,
        image_width=64,
        image_height=48,
        health_period_s=0,
        contract_share=1.0,
    )
    with start_pipeline(settings, configured_ports(settings)) as pipeline:
        yield create_app(pipeline, settings)


@pytest.fixture(scope="module")
def published():
    """The contract as its consumers have it."""
    return json.loads((Path(__file__).parent / "openapi.json").read_text(encoding="utf-8"))
