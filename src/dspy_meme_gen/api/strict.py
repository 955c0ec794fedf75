"""Bodies read strictly: one JSON document, UTF-8, each key once, no NaN, not too deep. Anything else is malformed, never a crash."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from dspy_meme_gen.api.problems import Problem

__all__ = ["StrictRoute"]


class _StrictRequest(Request):
    async def json(self) -> Any:  # noqa: ANN401 - any JSON document
        body = await self.body()
        try:
            return json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise Problem("malformed", _why(error)) from None


class StrictRoute(APIRoute):
    """A route whose body is read strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, given a request that reads strictly."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if self.body_field is not None and _media_type(request) != "application/json":
                raise Problem("unsupported-media-type")
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


class _RepeatedKey(ValueError):
    """A key stands twice in an object: readers disagree about which of them counts."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise _RepeatedKey
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _why(error: Exception) -> str:
    """In words of ours: what the parser says may repeat what was sent."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(error, _RepeatedKey):
        return "a key stands twice in one object"
    if isinstance(error, json.JSONDecodeError):
        return f"it cannot be parsed at line {error.lineno}, column {error.colno}"
    return "it holds a number that JSON does not have"
