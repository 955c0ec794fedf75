"""Requests that are harmless alone and hostile together, by name. Each strategy gives them in the order in which they are submitted."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dspy_meme_gen.domain import GenerateMeme, Priority
from strategies.requests import TOPICS, requests

Requests = tuple[GenerateMeme, ...]


def _replayed(request: GenerateMeme, times: int) -> Requests:
    return (request,) * times


def _conflicting(request: GenerateMeme, index: int) -> Requests:
    others = [topic for topic in TOPICS if topic != request.topic]
    return (request, replace(request, topic=others[index]))


def _dressed_up(request: GenerateMeme, user_id: str, priority: Priority) -> Requests:
    """Who asks, how urgently and until when is no payload: the same id with these changed is the same request."""
    return (request, replace(request, user_id=user_id, priority=priority, deadline_s=60.0))


def _twins(request: GenerateMeme) -> Requests:
    """Payloads that a careless key (fields joined by a separator) takes for one."""
    return (
        replace(request, request_id="r1", topic="cats", style="dry", context="wit"),
        replace(request, request_id="r2", topic="cats", style="dry wit", context=None),
        replace(request, request_id="r3", topic="cats dry", style="wit", context=None),
        replace(request, request_id="r4", topic="cats", style=None, context="dry wit"),
    )


def _same_after_tidying(request: GenerateMeme) -> Requests:
    """Texts that differ as given and are equal as normalised."""
    return (
        replace(request, request_id="r1", topic="cr\u00e8me  br\u00fbl\u00e9e"),
        replace(request, request_id="r2", topic=" cre\u0300me bru\u0302le\u0301e"),
    )


SEQUENCES: dict[str, SearchStrategy[Requests]] = {
    "replayed ids": st.builds(_replayed, requests(), st.integers(2, 5)),
    "conflicting ids": st.builds(_conflicting, requests(), st.integers(0, len(TOPICS) - 2)),
    "same id from another user": st.builds(_dressed_up, requests(), st.sampled_from(("mallory", "ann")), st.sampled_from(Priority)),
    "colliding keys": requests().map(_twins),
    "equal once tidied": requests().map(_same_after_tidying),
}
