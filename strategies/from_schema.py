"""Requests from their JSON schema, and requests that break it.

hypothesis-jsonschema 0.23.1 walks Hypothesis's private `many` with `.more()`, which Hypothesis 6.170.10 took away: every object schema then
fails with AttributeError. `_Elements` puts the method back, for hypothesis-jsonschema alone; tests/strategies says when it can go.
"""

from types import SimpleNamespace
from typing import Any

import hypothesis_jsonschema._from_schema as upstream
from hypothesis import strategies as st
from hypothesis.internal.conjecture import utils
from hypothesis.strategies import SearchStrategy
from hypothesis_jsonschema import from_schema as unrepaired

from dspy_meme_gen.domain import FORMATS, GenerateMeme, Priority
from strategies.boundary import LIMITS

Document = dict[str, Any]
MISSING = object()
NO_CONTROLS = "^[^\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f]*$"
"""No control characters but those that count as white space."""


def _text(field: str, *, least: int = 1, pattern: str = NO_CONTROLS) -> Document:
    return {"type": "string", "minLength": least, "maxLength": LIMITS[field], "pattern": pattern}


def _or_null(schema: Document) -> Document:
    return {"anyOf": [schema, {"type": "null"}]}


SCHEMA: Document = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "GenerateMeme",
    "type": "object",
    "additionalProperties": False,
    "required": ["request_id", "topic"],
    "properties": {
        "request_id": _text("request_id"),
        "topic": _text("topic"),
        "format": {"enum": list(FORMATS)},
        "style": _or_null(_text("style")),
        "context": _or_null(_text("context", least=0)),
        "user_id": _text("user_id"),
        "priority": {"enum": [str(priority) for priority in Priority]},
        "max_refinements": {"type": "integer", "minimum": 0, "maximum": 3},
        "target_score": {"type": "number", "minimum": 0, "maximum": 1},
        "deadline_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 300},
    },
}
"""A request as JSON. It cannot say what normalising does to a text: whatever breaks it is refused, but not all that keeps it is taken."""


class _Elements(utils.many):
    """Hypothesis's `many` as hypothesis-jsonschema knows it: a loop by `more()`."""

    _steps: Any = None

    def more(self) -> bool:
        """Whether to draw another element."""
        if self._steps is None:
            self.__enter__()
            self._steps = iter(self)
        for _ in self._steps:
            return True
        self.__exit__(None)
        return False


def repair() -> None:
    """Make hypothesis-jsonschema use `_Elements`; nothing else sees it, and a Hypothesis that has `.more()` is left alone."""
    if not hasattr(utils.many, "more"):
        upstream.cu = SimpleNamespace(many=_Elements)


repair()


def from_schema(schema: Document) -> SearchStrategy[Any]:
    """Values that keep a JSON schema (draft 4 to 7), without lone surrogates; half of them in ASCII, for most other text is odd."""
    return unrepaired(schema, codec="ascii") | unrepaired(schema, codec="utf-8")


def documents() -> SearchStrategy[Document]:
    """Requests as JSON, by the schema."""
    return from_schema(SCHEMA)


def breaking_documents() -> SearchStrategy[Document]:
    """Requests as JSON that break the schema in one place: a field is missing, unknown, of another type, or out of its bounds."""
    wrong = st.sampled_from(tuple(SCHEMA["properties"])).flatmap(_wrong)
    missing = st.sampled_from(SCHEMA["required"]).map(lambda field: {field: MISSING})
    unknown = st.sampled_from(("Topic", "id", "", "__class__")).map(lambda field: {field: "cats"})
    return st.builds(_broken, documents(), st.one_of(wrong, missing, unknown))


def request_of(document: Document) -> GenerateMeme:
    """The raw request that a JSON object stands for; a priority that is none stays as it is.

    Raises TypeError for unknown or missing fields.
    """
    priority = document.get("priority")
    known = isinstance(priority, str) and priority in list(Priority)
    return GenerateMeme(**(document | {"priority": Priority(priority)} if known else document))


def _broken(document: Document, breach: Document) -> Document:
    return {field: value for field, value in (document | breach).items() if value is not MISSING}


def _wrong(field: str) -> SearchStrategy[Document]:
    """What a field must not be: of another type, too long, too small, too large."""
    wrong: list[SearchStrategy[Any]] = [
        st.booleans(),
        st.lists(st.integers(), max_size=1),
        st.dictionaries(st.text(max_size=1), st.none(), max_size=1),
    ]
    if SCHEMA["properties"][field].get("type") in {"integer", "number"}:
        wrong += [st.integers(max_value=-1), st.integers(min_value=301), st.sampled_from(("1", "", None))]
    else:
        wrong += [st.integers(), st.sampled_from("aé").map(lambda letter: letter * (LIMITS.get(field, 50) + 1))]
    return st.one_of(wrong).map(lambda value: {field: value})


SCHEMA_CLASSES: dict[str, SearchStrategy[GenerateMeme]] = {"by the schema": documents().map(request_of)}
