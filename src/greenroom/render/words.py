"""What a task did, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from greenroom.history import Event

# By kind; ``which`` is the target and the number of the message, and a second entry stands where there is no number.
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "send": ("→ {which} {detail}", "→ {which} {detail}"),
    "lost": ("→ {which} {detail} ✗ nobody will read it", "→ {which} {detail} ✗ nobody will read it"),
    "receive": ("● #{number} {detail}", "● {detail}"),
    "drained": ("✗ drops #{number} {detail}", "✗ drops {detail}"),
    "fault": ("fault: {detail}", "fault: {detail}"),
    "reply": ("↩ reply #{number} {detail}", "sets {future}: {detail}"),
    "answer": ("✓ {which} answers {detail}", "✓ gets {future}: {detail}"),
    "timeout": ("✗ times out waiting for {target} to answer #{number} {detail}", "✗ times out waiting for {target} {detail}"),
    "call": ("call {number}: {target}({detail})", "call {target}({detail})"),
    "result": ("call {number} {gives}{detail}", "call {gives}{detail}"),
    "start": ("starts {target}", "starts {target}"),
    "died": ("✗ dies: {detail}", "✗ dies: {detail}"),
    "dead": ("✗ finds {target} ended", "✗ finds {target} ended"),
    "busy": ("✗ {target} is held by another", "✗ {target} is held by another"),
    "empty": ("✗ {target} is used up", "✗ {target} is used up"),
    "join": ("✓ {target} has ended", "✓ {target} has ended"),
    "wait": ("✓ {target} is set", "✓ {target} is set"),
    "read": ("sees that {target} {detail}", "sees that {target} {detail}"),
    "call_soon": ("→ {which} {detail}", "→ {which} {detail}"),
    "callback": ("● {which} {detail}", "● {which} {detail}"),
    "sleep": ("sleeps {detail}", "sleeps {detail}"),
}


def event_text(event: Event) -> str:
    """What a task did, in a few words."""
    words = _WORDS.get(event.kind)
    if words is None:
        return " ".join(part for part in (event.kind, event.target, event.detail) if part)
    return words[not event.number].format(
        which=f"{event.target} #{event.number}" if event.number else event.target,
        target=event.target,
        number=event.number,
        detail=event.detail,
        gives="" if event.detail.startswith("raises ") else "gives ",
        future=event.target or "a future",
    )
