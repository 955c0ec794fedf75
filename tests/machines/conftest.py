"""Scenarios stand in modules of their own: what they assert is told as what a test asserts."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.machines.scopes_of_parts", "tests.machines.scopes_of_requests", "tests.machines.scopes_of_the_store")
