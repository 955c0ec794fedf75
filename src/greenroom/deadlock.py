"""A deadlock in words: who waits for whom, for what, and why that never comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.describe import describe_message
from greenroom.errors import Deadlock, ReplyNeverComes, SelfAsk
from greenroom.runtime import Future, Inbox
from greenroom.shims.locks import Condition, Lock
from greenroom.shims.loop_queue import LoopQueue
from greenroom.standstill import standing_still

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.task import Task


def explain_deadlock(stuck: list[Task]) -> Deadlock:
    """The error that says who waits for whom, for what, and why that never comes; ``stuck`` is not empty."""
    cycle = _cycle(stuck)
    kind: type[Deadlock] = Deadlock
    if cycle is not None and len(cycle) == 1:
        kind = SelfAsk
        head = f"{cycle[0].name} waits for itself"
        shown = [*cycle, *(task for task in stuck if task not in cycle)]
    elif cycle is not None:
        names = [task.name for task in cycle]
        head = " waits for ".join([*names, names[0]])
        shown = [*cycle, *(task for task in stuck if task not in cycle)]
    else:
        root = _root(stuck[0])
        shown = [root, *(task for task in stuck if task is not root)]
        if isinstance(root.target, Future) and _giver(root) is None:
            kind = ReplyNeverComes
            head = f"{root.name} waits for ever: " + _why_no_reply(root.target)
        elif isinstance(root.target, LoopQueue):
            head = f"{root.name} waits for ever in its event loop, and nobody is left to wake that"
        else:
            head = f"{root.name} waits for ever, and no task is left that could end that"
    lines = [head, *(f"  {sentence(task)}" for task in shown)]
    lines += [f"    {line}" for task in shown if isinstance(task.target, LoopQueue) for line in task.target.explanation()]
    lines += _inboxes(shown)
    lines.append(f"  {_ADVICE_OF_LOOP if kind is Deadlock and isinstance(shown[0].target, LoopQueue) else _ADVICE[kind]}")
    error = kind("\n".join(lines))
    error.about = _about(cycle or [shown[0]], certain=cycle is not None)
    return error


_ADVICE: dict[type[Deadlock], str] = {
    Deadlock: "one of them must not wait: tell instead of ask, ask with a timeout, take locks in one order, ask while holding none",
    SelfAsk: "who waits for itself can do nothing else: call the method directly, tell instead of ask, or use an RLock",
    ReplyNeverComes: "see that every message is answered before its actor stops, or ask with a timeout",
}
_ADVICE_OF_LOOP = "what ends the waiting must come from the loop itself, or from elsewhere by loop.call_soon_threadsafe()"


def _about(waiting: list[Task], *, certain: bool) -> tuple[str, ...]:
    """Those who wait and those who let them; nobody where it is not known who could have woken them."""
    names = [task.name for task in waiting]
    for task in waiting:
        target = task.target
        if isinstance(target, LoopQueue):
            names += target.unheard()
            continue
        owner = target.asked[0].owner if isinstance(target, Future) and target.asked is not None else getattr(target, "owner", None)
        if owner is not None:
            names.append(owner.name)
        elif not certain:
            return ()
    return tuple(dict.fromkeys(names))


def sentence(task: Task) -> str:
    """``Orders-1, handling {...}, waits for the reply of Stock-2 to {...}``."""
    handled = f", handling message #{task.handling_number} {describe_message(task.handling.message)}," if task.handling is not None else ""
    target = task.target
    if isinstance(target, Future):
        if target.asked is None:
            return f"{task.name}{handled} waits for a future that nobody has set"
        inbox, number, envelope = target.asked
        place = inbox.holds(envelope)
        where = f"still in its inbox, place {place}" if place else _taken(inbox, envelope)
        message = f"message #{number} {describe_message(envelope.message)}"
        return f"{task.name}{handled} waits for the reply of {inbox.greenroom_name} to {message} ({where})"
    if isinstance(target, Lock):
        holder = f"held by {target.owner.name}" if target.owner is not None else "free"
        return f"{task.name}{handled} waits for {target.greenroom_name} ({holder}; made at {_short(target.greenroom_origin)})"
    if task.operation == "join":
        name = getattr(target, "name", None) or getattr(target, "greenroom_name", "something")
        return f"{task.name}{handled} waits for {name} to end"
    if isinstance(target, Condition | LoopQueue):
        waits = "to be notified by" if isinstance(target, Condition) else "in its event loop,"
        return f"{task.name}{handled} waits {waits} {target.greenroom_name} (made at {_short(target.greenroom_origin)})"
    name = getattr(target, "greenroom_name", "something")
    return f"{task.name}{handled} waits in {task.operation}() of {name}"


def _taken(inbox: Inbox, envelope: Any) -> str:
    owner = inbox.owner
    if owner is not None and owner.done:
        return "that actor has ended"
    if owner is not None and owner.handling is envelope:
        return "being handled"
    return "taken out of the inbox, never answered"


def _why_no_reply(future: Future) -> str:
    if future.asked is None:
        return "no task is left that could set its future"
    inbox, number, envelope = future.asked
    name, message = inbox.greenroom_name, describe_message(envelope.message)
    owner = inbox.owner
    if owner is None:
        return f"{name} never runs, so nobody answers {message}"
    if owner.done and inbox.holds(envelope):
        return (
            f"its ask {message} passed the alive check of {name}, and reached the inbox as message #{number} "
            f"after {name} had stopped and emptied it: nobody will ever read it"
        )
    if owner.done:
        return f"{name} ended without answering {message}"
    return f"{name} took {message} and never set its reply"


def _short(origin: str) -> str:
    return origin.rsplit("/", 1)[-1]


def _giver(task: Task) -> Task | None:
    """The one task that alone could wake ``task``, if that is known."""
    target = task.target
    if isinstance(target, Future):
        if target.asked is None:
            return target._hook_runs_in
        inbox, _, envelope = target.asked
        owner = inbox.owner
        if owner is None or owner.done:
            return None
        return owner if inbox.holds(envelope) or owner.handling is envelope else None
    if isinstance(target, Lock):
        return target.owner
    if task.operation == "join" and hasattr(target, "joiners"):
        joined: Task = target
        return joined
    return None


def _follow(task: Task, step: Callable[[Task], Task | None]) -> list[Task]:
    path: list[Task] = []
    current: Task | None = task
    while current is not None and current not in path:
        path.append(current)
        current = step(current)
    return path if current is None else [*path, current]


def _waiting_giver(task: Task) -> Task | None:
    giver = _giver(task)
    return giver if giver is not None and not idle(giver) else None


def _cycle(stuck: list[Task]) -> list[Task] | None:
    for task in stuck:
        path = _follow(task, _waiting_giver)
        if len(path) > 1 and path[-1] in path[:-1]:
            return path[path.index(path[-1]) : -1]
    return None


def _root(task: Task) -> Task:
    """The task at the end of the chain of waiting that begins with ``task``."""
    return _follow(task, _waiting_giver)[-1]


def _inboxes(tasks: list[Task]) -> list[str]:
    lines = []
    for task in tasks:
        waiting = task.inbox.waiting() if isinstance(task.inbox, Inbox) else []
        if waiting:
            shown = ", ".join(describe_message(message, 40) for message in waiting[:6])
            lines.append(f"  inbox of {task.name}: {shown}{' …' if len(waiting) > 6 else ''}")
    return lines


def deadlock_beside_others(tasks: list[Task]) -> Deadlock | None:
    """The deadlock among some tasks that no other task could end, though others still run; None where that is not certain."""
    still = sorted(standing_still(tasks, _giver), key=place_in_picture)
    if not still:
        return None
    error = explain_deadlock(still)
    others = [task.name for task in tasks if not task.done and (not task.blocked or task.timer)]
    if not others:
        return error
    told = type(error)(f"{error}\n  (meanwhile {', '.join(others[:6])}{' …' if len(others) > 6 else ''} run on)")
    told.about = error.about
    return told


def waits_for(task: Task) -> str:
    """What a task waits for, in the few words of a picture's last line."""
    target = task.target
    if task.operation in ("sleep", "pause"):
        return "sleeps" if task.operation == "sleep" else "paused by a fault"
    if isinstance(target, Future) and target.asked is not None:
        inbox, number, _ = target.asked
        return f"waits for {inbox.greenroom_name} to answer #{number}"
    if isinstance(target, Lock) and target.owner is not None:
        return f"waits for {target.greenroom_name}, held by {target.owner.name}"
    if task.operation == "join":
        return f"waits for {getattr(target, 'name', None) or getattr(target, 'greenroom_name', 'something')} to end"
    if isinstance(target, LoopQueue):
        return f"waits for {target.greenroom_name} to be woken"
    return f"waits for {getattr(target, 'greenroom_name', 'something')}"


def held(task: Task) -> bool:
    """Whether a fault that a machine has injected holds it: it goes on once the machine says so."""
    return not task.done and task.operation in ("pause", "hang")


def idle(task: Task) -> bool:
    """Whether it is an actor that waits for its next message, or a client for its next call."""
    if task.operation == "idle":
        return True
    return task.inbox is not None and task.target is task.inbox and task.operation in ("receive", "get")


def place_in_picture(task: Task) -> tuple[bool, int]:
    """How tasks are sorted: the scenario and the clients first, then the others as they were started."""
    return task.kind not in ("scenario", "client"), task.index
