"""What may become of a payload, by the world that memes are made in and the faults that were made for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from machines.world import world
from model.generation import generate
from model.http_answers import meme_document
from model.world import NO_FAULTS, PORTS, Fault, Faults

if TYPE_CHECKING:
    from model.values import Outcome, Payload, Record


class Made:
    """The outcomes of payloads. `deferred` is whether a meme may have had to wait for the store."""

    def __init__(self) -> None:
        self.deferred = False
        self._world = world()
        self._faults: dict[tuple[str, str | None], Faults] = {}

    def trouble(self, topic: str, faults: Faults) -> None:
        """The coming calls for this topic, without a style, meet these faults."""
        self._faults[topic, None] = faults

    def outcomes(self, payload: Payload) -> frozenset[Outcome]:
        """How a request for it may end, if it is left alone."""
        ways = self._ways(payload)
        if self.deferred:
            ways += [_deferred(way) for way in ways]
        return frozenset(generate(payload, self._world, way).outcome for way in ways)

    def records(self, payload: Payload) -> frozenset[Record]:
        """What may be stored of it."""
        records = (generate(payload, self._world, way).record for way in self._ways(payload))
        return frozenset(record for record in records if record is not None)

    def looks(self, payload: Payload) -> frozenset[str]:
        """What its meme may be shown as: JSON with sorted keys."""
        documents = (meme_document(record.meme, payload.topic, payload.style) for record in self.records(payload))
        return frozenset(json.dumps(document, sort_keys=True) for document in documents)

    def _ways(self, payload: Payload) -> list[Faults]:
        """What a request may meet: all that was made for its topic, or what others have left of it."""
        faults = self._faults.get((payload.topic, payload.style), NO_FAULTS)
        ways = [NO_FAULTS]
        for port in PORTS:
            queue = getattr(faults, port)
            ways += [Faults(**{port: queue[used:]}) for used in range(len(queue))]
        return ways


def _deferred(faults: Faults) -> Faults:
    values = {port: getattr(faults, port) for port in PORTS}
    return Faults(**values | {"store": (Fault("OperationalError"),)})
