"""Traffic: who comes when, by name. Times are virtual seconds; the simplest traffic of each kind is one that shows what it is about."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dspy_meme_gen.domain import GenerateMeme, Priority
from strategies.requests import TOPICS

MOST = 6
"""Visits of one piece of traffic: enough for every kind, and few enough to be read."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A client that comes `after_s` seconds after the one before, and hands its request in.

    It takes `sending_s` for that, takes the request back `cancels_after_s` seconds later (None: never), and takes `reading_s` to hear
    how a request went.
    """

    request: GenerateMeme
    after_s: float = 0.0
    sending_s: float = 0.0
    cancels_after_s: float | None = None
    reading_s: float = 0.0


Traffic = tuple[Visit, ...]
PAUSES = (0.1, 1.0, 5.0)
"""Seconds: within a retry's back-off, beyond it, and as long as the outbox waits."""


def _visits(count: SearchStrategy[int]) -> SearchStrategy[Traffic]:
    """So many requests with ids of their own, all at once."""
    return count.flatmap(lambda number: st.tuples(*[st.sampled_from(TOPICS)] * number)).map(
        lambda topics: tuple(Visit(GenerateMeme(f"r{place}", topic)) for place, topic in enumerate(topics, 1))
    )


def _steady(visits: Traffic, pause_s: float) -> Traffic:
    return tuple(replace(visit, after_s=pause_s if place else 0.0) for place, visit in enumerate(visits))


def _burst(visits: Traffic, quiet_s: float, priority: Priority) -> Traffic:
    """All at once, and all again after a while."""
    mixed = [
        replace(visit, request=replace(visit.request, priority=priority)) if place % 2 else visit for place, visit in enumerate(visits)
    ]
    later = [replace(visit, request=replace(visit.request, request_id=f"{visit.request.request_id}-again")) for visit in mixed]
    return (*mixed, replace(later[0], after_s=quiet_s), *later[1:])


def _duplicates(visits: Traffic, times: int, pause_s: float) -> Traffic:
    """The first client has lost patience and sends the same again."""
    return (*visits, *[replace(visits[0], after_s=pause_s)] * times)


def _cancels(visits: Traffic, after_s: float, every: int) -> Traffic:
    return tuple(replace(visit, cancels_after_s=after_s) if place % every == 0 else visit for place, visit in enumerate(visits))


def _slow(visits: Traffic, sending_s: float, reading_s: float) -> Traffic:
    """The first takes its time; the others must not wait for it."""
    return (replace(visits[0], sending_s=sending_s, reading_s=reading_s), *visits[1:])


TRAFFIC: dict[str, SearchStrategy[Traffic]] = {
    "steady": st.builds(_steady, _visits(st.integers(2, MOST)), st.sampled_from(PAUSES)),
    "bursts": st.builds(_burst, _visits(st.integers(2, MOST // 2)), st.sampled_from(PAUSES), st.sampled_from(Priority)),
    "duplicates": st.builds(_duplicates, _visits(st.integers(1, 3)), st.integers(1, 3), st.sampled_from((0.0, *PAUSES))),
    "cancels": st.builds(_cancels, _visits(st.integers(1, MOST)), st.sampled_from((0.0, *PAUSES)), st.integers(1, 2)),
    "slow clients": st.builds(_slow, _visits(st.integers(2, MOST)), st.sampled_from(PAUSES), st.sampled_from(PAUSES)),
}
