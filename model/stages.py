"""In which order the stages of one request may be reported, whatever befalls the service."""

from collections.abc import Sequence

from model.values import TERMINAL

ABORTS = frozenset({"failed", "cancelled", "timed_out"})
"""How a request may end from any stage."""

NEXT: dict[str, frozenset[str]] = {
    "": frozenset({"routing"}),
    "routing": frozenset({"cache"}),
    "cache": frozenset({"text", "completed", "rejected"}),
    "text": frozenset({"verification"}),
    "verification": frozenset({"text", "scoring", "image", "rejected"}),
    "scoring": frozenset({"refining", "image"}),
    "refining": frozenset({"verification", "image"}),
    "image": frozenset({"storing"}),
    "storing": frozenset({"completed"}),
}
"""What may follow a stage, "" for none yet; an end that is no abort is here only where it belongs."""


def first_wrong(stages: Sequence[str], *, reruns: int = 0) -> int | None:
    """The place of the first stage that may not stand where it does; None if all may.

    `reruns` orchestrators died meanwhile: each successor begins with the cache once more.
    """
    before = ""
    for place, stage in enumerate(stages):
        if before in TERMINAL.values():
            return place
        if stage not in NEXT[before] and stage not in ABORTS:
            if stage != "cache" or reruns == 0 or before == "":
                return place
            reruns -= 1
        before = stage
    return None
