"""Values, and what makes a request fit for use."""

import hashlib
import math
import pickle
from typing import Any

import pytest

from dspy_meme_gen.domain import (
    FORMATS,
    Cancelled,
    Failed,
    GenerateMeme,
    Priority,
    Rejected,
    Score,
    ScoreParts,
    TimedOut,
    Verification,
    meme_id,
    payload_key,
    terminal_stage,
    validate,
)
from dspy_meme_gen.errors import InvalidRequest
from tests.memespy.fakes import request


def test_text_is_normalised() -> None:
    fit = validate(request(topic="  cafe\u0301 \t\n noir ", style=" dry  wit ", context=" a\u00a0b "))
    assert (fit.topic, fit.style, fit.context) == ("café noir", "dry wit", "a b")
    assert validate(fit) == fit


def test_ids_are_left_as_they_are() -> None:
    fit = validate(request(" r 1 ", user_id="e\u0301"))
    assert (fit.request_id, fit.user_id) == (" r 1 ", "e\u0301")


@pytest.mark.parametrize(
    "fields",
    [
        {"topic": "x" * 100},
        {"topic": " " + "x" * 100 + " "},
        {"topic": "e\u0301" * 100},
        {"topic": "🦄"},
        {"style": "x" * 50},
        {"context": "x" * 1000},
        {"context": ""},
        {"request_id": "x" * 128},
        {"max_refinements": 0},
        {"target_score": 1},
        {"deadline_s": 300},
        {"deadline_s": 1e-9},
        {"priority": Priority.HIGH},
        *({"format": each} for each in FORMATS),
    ],
)
def test_what_is_within_the_limits_is_accepted(fields: dict[str, Any]) -> None:
    validate(GenerateMeme(**{"request_id": "r", "topic": "t", **fields}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("topic", ""),
        ("topic", " \n "),
        ("topic", "x" * 101),
        ("topic", "a\x00b"),
        ("topic", "a\x1bb"),
        ("topic", "a\x9bb"),
        ("topic", "a\ud800b"),
        ("topic", None),
        ("topic", b"cats"),
        ("format", "unknown"),
        ("format", "x" * 51),
        ("format", ""),
        ("format", None),
        ("style", ""),
        ("style", "x" * 51),
        ("style", 3),
        ("context", "x" * 1001),
        ("context", "\x7f"),
        ("request_id", ""),
        ("request_id", "x" * 129),
        ("request_id", "a\nb"),
        ("request_id", "\udc80"),
        ("request_id", 7),
        ("user_id", ""),
        ("user_id", "\t"),
        ("priority", "high"),
        ("priority", None),
        ("max_refinements", True),
        ("max_refinements", -1),
        ("max_refinements", 4),
        ("max_refinements", 2.0),
        ("target_score", math.nan),
        ("target_score", math.inf),
        ("target_score", -0.1),
        ("target_score", 1.1),
        ("target_score", True),
        ("target_score", "0.5"),
        ("deadline_s", 0),
        ("deadline_s", -1),
        ("deadline_s", 300.1),
        ("deadline_s", math.nan),
        ("deadline_s", 10**400),
        ("deadline_s", None),
    ],
)
def test_what_is_out_of_limits_is_refused_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        GenerateMeme.create(**{"request_id": "r", "topic": "t", field: value})
    assert refused.value.field == field
    assert refused.value.reason
    assert [name for name, _ in refused.value.problems] == [field]


def test_every_problem_is_listed() -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(GenerateMeme("", "", "nope", "", "x" * 1001, "", None, 9, 2.0, -1.0))  # type: ignore[arg-type]
    assert len(refused.value.problems) == 10
    assert pickle.loads(pickle.dumps(refused.value)).problems == refused.value.problems


def test_equal_numbers_make_equal_payloads() -> None:
    assert payload_key(validate(request(target_score=0))) == payload_key(validate(request(target_score=-0.0)))
    assert payload_key(validate(request(target_score=1))) == payload_key(validate(request(target_score=1.0)))


def test_a_payload_key_goes_by_the_payload_alone() -> None:
    key = payload_key(validate(request()))
    assert key == payload_key(validate(request("other", user_id="x", priority=Priority.LOW, deadline_s=5)))
    assert (
        key
        == hashlib.sha256(
            b'{"context":null,"format":"classic","max_refinements":3,"style":null,"target_score":0.7,"topic":"cats"}'
        ).hexdigest()
    )
    assert meme_id(key) == f"m-{key[:16]}"


def test_a_score_is_weighed_and_cut() -> None:
    parts = ScoreParts(1.0, 0.5, 0.25, 0.75)
    assert Score.of(parts, unfactual=False, doubtful=False).total == 0.675
    assert Score.of(parts, unfactual=True, doubtful=False).total == 0.4725
    assert Score.of(parts, unfactual=True, doubtful=True).total == 0.23625


@pytest.mark.parametrize("mark", [math.nan, -0.1, 1.1, True, None])
def test_marks_out_of_range_are_refused(mark: Any) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        ScoreParts(0.5, mark, 0.5, 0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        Verification("factuality", passed=True, score=mark, reason="")


def test_every_outcome_has_a_terminal_stage() -> None:
    outcomes = (Rejected(()), Failed("E", "text"), Cancelled(), TimedOut())
    assert [terminal_stage(outcome) for outcome in outcomes] == ["rejected", "failed", "cancelled", "timed_out"]
