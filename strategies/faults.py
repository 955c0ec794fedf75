"""Faults: which port fails, at which call, how; and which actor dies. No fault at all is the simplest."""

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from model.world import PORTS, Fault, Faults

ERRORS = ("PortDown", "ConnectionError", "TimeoutError")
"""Class names of what a port raises; a machine makes an exception of that name."""

FALLIBLE = tuple(port for port in PORTS if port != "store")
"""The ports whose faults belong to a payload; the store fails by outage, for everybody."""

ACTORS = (*PORTS, "cache", "generator", "router")
"""The actors that can die, by the names that `model.calls.Crash` knows them by."""


def port_faults(*, hangs: bool = False) -> SearchStrategy[Fault]:
    """One call that goes wrong; `hangs` lets it hang, which is for one request at a time."""
    return st.builds(Fault, st.sampled_from(ERRORS), st.booleans() if hangs else st.just(value=False))


def faults(*, ports: Sequence[str] = FALLIBLE, hangs: bool = False, most: int = 3) -> SearchStrategy[Faults]:
    """What the coming calls for one payload meet: at most so many faults, each at one of the first four calls of a port."""
    place = st.tuples(st.sampled_from(ports), st.integers(0, 3))
    return st.dictionaries(place, port_faults(hangs=hangs), max_size=most).map(_queued)


def outages(*, ports: Sequence[str] = FALLIBLE, calls: int = 6) -> SearchStrategy[Faults]:
    """One port that raises at every call, or none."""
    down = (Fault(),) * calls
    return st.sampled_from((None, *ports)).map(lambda port: Faults(**({} if port is None else {port: down})))


def actors() -> SearchStrategy[str]:
    """An actor to kill."""
    return st.sampled_from(ACTORS)


def _queued(placed: dict[tuple[str, int], Fault]) -> Faults:
    lengths = {port: max((index + 1 for other, index in placed if other == port), default=0) for port in PORTS}
    return Faults(*(tuple(placed.get((port, index)) for index in range(lengths[port])) for port in PORTS))
