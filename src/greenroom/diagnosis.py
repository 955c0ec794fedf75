"""Judges an execution that has come to rest: which promise broke, and why, in the words of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka

from greenroom.describe import describe, describe_message
from greenroom.errors import ActorDied, Deadlock, GreenroomError, LeftBehind, Livelock, ReplyNeverComes, SelfAsk, ThreadDied
from greenroom.runtime import Future, Inbox
from greenroom.shims.locks import Condition, Lock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from greenroom.history import History
    from greenroom.task import Task


def judge(  # noqa: PLR0911 - one way out for each promise, in the order in which they are looked at
    tasks: list[Task], *, ignore: Collection[type[GreenroomError]] = ()
) -> BaseException | None:
    """The first broken promise among those that hold for every program, or None.

    ``tasks`` are all tasks of a stage at rest. What the scenario itself raised comes first, unless it only met an actor that had died
    unseen.
    """

    def wanted(kind: type[GreenroomError]) -> bool:
        return not any(issubclass(kind, ignored) for ignored in ignore)

    died = unseen_death(tasks) if wanted(ActorDied) else None
    raised = next((task.error for task in tasks if task.kind in ("scenario", "client") and task.error is not None), None)
    if raised is not None:
        if died is not None and isinstance(raised, pykka.ActorDeadError):
            died.__cause__ = raised
            return died
        return raised
    stuck = stuck_tasks(tasks)
    if died is not None:
        if stuck:
            died = ActorDied(f"{died}\n  and {_sentence(stuck[0])}")
        return died
    crashed = unseen_crash(tasks)
    if crashed is not None and wanted(ThreadDied):
        return crashed
    if stuck:
        deadlock = explain_deadlock(stuck)
        if wanted(type(deadlock)):
            return deadlock
    left = left_behind(tasks)
    if left and wanted(LeftBehind):
        return left_behind_error(left)
    return None


def livelock(tasks: list[Task], max_steps: int, recent: Iterable[str] = ()) -> Livelock:
    """The program was still going on after ``max_steps`` steps."""
    going = [task.name for task in tasks if not task.done and not task.blocked] or ["timers"]
    goes = "keeps" if len(going) == 1 and going != ["timers"] else "keep"
    lines = [f"still running after {max_steps:,} steps: {', '.join(going)} {goes} going without coming to an end"]
    lines += [f"  {_sentence(task)}" for task in stuck_tasks(tasks) if not task.timer]
    lines += [f"  {line}" for line in recent]
    lines.append("  if the program is only long, raise max_steps")
    return Livelock("\n".join(lines))


def idle(task: Task) -> bool:
    """Whether it is an actor that waits for its next message, or a client for its next call."""
    if task.operation == "idle":
        return True
    return task.inbox is not None and task.target is task.inbox and task.operation in ("receive", "get")


def stuck_tasks(tasks: list[Task]) -> list[Task]:
    """The tasks that wait for something other than an actor's next message; the scenario and its clients first."""
    stuck = [task for task in tasks if not task.done and task.blocked and not task.daemon and not idle(task) and not _idle_thread(task)]
    return sorted(stuck, key=_place_in_picture)


def left_behind(tasks: list[Task]) -> list[Task]:
    """Actors and threads that are not daemons and were still alive at the end."""
    return [task for task in tasks if not task.done and not task.daemon and task.kind in ("actor", "thread")]


def _idle_thread(task: Task) -> bool:
    return task.kind == "thread" and task.operation in ("get", "wait", "acquire", "join", "put") and not isinstance(task.target, Future)


def left_behind_error(left: list[Task]) -> LeftBehind:
    """The error that names those who were left."""
    names = ", ".join(task.name for task in left)
    one = len(left) == 1
    kind = left[0].kind if one else ("actors" if all(task.kind == "actor" for task in left) else "tasks")
    lines = [f"{len(left)} {kind} still alive when the scenario was over: {names}"]
    for task in left:
        waiting = task.inbox.waiting() if isinstance(task.inbox, Inbox) else []
        if waiting:
            lines.append(f"  {task.name} still has in its inbox: {', '.join(describe_message(message) for message in waiting)}")
    lines.append("  on real threads the process would not exit: stop them (ref.stop(), pykka.ActorRegistry.stop_all(), thread.join())")
    return LeftBehind("\n".join(lines))


def unseen_death(tasks: list[Task]) -> ActorDied | None:
    """The error for the first actor that ended by an exception nobody saw, or None."""
    for task in tasks:
        if task.kind == "actor" and task.error is not None:
            death = ActorDied(
                f"the loop of {task.name} itself ended by {describe(task.error)}: the actor is still registered, and never reads again"
            )
            death.__cause__ = task.error
            return death
        if task.died_of is not None and not task.seen_failure:
            handled = task.died_handling
            at = f" while it handled {describe_message(handled.message)}" if handled is not None else ""
            death = ActorDied(
                f"{task.name} died of {describe(task.died_of)}{at}; it was told, not asked, so nobody saw the exception "
                "(handle it in the actor, or override on_failure)"
            )
            death.__cause__ = task.died_of
            return death
    return None


def unseen_crash(tasks: list[Task]) -> ThreadDied | None:
    """The error for the first thread that ended by an exception, or None; ``SystemExit`` is a thread's way to end itself."""
    for task in tasks:
        if task.kind == "thread" and task.error is not None and not isinstance(task.error, SystemExit):
            crash = ThreadDied(f"thread {task.name} ended by {describe(task.error)}, and nothing saw it")
            crash.__cause__ = task.error
            return crash
    return None


# -- how it ended, for the picture ---------------------------------------------------------------------------------


def conclude(history: History, tasks: list[Task], error: BaseException | None) -> None:
    """Write into ``history`` how each of ``tasks`` ended, and what of that is told by ``error``."""
    stuck = stuck_tasks(tasks)
    history.ended_blocked = {task.name: task.operation for task in tasks if not task.done}
    history.endings = {task.name: _ending(task, stuck) for task in sorted(tasks, key=_place_in_picture)}
    history.ended_by = ""
    if tasks and tasks[0].scheduler.verdict == "steps":
        history.ended_by = "steps"
    elif tasks and tasks[0].kind == "scenario" and error is not None and tasks[0].error is error:
        # Who meets a dead actor wants to see who stopped it.
        history.ended_by = "" if isinstance(error, pykka.ActorDeadError) else "scenario"


def _place_in_picture(task: Task) -> tuple[bool, int]:
    return task.kind not in ("scenario", "client"), task.index


def _ending(task: Task, stuck: list[Task]) -> str:
    if task.done:
        failed = task.died_of or task.error
        return "done" if failed is None or isinstance(failed, SystemExit) else f"✗ {type(failed).__name__}"
    if not task.blocked:
        return "goes on"
    if idle(task):
        return "idle"
    mark = "✗ " if task in stuck and not task.timer else ""
    return mark + _waits_for(task)


def _waits_for(task: Task) -> str:
    target = task.target
    if task.operation == "sleep":
        return "sleeps"
    if isinstance(target, Future) and target.asked is not None:
        inbox, number, _ = target.asked
        return f"waits for {inbox.greenroom_name} to answer #{number}"
    if isinstance(target, Lock) and target.owner is not None:
        return f"waits for {target.greenroom_name}, held by {target.owner.name}"
    if task.operation == "join":
        return f"waits for {getattr(target, 'name', None) or getattr(target, 'greenroom_name', 'something')} to end"
    return f"waits for {getattr(target, 'greenroom_name', 'something')}"


# -- deadlock: who waits for whom ---------------------------------------------------------------------------------


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
        head = "deadlock: " + " waits for ".join([*names, names[0]])
        shown = [*cycle, *(task for task in stuck if task not in cycle)]
    else:
        root = _root(stuck[0])
        shown = [root, *(task for task in stuck if task is not root)]
        if isinstance(root.target, Future) and _giver(root) is None:
            kind = ReplyNeverComes
            head = f"{root.name} waits for ever: " + _why_no_reply(root.target)
        else:
            head = f"{root.name} waits for ever, and no task is left that could end that"
    lines = [head, *(f"  {_sentence(task)}" for task in shown)]
    lines += _inboxes(shown)
    return kind("\n".join(lines))


def _sentence(task: Task) -> str:
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
    if isinstance(target, Condition):
        return f"{task.name}{handled} waits to be notified by {target.greenroom_name} (made at {_short(target.greenroom_origin)})"
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
