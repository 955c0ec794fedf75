"""How far requests are said to have come: never back, and what has ended stays as it ended."""

import json
from dataclasses import dataclass, field
from typing import Any

from model.http_answers import Told, require
from model.stages import first_wrong
from model.values import TERMINAL

ANY = "?"
"""The stage of a failure that does not tell it."""
Identity = tuple[str, str]
ENDS = frozenset(TERMINAL.values())


@dataclass(frozen=True, slots=True)
class Look:
    """What one look showed, and when it ended."""

    ended: int
    stages: tuple[str, ...]
    stage: str

    @property
    def done(self) -> bool:
        """Whether the request had its outcome."""
        return self.stage in ENDS


@dataclass(slots=True)
class Statuses:
    """Which request an id stands for, and what was seen of each."""

    identities: dict[str, Identity] = field(default_factory=dict)
    looks: dict[str, list[Look]] = field(default_factory=dict)

    def accepted(self, request_id: str, identity: Identity) -> None:
        """A request was given an id. Raises Illegal if that is another's, or the request has another."""
        require(self.identities.setdefault(request_id, identity) == identity, f"{request_id} is the id of two requests")
        others = [other for other, owner in self.identities.items() if owner == identity and other != request_id]
        require(not others, f"{identity} has two ids: {request_id} and {others}")

    def seen(self, request_id: str, document: Any, began: int, ended: int, *, crashed: bool) -> Told | None:  # noqa: ANN401 - JSON
        """What a status says; the outcome that it tells, if any. Raises Illegal if it is impossible after what was seen before."""
        require(document.get("request_id") == request_id, f"the status of {document.get('request_id')!r}, asked for {request_id!r}")
        stages, stage = tuple(document["stages"]), document["stage"]
        look = Look(ended, stages, stage)
        place = first_wrong(stages, reruns=int(crashed))
        require(place is None, f"its stages are out of order: {stages}")
        require(not ENDS & set(stages), f"its end is among its stages: {stages}")
        require(document["done"] == look.done, f"in stage {stage!r}, and done is {document['done']}")
        require(look.done or stage in {"waiting", "routing", *stages[-2:]}, f"in stage {stage!r} after {stages}")
        for earlier in self.looks.setdefault(request_id, []):
            if earlier.ended < began:
                require(stages[: len(earlier.stages)] == earlier.stages, f"went back from {earlier.stages} to {stages}")
                require(look.done or not earlier.done, f"was {earlier.stage}, and is {stage} now")
                require(not earlier.done or earlier.stage == stage, f"ended as {earlier.stage}, and as {stage}")
            shorter, longer = sorted((earlier.stages, stages), key=len)
            require(longer[: len(shorter)] == shorter, f"came through {stages}, and through {earlier.stages}")
        self.looks[request_id].append(look)
        if look.done:
            return _ending(document, stage)
        require(document["meme"] is None and not document["reasons"], f"under way, and has an outcome: {document}")
        return None


def agrees(stages: tuple[str, ...], before: tuple[str, ...], after: tuple[str, ...]) -> None:
    """Raise Illegal if a status leaves out a stage that was told `before` it was asked for, or has another way than was told `after`."""
    require(stages[: len(before)] == before, f"it had come through {before}, and a status tells {stages}")
    common = min(len(stages), len(after))
    require(stages[:common] == after[:common], f"it has come through {after}, and a status tells {stages}")


def _ending(document: Any, stage: str) -> Told:  # noqa: ANN401 - any JSON document
    meme, reasons = document["meme"], document["reasons"]
    require((meme is not None) == (stage == "completed"), f"{stage}, with the meme {meme}")
    require(not reasons or stage == "rejected", f"{stage}, for the reasons {reasons}")
    if stage == "completed":
        return stage, json.dumps(meme, sort_keys=True)
    if stage == "rejected":
        return stage, json.dumps(reasons)
    return stage, ANY if stage == "failed" else ""
