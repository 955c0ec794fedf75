"""Runs tasks one at a time, from one scheduling point to the next; knows no policy.

Hot path: nearly all of greenroom's time is spent in ``point`` and ``wait``. They decide in the greenlet of the task that
stops and switch straight to the one that goes on; the hub is entered only when a task ends or none can run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from greenlet import GreenletExit, getcurrent, greenlet

from greenroom.clock import FOREVER
from greenroom.greenlets import greenlet_for
from greenroom.names import nobody_can_wait
from greenroom.task import Kind, Task
from greenroom.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.history import Detail, History
    from greenroom.policy import Policy
    from greenroom.task import TaskGreenlet

FAIRNESS: Final = 128  # consecutive steps of one task after which the default order lets the others go first
KILLS: Final = 64  # how often a task may swallow its end before it is abandoned
_abandoned: list[TaskGreenlet] = []  # of tasks that would not end; kept, for dropping them would run them again


class _StoppedInHub(Exception):
    """A jump out of the hub's own choice, never seen outside."""


class Scheduler(Turns):
    """The tasks of one stage, one of which runs at a time.

    While a task runs, ``current`` is that task and it is not in ``ready``. ``verdict`` is set once the execution must stop
    before it has come to rest: "steps" (too many), "interrupt" (Ctrl-C), or the exception that the policy raised.
    ``foreground`` counts the tasks that are neither done nor daemons: once a scenario has none left, its process would end,
    so time stands still. ``kept`` is what simulated things keep for this stage alone, and
    ``at_close`` what they do once its last task has ended. ``trace``, if there is one, is told
    what each step touches. ``operations`` is the history that recorded clients of a scenario append to, if anybody wants
    that, and ``real_time`` what they touch for the trace: something that all beginnings and ends of operations have in
    common, where a check asks for their order.
    """

    greenroom_name = "the stage"
    real_time: Any = None

    def __init__(self, policy: Policy, *, history: History | None = None, max_steps: int = 20_000, explored_timers: bool = False) -> None:
        super().__init__(policy, history=history, max_steps=max_steps, explored_timers=explored_timers)
        self.operations = history
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self.hub: greenlet = getcurrent()
        self.closing = False
        self.verdict: str | BaseException | None = None
        self.foreground = 0
        self.actor_count = 0
        self.checkpoints: dict[str, Any] = {}
        self.kept: dict[Any, Any] = {}
        self.at_close: list[Callable[[], None]] = []
        self.roots = 0

    # -- what simulated primitives call, inside a task ------------------------------------------------------------

    def point(self, operation: str, target: Any) -> None:
        """Let others run before the running task's next visible operation."""
        task = self.current
        if task is None:
            return
        if self.closing:
            self._refuse_to_go_on()
        self.steps += 1
        if self.steps > self.max_steps:
            self._stop("steps")
        task.operation = operation
        task.target = target
        ready = self.ready
        if ready or self.explored_timers:
            if self.run_length >= FAIRNESS:
                self.run_length = 0
                ready.append(task)
            else:
                ready.insert(0, task)
            chosen = self._choose()
            if chosen is task:
                self.run_length += 1
            else:
                if ready[0] is task:
                    ready.append(ready.pop(0))
                self._switch(chosen)
        elif self.trace is not None:
            self._only(task)
        task.committed = False

    def give_way(self, operation: str, target: Any) -> None:
        """As ``point``, but the running task comes last in the default order (``sleep(0)``)."""
        self.run_length = FAIRNESS
        self.point(operation, target)

    def commit(self, operation: str, target: Any) -> None:
        """A visible operation that commutes neither with what came before it nor with what comes after."""
        task = self.current
        if task is not None:
            if task.committed:
                self.point(operation, target)
            task.committed = True

    def visible(self, operation: str, target: Any) -> None:
        """A visible operation of code that shares memory under locks: what it has read before may change here, so a point comes first."""
        task = self.current
        if task is not None:
            self.point(operation, target)
            task.committed = True

    def wait(self, operation: str, target: Any, waiters: list[Task], deadline_ns: int | None = None) -> bool:
        """Stop the running task until another one wakes it; False if the deadline came first.

        The task is appended to ``waiters``, and whoever wakes it takes it out again. At one instant a deadline and a wake
        race: until the task has run, being woken undoes its timeout.

        Raises:
            OutsideStage: there is no running task that could wait.
            StageClosed: ``target`` belongs to a stage that is closed.
        """
        task = self.current
        if task is None:
            raise nobody_can_wait(operation, target, closing=self.closing)
        if deadline_ns is not None and self.explored_timers and self.trace is not None:
            self.trace.touch(self.clock, "read")
        if deadline_ns is not None and deadline_ns <= self.clock.now_ns:
            self.point(operation, target)
            task.committed = True
            return False
        if self.closing:
            self._refuse_to_go_on()
        self.steps += 1
        if self.steps > self.max_steps:
            self._stop("steps")
        task.operation = operation
        task.target = target
        task.blocked = True
        task.timed_out = False
        waiters.append(task)
        if deadline_ns is not None:
            self.clock.set_timer(task, deadline_ns)
        chosen = self._next()
        if chosen is None:
            self._leave()
        elif chosen is not task:
            self._switch(chosen)
        task.committed = False
        task.timer = 0
        if not task.timed_out:
            return True
        if task in waiters:
            waiters.remove(task)
        # Where expiries are choices, one is a visible operation: the next needs a point of its own.
        task.committed = self.explored_timers
        return False

    def wake(self, task: Task) -> None:
        """Make a waiting task able to run."""
        if self.trace is not None:
            self.trace.woke(task)
        task.timed_out = False
        if task.blocked:
            task.blocked = False
            self.ready.append(task)

    def wake_all(self, waiters: list[Task]) -> None:
        """Make all of ``waiters`` able to run, in their order, and forget them."""
        trace = self.trace
        for task in waiters:
            if trace is not None:
                trace.woke(task)
            task.timed_out = False
            if task.blocked:
                task.blocked = False
                self.ready.append(task)
        waiters.clear()

    def choose_value(self, count: int) -> int:
        """A nondeterministic choice of the program under test, among ``count`` values."""
        if count < 2 or self.closing:
            return 0
        self.commit("choose", self)
        decision = self.decisions
        self.decisions += 1
        try:
            index = self.policy.choose_value(count)
        except BaseException as error:  # noqa: BLE001 - whatever the policy raises belongs to the caller of the stage
            self._stop(error)
        if index:
            self.deviations.append((decision, f"#{index}"))
            if self.history is not None:
                self.history.deviation = True
        return index

    # -- what the stage calls, in the hub -------------------------------------------------------------------------

    def spawn(self, name: str, kind: Kind, function: Callable[[], Any], *, daemon: bool = False, idle_in: list[Task] | None = None) -> Task:
        """A new task, able to run at once, or waiting in ``idle_in`` for its first message."""
        task = Task(self, len(self.tasks), name, kind, function)
        parent = self.current
        if parent is None:
            self.roots += 1
            task.path = (self.roots,)
        else:
            parent.children += 1
            task.path = (*parent.path, parent.children)
        task.daemon = daemon
        if not daemon:
            self.foreground += 1
        self.tasks.append(task)
        if self.trace is not None:
            self.trace.spawned()
        if idle_in is None:
            self.ready.append(task)
        else:
            task.operation = "receive"
            task.blocked = task.fresh = True
            idle_in.append(task)
        if self.closing:
            task.done = True
        return task

    def record(self, kind: str, target: str = "", number: int = 0, detail: Detail = "") -> None:
        """Write down what the running task has just done; call it only where there is a history."""
        history = self.history
        assert history is not None
        if self.closing:
            return
        task = self.current
        name = "" if task is None else task.name
        history.recorded.append((self.clock.now_ns, name, kind, target, number, detail, history.deviation))
        history.deviation = False

    def forget(self, task: Task) -> None:
        """Free the name of a finished task that nobody will ask for again, and its number as well if it is the youngest."""
        if task.done:
            self.names.pop(task.name, None)
            if self.tasks and self.tasks[-1] is task:
                self.tasks.pop()

    def live(self, task: Task) -> None:
        """The whole life of a task, in its own greenlet."""
        try:
            task.result = task.function()
        except GreenletExit:
            pass
        except BaseException as error:  # noqa: BLE001 - kept for the stage to judge
            task.error = error
        task.done = True
        task.greenlet = None
        if self.trace is not None:
            self.trace.touch(task, "write")
            self.trace.publish(task)
        if task.joiners:
            self.wake_all(task.joiners)
        if not task.daemon:
            self.foreground -= 1
            if not self.foreground and self.tasks[0].kind == "scenario":
                self.horizon_ns = self.clock.now_ns

    def run(self, horizon_ns: int = FOREVER) -> None:
        """Run until nothing can run (up to the horizon), or until a verdict stops it."""
        self.hub = getcurrent()
        self.horizon_ns = horizon_ns
        while self.verdict is None:
            try:
                task = self._next()
            except _StoppedInHub:
                return
            if task is None:
                return
            self._switch(task)
            self.current = None

    def close(self) -> None:
        """End every task that is left, newest first; nothing that they still do has an effect on others."""
        self.closing = True
        self.hub = getcurrent()
        for task in reversed(list(self.tasks)):
            running = task.greenlet
            if running is not None:
                self._end(task, running)
            task.done = True
            task.greenlet = None
        self.ready.clear()
        while self.at_close:
            self.at_close.pop()()
        self.kept.clear()
        self.current = None

    def interrupt(self, verdict: str | BaseException = "interrupt") -> None:
        """Stop at once, from a signal handler inside the running task: for Ctrl-C, and for a task that blocks for real."""
        if self.closing:
            raise GreenletExit
        self._stop(verdict)

    def _end(self, task: Task, running: TaskGreenlet) -> None:
        for _ in range(KILLS):
            if task.done or running.dead:
                return
            self.current = task
            running.parent = self.hub
            try:
                running.throw(GreenletExit)
            except BaseException as error:  # noqa: BLE001 - a task's last words; its stage is over
                task.error = task.error or error
            finally:
                self.current = None
        _abandoned.append(running)

    def _refuse_to_go_on(self) -> None:
        """Called by a task that is being ended and wants to do something visible."""
        task = self.current
        assert task is not None
        task.refusals += 1
        if task.refusals > KILLS:
            self._leave()
        raise GreenletExit

    # -- inside ---------------------------------------------------------------------------------------------------

    def _switch(self, task: Task) -> None:
        self.current = task
        running = task.greenlet
        if running is None:
            running = task.greenlet = greenlet_for(task)
        running.switch()

    def _stop(self, verdict: str | BaseException) -> NoReturn:
        """Stop the whole execution from inside a task (or from the hub)."""
        self.verdict = verdict
        if getcurrent() is self.hub:
            raise _StoppedInHub
        self._leave()
        raise GreenletExit

    def _leave(self) -> None:
        """Go back to the hub; a task that is switched to again goes on behind this call."""
        self.current = None
        self.hub.switch()
        if self.closing:
            self._refuse_to_go_on()
