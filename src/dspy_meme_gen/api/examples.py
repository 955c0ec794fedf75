"""Examples in the published document: one for each field, and from these a whole one for each model, so that no two can differ."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

__all__ = ["KEY", "MEME_ID", "REQUEST_ID", "Shown", "shown"]

MEME_ID = "m-75fcc3a91f3da242"
"""The sarcastic meme about monday meetings: which one a wish makes follows from the wish."""
KEY = "k1"
REQUEST_ID = "97184e9a49358105a15ca9a1fe2b573ae099509ab555d87231a3346275982e08"
"""What becomes of KEY."""


def shown(*values: object) -> Any:  # noqa: ANN401 - as pydantic's own
    """A field whose examples these are; the first is in the whole one."""
    assert None not in values, "FastAPI leaves nulls out of the document, and with them the example"
    return Field(examples=list(values))


def _with_whole(schema: JsonDict, model: type[Any]) -> None:
    schema["examples"] = [model.example()]


class Shown(BaseModel):
    """A document with a whole example in its schema, made of the first examples of its fields; `in_whole` names them, () is all."""

    model_config = ConfigDict(json_schema_extra=_with_whole)
    in_whole: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def example(cls) -> dict[str, Any]:
        """The whole example, as JSON has it."""
        examples = {name: field.examples for name, field in cls.model_fields.items() if not cls.in_whole or name in cls.in_whole}
        assert all(examples.values()), f"each field of {cls.__name__} has an example"
        return {name: values[0] for name, values in examples.items() if values}
