"""Records as rows and memes as JSON: what every adapter that writes them down has in common."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dspy_meme_gen.domain import ImageRef, Meme, MemeRecord, MemeText, Score, Verification

__all__ = ["meme_from_json", "meme_to_json", "record_from_row", "row_from_record"]


def row_from_record(record: MemeRecord) -> dict[str, Any]:
    """The columns of a record: id, topic, style, context, meme (JSON, ASCII only) and png."""
    return {
        "id": record.id,
        "topic": record.topic,
        "style": record.style,
        "context": record.context,
        "meme": meme_to_json(record.meme),
        "png": record.png,
    }


def record_from_row(row: Mapping[str, Any]) -> MemeRecord:
    """The record with these columns."""
    return MemeRecord(meme_from_json(row["meme"]), row["topic"], row["style"], row["context"], row["png"])


def meme_to_json(meme: Meme) -> str:
    """A meme as JSON, keys sorted; equal memes give equal texts."""
    return json.dumps(asdict(meme), sort_keys=True)


def meme_from_json(text: str | bytes) -> Meme:
    """The meme that was written down. Raises ValueError, KeyError or TypeError if the text is none."""
    fields: dict[str, Any] = json.loads(text)
    return Meme(
        id=fields["id"],
        text=MemeText(**fields["text"]),
        format=fields["format"],
        image=ImageRef(**fields["image"]),
        score=Score(**fields["score"]),
        verification=tuple(Verification(**verification) for verification in fields["verification"]),
        refinement_count=fields["refinement_count"],
        degraded=tuple(fields["degraded"]),
    )
