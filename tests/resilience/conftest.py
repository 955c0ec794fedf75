"""A served MemesPy of the test's own, in processes of its own, and the real servers beside it."""

from __future__ import annotations

import pytest

from tests.resilience.outages import Watch
from tests.resilience.served import Served
from tests.services import own_postgres, own_redis, postgres, postgres_url, redis_server, redis_url

__all__ = ["own_postgres", "own_redis", "postgres", "postgres_url", "redis_server", "redis_url"]


@pytest.fixture
def outage(record_property):
    """Takes the times of the test's outage, for the summary at the end of the run."""
    return Watch(record_property)


@pytest.fixture
def served(tmp_path):
    """``served(DATABASE_URL=…)``: memespy serve with these variables, ended after the test."""
    running = []

    def start(**environment):
        running.append(Served(tmp_path, environment))
        return running[-1]

    yield start
    for each in running:
        each.end()
