"""JSON texts that are hostile before they are requests, by name: for whoever parses them."""

import json

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


def _nested(depth: int) -> str:
    return '{"topic": ' + "[" * depth + "]" * depth + "}"


def _oversized(size: int) -> str:
    return json.dumps({"topic": "a" * size})


def _huge_number(digits: int) -> str:
    return '{"topic": "cats", "target_score": ' + "9" * digits + "}"


def _repeated(key: str) -> str:
    return f'{{"topic": "cats", "{key}": "tea", "{key}": "coffee"}}'


def _many_keys(count: int) -> str:
    return json.dumps({"topic": "cats"} | {f"key{number}": number for number in range(count)})


DOCUMENTS: dict[str, SearchStrategy[str]] = {
    "deeply nested": st.sampled_from((100, 1_000, 100_000)).map(_nested),
    "oversized": st.integers(16, 22).map(lambda bits: _oversized(2**bits)),
    "duplicate keys": st.sampled_from(("topic", "request_id", "format")).map(_repeated),
    "many keys": st.sampled_from((1_000, 10_000)).map(_many_keys),
    "huge numbers": st.sampled_from((400, 5_000)).map(_huge_number),
    "numbers that JSON lacks": st.sampled_from(("NaN", "Infinity", "-Infinity")).map(
        lambda word: f'{{"topic": "cats", "target_score": {word}}}'
    ),
    "escaped lone surrogates": st.sampled_from(("\\ud800", "\\udfff", "\\ud83d\\u0041")).map(lambda escape: f'{{"topic": "{escape}"}}'),
    "not JSON": st.sampled_from(("", "{", "nul", "{'topic': 'cats'}", '{"topic": "cats",}', "\ufeff{}", '{"topic": "cats"} {}')),
    "not an object": st.sampled_from(("null", "[]", '"cats"', "0", "true", '[{"topic": "cats"}]')),
}
