"""The service's published contract, held against what it answers."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft202012Validator

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.settings import Settings
from model.http_answers import Illegal

if TYPE_CHECKING:
    from model.http import Sent
    from model.http_answers import Answer

UNDOCUMENTED: Final = frozenset({307, 404, 405, 413})
"""What any path may answer: it is another, or knows another method, or is sent too much."""


@cache
def published() -> dict[str, Any]:
    """The OpenAPI document. It does not depend on the pipeline, so none is started for it."""
    nobody: Any = None
    document: dict[str, Any] = create_app(nobody, Settings()).openapi()
    return document


def hold(sent: Sent, answer: Answer) -> None:
    """Raise Illegal if the contract does not know such an answer."""
    if sent.method == "HEAD":
        return
    operation = _operation(sent.path, sent.method.lower())
    described = (operation or {"responses": {}})["responses"].get(str(answer.status))
    if described is None:
        if operation is not None and answer.status not in UNDOCUMENTED:
            raise Illegal(f"{answer.status} is not in the contract of {sent.method} {sent.path}")
        return
    for name, header in described.get("headers", {}).items():
        value = answer.header(name.lower())
        if header.get("required") and value is None:
            raise Illegal(f"{sent.method} {sent.path} answers {answer.status} without {name}")
    content = described.get("content")
    if not content:
        return
    if answer.media_type not in content:
        raise Illegal(f"{sent.method} {sent.path} answers {answer.status} with {answer.media_type!r}, expected one of {sorted(content)}")
    if answer.media_type.endswith("json"):
        wrong = _wrong(sent.method.lower(), _template(sent.path), answer.status, answer.media_type, answer.body)
        if wrong is not None:
            raise Illegal(f"the answer {answer.status} to {sent.method} {sent.path} does not fit its schema: {wrong}")


@lru_cache(maxsize=4096)
def _wrong(method: str, template: str, status: int, media_type: str, body: bytes) -> str | None:
    """What of a body does not fit its schema; many bodies come again and again."""
    error = next(_validator(method, template, status, media_type).iter_errors(json.loads(body)), None)
    return None if error is None else error.message


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    paths = sorted(published()["paths"], key=lambda path: path.count("{"))
    return tuple((re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)), re.DOTALL), path) for path in paths)


def _template(path: str) -> str:
    return next((template for pattern, template in _patterns() if pattern.fullmatch(path)), "")


def _operation(path: str, method: str) -> dict[str, Any] | None:
    operation: dict[str, Any] | None = published()["paths"].get(_template(path), {}).get(method)
    return operation


@cache
def _validator(method: str, template: str, status: int, media_type: str) -> Draft202012Validator:
    document = published()
    schema = document["paths"][template][method]["responses"][str(status)]["content"][media_type].get("schema", {})
    return Draft202012Validator({**schema, "components": document["components"]})
