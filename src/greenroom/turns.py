"""Whose turn it is: the default order, what the policy makes of it, and who is held back; a part of the scheduler.

Hot path: ``_choose`` is called at nearly every step, so what is rare (explored timers, held tasks) has a way of its own.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final, NoReturn

from greenroom.clock import FOREVER, Clock
from greenroom.names import Names
from greenroom.schedule import HOLD

if TYPE_CHECKING:
    from greenroom.dependence import Trace
    from greenroom.history import History
    from greenroom.policy import Policy
    from greenroom.task import Task

PREMATURE: Final = 32  # how many explored timers may expire while a task could run, lest a program that retries never catches up
HELD: Final = 1024  # the most steps of others for which a task is held back, lest a program that polls never ends


class Turns(Names):
    """The tasks that could run, and the choice among them.

    ``ready`` lists the tasks that could run, in the order in which they became able to; the first is the default.
    ``decisions`` counts the choices so far, and ``deviations`` are those of them that were not the default. ``held`` are
    tasks that the policy holds back: the default order takes them only when nothing else can run.
    """

    trace: Trace | None = None

    def __init__(self, policy: Policy, *, history: History | None, max_steps: int, explored_timers: bool) -> None:
        super().__init__()
        self.policy = policy
        self.clock = Clock()
        self.history = history
        self.ready: list[Task] = []
        self.steps = 0
        self.max_steps = max_steps
        self.horizon_ns = FOREVER
        self.explored_timers = explored_timers
        self.premature_left = PREMATURE
        self.decisions = 0
        self.deviations: list[tuple[int, str]] = []
        self.run_length = 0
        self.held: list[Task] = []
        self.held_until = 0

    def _next(self) -> Task | None:
        """The task to run now that the current one cannot, or None if none can."""
        ready = self.ready
        while not ready:
            expiring = self._expirable()
            if not expiring:
                return None
            if self.explored_timers:
                break
            for task in expiring:
                self._expire(task)
        self.run_length = 0
        if len(ready) == 1 and not self.explored_timers and self.trace is None and not self.held:
            return ready.pop()
        return self._choose()

    def _choose(self) -> Task:
        """One of ``ready`` (or a task whose timer may expire), taken out of it; at least one is there."""
        ready = self.ready
        if self.held or self.explored_timers:
            return self._choose_of_more()
        if len(ready) == 1:
            if self.trace is not None:
                self._only(ready[0])
            return ready.pop()
        decision = self.decisions
        self.decisions = decision + 1
        try:
            index = self.policy.choose(ready)
        except BaseException as error:  # noqa: BLE001 - whatever the policy raises belongs to the caller of the stage
            self._stop(error)
        if index < 0:
            return self._taken(self._hold(decision, ready))
        if index:
            self._deviate(decision, ready[index])
        return ready.pop(index)

    def _choose_of_more(self) -> Task:
        """As ``_choose``, where timers are choices or tasks are held back."""
        ready = self.ready
        options = ready
        if self.explored_timers and (self.premature_left or not ready):
            options = ready + self._expirable()
        if self.held:
            options = self._held_last(options)
        if len(options) == 1:
            if self.trace is not None:
                self._only(options[0])
            return self._taken(options[0])
        decision = self.decisions
        self.decisions = decision + 1
        try:
            index = self.policy.choose(options)
        except BaseException as error:  # noqa: BLE001 - whatever the policy raises belongs to the caller of the stage
            self._stop(error)
        if index < 0:
            return self._taken(self._hold(decision, options))
        if index:
            self._deviate(decision, options[index])
        return self._taken(options[index])

    def _taken(self, task: Task) -> Task:
        """The task, no longer ready, nor held back, nor waiting for its timer."""
        if task in self.held:
            self.held.remove(task)
        if task.blocked:
            if self.ready:
                self.premature_left -= 1
                if self.trace is not None and not self.premature_left:
                    self.trace.incomplete = f"timers expire only {PREMATURE} times in an execution while others could run"
            self._expire(task)
        self.ready.remove(task)
        return task

    def _deviate(self, decision: int, task: Task) -> None:
        """Note that the policy has taken that task against the default order."""
        self.run_length = 0
        self.deviations.append((decision, task.name))
        if self.history is not None:
            self.history.deviation = True

    def _hold(self, decision: int, options: list[Task]) -> Task:
        """Hold back the first option until nothing else can run; the task that runs instead."""
        task = options[0]
        if task in self.held:  # nothing else can run
            return task
        self.held.append(task)
        self.held_until = self.steps + min(HELD, self.max_steps // 8)
        self.run_length = 0
        self.deviations.append((decision, f"{HOLD}{task.name}"))
        if self.history is not None:
            self.history.recorded.append((self.clock.now_ns, task.name, "held", "", 0, "back until nothing else can run", True))
        return self._held_last(options)[0]

    def _held_last(self, options: list[Task]) -> list[Task]:
        if self.steps > self.held_until:
            self.held.clear()
        return [task for task in options if task not in self.held] + [task for task in self.held if task in options]

    def _expirable(self) -> list[Task]:
        earliest = self.clock.earliest()
        if earliest is None or earliest > self.horizon_ns:
            return []
        return [task for task in self.clock.expiring() if task.blocked]

    def _expire(self, task: Task) -> None:
        earliest = self.clock.earliest()
        assert earliest is not None
        self.clock.jump(earliest)
        if self.trace is not None and not self.explored_timers:
            self.trace.expired(task)
        task.timed_out = True
        task.blocked = False
        self.ready.append(task)

    def _only(self, task: Task) -> None:
        """Tell a policy that traces of a step that nobody had to choose."""
        policy: Any = self.policy
        try:
            policy.only(task)
        except BaseException as error:  # noqa: BLE001 - as if the policy had raised it
            self._stop(error)

    @abstractmethod
    def _stop(self, verdict: str | BaseException) -> NoReturn:
        """Stop the whole execution."""
