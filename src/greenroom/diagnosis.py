"""Judges an execution that has come to rest: which promise broke, and why, in the words of the program."""

from __future__ import annotations

from threading import Timer
from typing import TYPE_CHECKING, Final, TypeVar

import pykka

from greenroom.deadlock import deadlock_beside_others, explain_deadlock, held, idle, place_in_picture, sentence, waits_for
from greenroom.describe import describe_among, describe_message
from greenroom.errors import (
    ActorDied,
    AsyncioTaskDied,
    CallbackRaised,
    ClaimBroken,
    Deadlock,
    GreenroomError,
    LeftBehind,
    Livelock,
    PromiseBroken,
    ThreadDied,
)
from greenroom.focus import focus_of
from greenroom.loop_deaths import unretrieved, unseen_raise
from greenroom.runtime import Future, Inbox
from greenroom.shims.loop_queue import LoopQueue, asyncio_task_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from greenroom.history import History
    from greenroom.task import Task

_Died = TypeVar("_Died", bound=PromiseBroken)
_IDLE: Final = frozenset({"get", "wait", "acquire", "join", "put", "select"})  # what a thread may well wait in for ever
_MOST_OPERATIONS: Final = 8  # of the longest legal order, the last


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
            died.about = (*died.about, *(task.name for task in tasks if task.error is raised))
            return died
        return raised
    stuck = stuck_tasks(tasks)
    if died is not None:
        return _with_who_waits(died, stuck[0]) if stuck else died
    crashed = unseen_crash(tasks)
    if crashed is not None and wanted(ThreadDied):
        return crashed
    in_loop = next((error for error in (unseen_raise(tasks), unretrieved(tasks)) if error is not None and wanted(type(error))), None)
    if in_loop is not None:
        return _with_who_waits(in_loop, stuck[0]) if stuck else in_loop
    if stuck:
        deadlock = explain_deadlock(stuck)
        if wanted(type(deadlock)):
            return deadlock
    if wanted(LeftBehind):
        left = left_behind(tasks)
        return left_behind_error(left) if left else forgotten(tasks)
    return None


def livelock(tasks: list[Task], max_steps: int, recent: Iterable[str] = ()) -> Livelock:
    """The program was still going on after ``max_steps`` steps."""
    going = [task.name for task in tasks if not task.done and not task.blocked]
    going = going or [task.name for task in tasks if not task.done and task.timer]
    goes = "keeps" if len(going) == 1 else "keep"
    lines = [f"still running after {max_steps:,} steps: {', '.join(going)} {goes} going without coming to an end"]
    lines += [f"  {sentence(task)}" for task in stuck_tasks(tasks) if not task.timer]
    lines += [f"  {line}" for line in recent]
    lines.append("  if the program is only long, raise max_steps")
    error = Livelock("\n".join(lines))
    error.about = tuple(task.name for task in tasks if not (task.done or task.daemon or (task.blocked and idle(task))))
    return error


def judge_unfinished(tasks: list[Task], max_steps: int, *, ignore: Collection[type[GreenroomError]] = ()) -> BaseException | None:
    """As ``judge``, where the limit of steps has ended the execution: only what is certain though tasks still run."""

    def wanted(kind: type[GreenroomError]) -> bool:
        return not any(issubclass(kind, ignored) for ignored in ignore)

    main = tasks[0]
    busy = [task for task in left_behind(tasks) if not task.blocked or task.timer]
    if main.done and (main.error is not None or not busy):
        return judge(tasks, ignore=ignore)
    found: list[PromiseBroken | None] = [unseen_death(tasks), unseen_crash(tasks), unseen_raise(tasks), deadlock_beside_others(tasks)]
    found.append(_never_at_rest(main, busy) if main.done else livelock(tasks, max_steps))
    return next((error for error in found if error is not None and wanted(type(error))), None)


def _never_at_rest(main: Task, busy: list[Task]) -> LeftBehind:
    names = ", ".join(f"{task.name}{_calls(task)}" for task in busy)
    error = LeftBehind(f"the scenario is over, but these never come to rest: {names}; stop them before it returns (a timer: cancel())")
    error.about = tuple(task.name for task in (main, *busy))
    return error


def stuck_tasks(tasks: list[Task]) -> list[Task]:
    """The tasks that wait for something other than an actor's next message; the scenario and its clients first."""
    stuck = [task for task in tasks if _is_stuck(task)]
    return sorted(stuck, key=place_in_picture)


def _is_stuck(task: Task) -> bool:
    return task.blocked and not (task.done or task.daemon or held(task) or idle(task) or _idle_thread(task))


def left_behind(tasks: list[Task]) -> list[Task]:
    """Actors and threads that are not daemons and were still alive at the end."""
    return [task for task in tasks if not task.done and not task.daemon and task.kind in ("actor", "thread")]


def _idle_thread(task: Task) -> bool:
    return task.kind == "thread" and task.operation in _IDLE and not isinstance(task.target, Future)


def left_behind_error(left: list[Task]) -> LeftBehind:
    """The error that names those who were left."""
    names = ", ".join(f"{task.name}{_calls(task)}" for task in left)
    kinds = {"timer" if _is_timer(task) else task.kind for task in left}
    kind = kinds.pop() if len(kinds) == 1 else "task"
    kind += "s" * (len(left) > 1)
    lines = [f"{len(left)} {kind} still alive when the scenario was over: {names}"]
    for task in left:
        waiting = task.inbox.waiting() if isinstance(task.inbox, Inbox) else []
        if waiting:
            lines.append(f"  {task.name} still has in its inbox: {', '.join(describe_message(message) for message in waiting)}")
    lines.append("  on real threads the process would not exit: stop them (ref.stop(), pykka.ActorRegistry.stop_all(), thread.join())")
    error = LeftBehind("\n".join(lines))
    error.about = tuple(task.name for task in left) + tuple(task.name for task in left[0].scheduler.tasks[:1] if task.kind == "scenario")
    return error


def forgotten(tasks: list[Task]) -> LeftBehind | None:
    """The error for asyncio tasks whose loop no longer runs though they have not come to their end, or None."""
    loops: list[LoopQueue] = tasks[0].scheduler.kept.get(LoopQueue, []) if tasks else []
    pending = [(task, queue) for queue in loops if queue.loop._thread_id is None for task in queue.unfinished()]
    if not pending:
        return None
    names = ", ".join(f"{asyncio_task_text(task)} of {queue.greenroom_name}" for task, queue in pending)
    error = LeftBehind(
        f"{len(pending)} asyncio task{'s' * (len(pending) > 1)} still pending when the scenario was over: {names}\n"
        "  their loop no longer runs, so nobody goes on with them: await or cancel them before it stops, as asyncio.run() does"
    )
    error.about = tuple(task.name for task in tasks[:1])
    return error


def _is_timer(task: Task) -> bool:
    return isinstance(task.thread, Timer)


def _calls(task: Task) -> str:
    """What a timer will call: its name says nothing to the reader."""
    return f" (calls {getattr(task.thread.function, '__qualname__', 'something')})" if _is_timer(task) else ""


def unseen_death(tasks: list[Task]) -> ActorDied | None:
    """The error for the first actor that ended by an exception nobody saw, or None."""
    for task in tasks:
        if task.kind == "actor" and task.error is not None:
            ended = f"the loop of {task.name} itself ended by {describe_among(task.error, tasks)}"
            death = ActorDied(f"{ended}: the actor is still registered, and never reads again")
            death.__cause__ = task.error
            death.about = (task.name,)
            return death
        if task.died_of is not None and not task.seen_failure:
            handled = task.died_handling
            at, why = " in on_start", "no message is there that could have been answered with it (handle it in on_start)"
            if handled is not None:
                at = f" while it handled {describe_message(handled.message)}"
                why = "it was told, not asked, so nobody saw the exception (handle it in the actor, or override on_failure)"
            death = ActorDied(f"{task.name} died of {describe_among(task.died_of, tasks)}{at}; {why}")
            death.__cause__ = task.died_of
            death.about = (task.name,)
            return death
    return None


def _with_who_waits(died: _Died, stuck: Task) -> _Died:
    told = type(died)(f"{died}\n  and {sentence(stuck)}")
    told.__cause__ = died.__cause__
    told.about = (*died.about, stuck.name)
    return told


def unseen_crash(tasks: list[Task]) -> ThreadDied | None:
    """The error for the first thread that ended by an exception, or None; ``SystemExit`` is a thread's way to end itself."""
    for task in tasks:
        if task.kind == "thread" and task.error is not None and not isinstance(task.error, SystemExit):
            ended = f"thread {task.name} ended by {describe_among(task.error, tasks)}"
            crash = ThreadDied(f"{ended}, and nothing saw it (catch it in the thread, and hand it on)")
            crash.__cause__ = task.error
            crash.about = (task.name,)
            return crash
    return None


# -- how it ended, for the picture ---------------------------------------------------------------------------------


def conclude(history: History, tasks: list[Task], error: BaseException | None) -> None:
    """Write into ``history`` how each of ``tasks`` ended, and what of that is told by ``error``."""
    stuck = [task.name for task in stuck_tasks(tasks)]
    if isinstance(error, Deadlock):
        stuck += error.about  # also daemons, on whom the others wait
    history.ended_blocked = {task.name: task.operation for task in tasks if not task.done}
    history.endings = {task.name: _ending(task, stuck) for task in sorted(tasks, key=place_in_picture)}
    if isinstance(error, AsyncioTaskDied | CallbackRaised) and error.about[0] not in stuck:
        history.endings[error.about[0]] = f"✗ {type(error.__cause__).__name__} unseen"
    history.ended_by = ""
    if tasks and tasks[0].scheduler.verdict == "steps":
        history.ended_by = "steps" if isinstance(error, Livelock) else ""
    elif tasks and tasks[0].kind == "scenario" and error is not None and tasks[0].error is error:
        # Who meets a dead actor wants to see who stopped it.
        history.ended_by = "" if isinstance(error, pykka.ActorDeadError) else "scenario"
    elif isinstance(error, ClaimBroken) and error.judgement.refused:
        history.ended_by = "scenario"  # about what clients saw: how all was stopped afterwards tells nothing
        shown = (*error.judgement.prefix[-_MOST_OPERATIONS:], *(operation for operation, _ in error.judgement.refused))
        history.focus_operations = tuple(operation.serial for operation in shown)
    history.focus = focus_of(tasks, error)


def _ending(task: Task, stuck: list[str]) -> str:
    if task.done:
        failed = task.died_of or task.error
        return "done" if failed is None or isinstance(failed, SystemExit) else f"✗ {type(failed).__name__}"
    if not task.blocked:
        return "goes on"
    if idle(task):
        return "idle"
    mark = "✗ " if task.name in stuck and not task.timer else ""
    return mark + waits_for(task)
