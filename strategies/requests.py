"""Valid requests, from small pools: the same id, the same payload and the same id with another payload all come up in short programs.

Everything shrinks towards the first of its pool: request r1 about cats, in the classic format, with nothing else said.
"""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dspy_meme_gen.domain import FORMATS, GenerateMeme, Priority

REQUEST_IDS = ("r1", "r2", "r3", "r4")
TOPICS = ("cats", "tea", "Mondays", "crème brûlée", "猫の集会")
STYLES = (None, "dry", "over the top")
CONTEXTS = (None, "at work", "two lines\nof context")
USERS = ("anonymous", "ann", "bob")


def request_ids() -> SearchStrategy[str]:
    """One of four, so that two requests often share one."""
    return st.sampled_from(REQUEST_IDS)


def requests(**fields: SearchStrategy[object]) -> SearchStrategy[GenerateMeme]:
    """Valid requests, not yet normalised; a strategy given for a field takes the place of its pool."""
    pools: dict[str, SearchStrategy[object]] = {
        "request_id": request_ids(),
        "topic": st.sampled_from(TOPICS),
        "format": st.sampled_from(FORMATS),
        "style": st.sampled_from(STYLES),
        "context": st.sampled_from(CONTEXTS),
        "user_id": st.sampled_from(USERS),
        "priority": st.sampled_from((Priority.NORMAL, Priority.LOW, Priority.HIGH)),
        "max_refinements": st.sampled_from((3, 0, 1, 2)),
        "target_score": st.sampled_from((0.7, 0, 0.5, 1.0)),
        "deadline_s": st.sampled_from((30.0, 5, 300)),
    }
    return st.builds(GenerateMeme, **(pools | fields))


def plain_requests() -> SearchStrategy[GenerateMeme]:
    """Requests that differ in id and topic only: the narrowest thing to put into a rule."""
    return st.builds(GenerateMeme, request_id=request_ids(), topic=st.sampled_from(TOPICS))


def pools(*, least: int = 2, most: int = 6) -> SearchStrategy[tuple[GenerateMeme, ...]]:
    """A pool to draw once, in an @initialize rule, and to pick from by index: at most two payloads and four ids for all of it."""

    def pool(payloads: list[GenerateMeme]) -> SearchStrategy[tuple[GenerateMeme, ...]]:
        member = st.builds(_with_id, st.sampled_from(payloads), request_ids())
        return st.lists(member, min_size=least, max_size=most).map(tuple)

    return st.lists(requests(request_id=st.just("r1")), min_size=1, max_size=2).flatmap(pool)


def _with_id(request: GenerateMeme, request_id: str) -> GenerateMeme:
    return replace(request, request_id=request_id)
