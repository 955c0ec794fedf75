"""What crashes do to the calls of a port, seen from the request that waits for an answer.

A worker that dies is replaced, and what it was doing is sent again: the port may then have been called once for nothing. If the second
worker dies of the same piece of work, that counts as the port raising ActorCrashed.
"""

from dataclasses import replace
from itertools import product

from model.world import PORTS, Fault, Faults, Queue

MOST_CALLS = 6
"""No request calls a port more often: two texts, each tried at most thrice, or two verifications and one for each of three refinements."""

CRASH = Fault("ActorCrashed")


def disturbed(faults: Faults, crashes: tuple[str, ...]) -> tuple[Faults, ...]:
    """All that the calls of a request may meet when these workers died while it was in flight; each name is a port's."""
    queues = (_queues(queue, crashes.count(port)) for port, queue in zip(PORTS, faults.queues, strict=True))
    return tuple(Faults(*choice) for choice in product(*queues))


def outages(faults: Faults, was_up: tuple[bool, ...]) -> tuple[Faults, ...]:
    """All that the one write of a request may meet when the database was seen in these conditions."""
    return tuple(faults if up else replace(faults, store=(Fault(), *faults.store)) for up in was_up)


def suffixes(faults: Faults) -> tuple[Faults, ...]:
    """All that may be left when an earlier run of the same request met some of these faults, nobody knows how many."""
    rests = (tuple(queue[met:] for met in range(len(queue) + 1)) for queue in faults.queues)
    return tuple(Faults(*choice) for choice in product(*rests))


def _queues(queue: Queue, deaths: int) -> tuple[Queue, ...]:
    """One death may swallow one entry, two deaths may put a crash in: every combination, each once."""
    if deaths == 0:
        return (queue,)
    found = dict.fromkeys(_queues(queue, deaths - 1))
    for earlier in tuple(found):
        found |= dict.fromkeys(earlier[:index] + earlier[index + 1 :] for index in range(len(earlier)))
    if deaths >= 2:
        for earlier in _queues(queue, deaths - 2):
            padded = earlier + (None,) * (MOST_CALLS - len(earlier))
            found |= dict.fromkeys((*padded[:index], CRASH, *padded[index:]) for index in range(MOST_CALLS))
    return tuple(found)
