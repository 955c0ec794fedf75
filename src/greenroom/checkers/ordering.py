"""The order of messages: that of each sender, and that of causes and effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.causality import Causality
from greenroom.checker import Judgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.history import Event, History

_Message = tuple[str, int]  # the inbox, and which of its messages


class Ordering:
    """A claim that whatever was sent first to a receiver is handled first; made by ``fifo_per_sender`` and ``causal_order``."""

    reads_real_time = False

    def __init__(self, claim: str, *, causal: bool) -> None:
        self.claim = claim
        self._causal = causal

    def check(self, history: History) -> Judgement:
        """Look at each message that was handled: everything that had to come before it must have been handled by then."""
        sent = _sent(history)
        places = {message: place for lines in sent.values() for line in lines.values() for place, message in line}
        before = self._order(history)
        handled: set[_Message] = set()
        looked = 0
        for event in history.of("receive"):
            message = (event.target, event.number)
            handled.add(message)
            if message not in places:
                continue
            looked += 1
            sender = history.events[places[message]].task
            for other, line in sent[event.target].items():
                while line and line[0][1] in handled:
                    line.pop(0)
                if line and (other == sender or self._causal) and before(line[0][0], places[message]):
                    first, second = history.events[line[0][0]], history.events[places[message]]
                    return self._violated(event, first, second, looked)
        return Judgement(Verdict.OK, self.claim, explored=looked)

    def _order(self, history: History) -> Callable[[int, int], bool]:
        return Causality(history).happens_before if self._causal else lambda one, other: one < other

    def _violated(self, handled: Event, first: Event, second: Event, looked: int) -> Judgement:
        message = f"#{handled.number} {second.detail}".rstrip()
        missed = f"#{first.number} {first.detail}".rstrip()
        who = f"{first.task} had sent" if first.task == second.task else f"{first.task} had sent, before {second.task} could know enough,"
        reason = f"{handled.target} handled {message} from {second.task} before {missed}, which {who} earlier"
        about = tuple(dict.fromkeys((first.task, second.task, handled.target)))
        return Judgement(Verdict.VIOLATED, self.claim, reason, looked, about=about)


def fifo_per_sender() -> Ordering:
    """Claims that messages from one sender to one receiver are handled in the order in which they were sent, and none is passed over.

    Pykka's own inbox keeps to that. It can break where an inbox of your own sorts, drops or repeats, or where a fault delays a message.
    Messages that arrive where nobody looks any more (``lost``) do not count.
    """
    return Ordering("messages of one sender are handled in order", causal=False)


def causal_order() -> Ordering:
    """Claims that a message is handled after all messages to the same receiver that could have led to it.

    Lamport's happens-before decides what could have led to what; Birman and Joseph, "Reliable Communication in the Presence of Failures",
    TOCS 1987, give the order. It includes ``fifo_per_sender``. Actors that put messages straight into one another's inboxes keep to it.
    """
    return Ordering("causes are handled before their effects", causal=True)


def _sent(history: History) -> dict[str, dict[str, list[tuple[int, _Message]]]]:
    """For each receiver and each sender: where in the history what was sent, in order."""
    sent: dict[str, dict[str, list[tuple[int, _Message]]]] = {}
    for place, event in enumerate(history.events):
        if event.kind == "send":
            sent.setdefault(event.target, {}).setdefault(event.task, []).append((place, (event.target, event.number)))
    return sent
