"""What lay in an actor's inbox at a moment of a history, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from greenroom.history import Event, History

_NAMED: Final = 4


def inbox_note(history: History, place: int) -> str:
    """Why nobody answered in time, or what a dead actor leaves unread; empty where the event at ``place`` is neither, or there is nothing.

    The inbox is what was sent to the actor and not received before; what it handles is what it received last, if that is not answered.
    """
    event = history.events[place]
    if event.kind == "timeout" and event.number:
        return _of_the_late(history.events[: place + 1], event)
    if event.kind == "died":
        unread = _unread(history.events[:place], event.task)
        return f"{event.task} leaves unread: {_listed(unread)}" if unread else ""
    return ""


def _of_the_late(past: list[Event], event: Event) -> str:
    name = event.target
    unread = _unread(past, name)
    handled = _handled(past, name)
    parts = [f"is handling #{handled.number} {handled.detail}"] if handled is not None else []
    parts += [f"has in its inbox {_listed(unread)}"] if unread else []
    return f"{name} {' and '.join(parts)}" if parts else ""


def _unread(past: list[Event], name: str) -> list[Event]:
    received = {event.number for event in past if event.kind == "receive" and event.task == name}
    return [event for event in past if event.kind == "send" and event.target == name and event.number not in received]


def _handled(past: list[Event], name: str) -> Event | None:
    for event in reversed(past):
        if event.kind == "reply" and event.target == name and event.number:
            return None
        if event.task == name and event.kind == "receive":
            return event if event.detail.startswith("ask ") else None
    return None


def _listed(unread: list[Event]) -> str:
    names = ", ".join(f"#{event.number} {event.detail}" for event in unread[:_NAMED])
    return names + (f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else "")
