"""The published contract, an OpenAPI document, held against an answer: its status, media type, required headers and body.

It needs `jsonschema`, which the extra `monitoring` brings.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from dspy_meme_gen.api.answered import Answered, Break

__all__ = ["Contract"]


class Contract:
    """An OpenAPI 3.1 document. Only what it describes is judged: of a path or a method that it does not know nothing is said."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._validators: dict[tuple[str, str, int, str], Draft202012Validator] = {}

    def knows(self, method: str, route: str) -> bool:
        """Whether the document has this operation."""
        return method.lower() in self._document["paths"].get(route, {})

    def reads_body(self, answered: Answered) -> bool:
        """Whether there is a schema that the body can be held against."""
        return answered.media_type.endswith("json") and bool(self._schema(answered))

    def breaks(self, answered: Answered) -> Iterator[Break]:
        """What is not as published, the body aside."""
        described = self._described(answered)
        if described is None:
            yield Break("status", "responses")
            return
        for name, header in described.get("headers", {}).items():
            if header.get("required") and name.lower() not in answered.headers:
                yield Break("header", name)
        content = described.get("content")
        if content and answered.media_type not in content:
            yield Break("media type", ", ".join(sorted(content)))

    def body_breaks(self, answered: Answered, body: bytes) -> Iterator[Break]:
        """The first rule that the body breaks, as a path in its schema. Takes about a millisecond a kilobyte."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            yield Break("body", "JSON")
            return
        error = next(self._validator(answered).iter_errors(document), None)
        if error is not None:
            # The schema's own path: the body's, and the error's text, may hold what a user sent.
            yield Break("body", "/".join(map(str, error.absolute_schema_path)))

    def _described(self, answered: Answered) -> dict[str, Any] | None:
        responses = self._document["paths"][answered.route][answered.method.lower()]["responses"]
        names = (str(answered.status), f"{answered.status // 100}XX", "default")
        return next((responses[name] for name in names if name in responses), None)

    def _schema(self, answered: Answered) -> dict[str, Any]:
        content = (self._described(answered) or {}).get("content", {})
        schema: dict[str, Any] = content.get(answered.media_type, {}).get("schema", {})
        return schema

    def _validator(self, answered: Answered) -> Draft202012Validator:
        key = (answered.method, answered.route, answered.status, answered.media_type)
        if key not in self._validators:
            # The components beside it, for the schema's references go there.
            schema = {**self._schema(answered), "components": self._document.get("components", {})}
            self._validators[key] = Draft202012Validator(schema)
        return self._validators[key]
