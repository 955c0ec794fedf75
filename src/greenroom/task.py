"""A task: anything that the scheduler can run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from greenroom.scheduler import Scheduler

Kind = Literal["scenario", "client", "actor", "thread"]


class TaskGreenlet(greenlet):
    """The greenlet of a task; its class is how simulated code tells that it is inside one."""

    task: Task


class Task:
    """One flow of control: the scenario, a client, an actor's loop, or a thread that the program started.

    ``operation`` and ``target`` say what it will do when it is chosen next. ``committed`` is true once the step it is in has
    done something that others can see or depend on: the next visible operation then needs a scheduling point before it
    (Lipton, "Reduction", CACM 1975). That holds for actors, who share nothing but messages; every operation of a lock, a queue
    or the like has a point of its own. ``path`` names the task whatever the schedule: the path of the task that started it, and
    how many that one had started by then.
    """

    __slots__ = (
        "actor",
        "blocked",
        "children",
        "committed",
        "daemon",
        "died_handling",
        "died_of",
        "done",
        "error",
        "fresh",
        "function",
        "greenlet",
        "handling",
        "handling_number",
        "inbox",
        "index",
        "joiners",
        "kind",
        "name",
        "operation",
        "path",
        "random",
        "refusals",
        "result",
        "scheduler",
        "seen_failure",
        "target",
        "thread",
        "timed_out",
        "timer",
        "uuids",
    )

    def __init__(self, scheduler: Scheduler, index: int, name: str, kind: Kind, function: Callable[[], Any]) -> None:
        self.scheduler = scheduler
        self.index = index
        self.name = name
        self.kind: Kind = kind
        self.function = function
        self.greenlet: TaskGreenlet | None = None
        self.operation = "begin"
        self.path: tuple[int, ...] = ()
        self.children = 0
        self.uuids = 0
        self.random: Random | None = None
        self.target: Any = None
        self.committed = False
        self.blocked = False
        self.fresh = False
        self.done = False
        self.daemon = False
        self.timer = 0
        self.timed_out = False
        self.joiners: list[Task] = []
        self.handling: Any = None
        self.handling_number = 0
        self.refusals = 0
        self.inbox: Any = None
        self.actor: Any = None
        self.thread: Any = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.died_of: BaseException | None = None
        self.died_handling: Any = None
        self.seen_failure = False

    def __repr__(self) -> str:
        return f"<Task {self.name}: {'done' if self.done else self.operation}>"


def current_task() -> Task | None:
    """The task whose code is running, or None outside every stage."""
    running = getcurrent()
    return running.task if type(running) is TaskGreenlet else None
