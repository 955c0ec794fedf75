"""An answer as the contract sees it, and a way in which one breaks the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Answered", "Break", "BreakKind"]

BreakKind: TypeAlias = Literal["status", "media type", "header", "body"]


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known of an answer. `route` is the route's template; names of headers are in small letters."""

    method: str
    route: str
    status: int
    headers: Mapping[str, str]

    @property
    def media_type(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Break:
    """One way in which an answer is not as published. `rule` comes from the document, never from the answer."""

    kind: BreakKind
    rule: str
