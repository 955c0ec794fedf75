"""JSON texts that are hostile before they are requests, by name: for whoever parses them."""

import json
from itertools import product

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from strategies.nasty import PARSING


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


def _of_one_hash(bits: int) -> str:
    """2 ** bits keys that are one to Java's hash of texts, 31 h + c: "Aa" and "BB" are the same there, and so is all that is made of them.

    Klink and Wälde, "Efficient Denial of Service Attacks on Web Application Platforms" (28C3, 2011). Python's own hash is keyed.
    """
    return json.dumps({"topic": "cats"} | dict.fromkeys(map("".join, product(("Aa", "BB"), repeat=bits)), 0))


DOCUMENTS: dict[str, SearchStrategy[str]] = {
    "deeply nested": st.sampled_from((100, 1_000, 100_000)).map(_nested),
    "oversized": st.integers(16, 22).map(lambda bits: _oversized(2**bits)),
    "duplicate keys": st.sampled_from(("topic", "request_id", "format")).map(_repeated),
    "many keys": st.sampled_from((1_000, 10_000)).map(_many_keys),
    "keys of one hash": st.sampled_from((8, 10, 12)).map(_of_one_hash),
    "huge numbers": st.sampled_from((400, 5_000)).map(_huge_number),
    "numbers that JSON lacks": st.sampled_from(("NaN", "Infinity", "-Infinity")).map(
        lambda word: f'{{"topic": "cats", "target_score": {word}}}'
    ),
    "escaped lone surrogates": st.sampled_from(("\\ud800", "\\udfff", "\\ud83d\\u0041")).map(lambda escape: f'{{"topic": "{escape}"}}'),
    "not JSON": st.sampled_from(tuple(PARSING.values())),
    "not an object": st.sampled_from(("null", "[]", '"cats"', "0", "true", '[{"topic": "cats"}]')),
}
