"""Calls to a model's HTTP interface: bounded in time and size, and with one class of error for each kind of trouble."""

import json
import time
from typing import Any

import httpx

from dspy_meme_gen.errors import ModelAnswerInvalid, ModelRateLimited, ModelRefused, ModelTimeout, ModelUnavailable

__all__ = ["JsonCalls"]

_LONGEST_WAIT_S = 3600.0


class JsonCalls:
    """Posts JSON below a base URL and reads JSON. One call, one attempt; redirects are not followed, for they would carry the key away.

    A call takes at most about twice `limit_s` seconds, and an answer has at most `most_bytes`. Any thread may call. Errors name the host
    and the status, never the key, and never what was sent or answered.
    """

    def __init__(self, base_url: str, key: str | None, *, limit_s: float, most_bytes: int) -> None:
        self._base_url = base_url.rstrip("/")
        self._host = httpx.URL(base_url).host
        self._limit_s = limit_s
        self._most_bytes = most_bytes
        headers = {"User-Agent": "memespy", "Accept": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._client = httpx.Client(headers=headers, timeout=limit_s, follow_redirects=False)

    def post(self, path: str, document: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON came back
        """The answer. Raises ModelTimeout, ModelUnavailable, ModelRateLimited, ModelRefused or ModelAnswerInvalid."""
        ends_at_s = time.monotonic() + self._limit_s
        try:
            with self._client.stream("POST", f"{self._base_url}{path}", json=document) as response:
                self._check(response)
                body = self._body(response, ends_at_s)
        except httpx.TimeoutException as error:
            raise ModelTimeout(f"{self._host} did not answer within {self._limit_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelUnavailable(f"{self._host} cannot be used ({type(error).__name__})") from error
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ModelAnswerInvalid(f"{self._host} answered with something that is no JSON") from error

    def close(self) -> None:
        """Let go of the connections; no call can be made afterwards."""
        self._client.close()

    def _check(self, response: httpx.Response) -> None:
        status = response.status_code
        match status:
            case 200 | 201:
                return
            case 429:
                raise ModelRateLimited(f"{self._host} has had too many requests", _retry_after_s(response))
            case 408 | 504:
                raise ModelTimeout(f"{self._host} answered with status {status}")
            case _ if status >= 500:
                raise ModelUnavailable(f"{self._host} answered with status {status}")
            case 401 | 403:
                raise ModelRefused(f"{self._host} answered with status {status}; look at OPENAI_API_KEY")
            case _:
                raise ModelRefused(f"{self._host} answered with status {status}; look at OPENAI_BASE_URL and the model's name")

    def _body(self, response: httpx.Response, ends_at_s: float) -> bytes:
        """Piece by piece: httpx's own limit holds for each piece alone, and so would let an answer drip for ever."""
        body = bytearray()
        for piece in response.iter_bytes():
            body += piece
            if len(body) > self._most_bytes:
                raise ModelAnswerInvalid(f"{self._host} answered with more than {self._most_bytes:,} bytes")
            if time.monotonic() > ends_at_s:
                raise ModelTimeout(f"{self._host} did not finish its answer within {self._limit_s:g} s")
        return bytes(body)


def _retry_after_s(response: httpx.Response) -> float | None:
    """Only the form in seconds; the other one, a date, would have to trust the server's clock."""
    try:
        wait_s = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return wait_s if 0 <= wait_s <= _LONGEST_WAIT_S else None
