"""ActorMachine: a Hypothesis state machine whose actors live on a stage, so that schedules shrink beside the program."""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, ClassVar

import pykka
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException, StopTest, UnsatisfiedAssumption
from hypothesis.stateful import initialize, invariant, precondition, rule

from greenroom import diagnosis, onlooker
from greenroom.claims import Claims
from greenroom.client import Client, StageClient, ThreadClient
from greenroom.deadlock import explain_deadlock, held
from greenroom.errors import UsageError
from greenroom.failure import Failure
from greenroom.fault_rules import add_fault_rules
from greenroom.history import History, Operation
from greenroom.injection import Injection
from greenroom.judging import Judging
from greenroom.lines import Lines, modules_named
from greenroom.machine_run import TestCaseThatShrinks
from greenroom.policies.drawn import from_bytes, schedule_bytes
from greenroom.policies.fifo import Fifo
from greenroom.recording import Recorded
from greenroom.render.lanes import lanes
from greenroom.rule_choice import narrow
from greenroom.schedule import Schedule
from greenroom.stage import Stage
from greenroom.told import Ran, listeners, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.policy import Policy
    from greenroom.task import Task

ACTORS_VARIABLE = "GREENROOM_ACTORS"


class _Switched:
    """The policy of a machine's stage: what the last ``run`` drew, the default order otherwise."""

    def __init__(self) -> None:
        self.now: Policy = Fifo()

    def begin(self, execution: int) -> None:
        """One example is one execution."""

    def choose(self, options: Sequence[Task]) -> int:
        """As the current policy."""
        return self.now.choose(options)

    def choose_value(self, count: int) -> int:
        """As the current policy."""
        return self.now.choose_value(count)


class ActorMachine(Injection, Claims, Judging, Recorded):
    """A RuleBasedStateMachine that drives unmodified Pykka actors on a controlled schedule, in virtual time.

    Write ``start_actors`` (and ``stop_actors`` where ``ActorRegistry.stop_all()`` is not enough), and rules that give calls to clients:
    ``self.client("alice").ask(self.counter, message)`` returns an ``Operation``, which is pending until the rule ``run`` lets the actors
    work. ``advance`` lets virtual time pass, and each of ``faults`` is a rule as well. After each step the built-in claims hold: no actor
    dies unseen, no task waits for ever, no message is left lying.

    At the end come two phases. Safety: what is under way goes on, under the faults that there are, and the claims hold. Liveness: all
    faults end, and the system must converge: everything settles, every call is answered, ``at_rest`` and the ``checks`` hold, the actors
    are stopped, and none is left.

    With ``GREENROOM_ACTORS=threads`` (pytest: ``--actors=threads``) the same rules run on Pykka's own threads: ``run`` then waits for the
    clients, schedules are ignored, time cannot be advanced, and of the faults those of ports are left that need no virtual time.

    Attributes:
        granularity: "message" (tasks are switched at visible operations) or "line" (also before each source line of ``lines_of``).
        lines_of: names of modules and packages, for "line"; the machine's own module if none is given.
        settle_s: virtual seconds granted at the end for what is under way.
        patience_s: real seconds that ``run`` waits on real threads.
    """

    TestCase = TestCaseThatShrinks()
    granularity: ClassVar[str] = "message"
    lines_of: ClassVar[tuple[str, ...]] = ()
    max_steps: ClassVar[int] = 20_000
    settle_s: ClassVar[float] = 600.0
    patience_s: ClassVar[float] = 20.0
    _fault_rules: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._fault_rules = add_fault_rules(cls)

    def __init__(self) -> None:
        super().__init__()
        self._rules_strategy = narrow(getattr(self, "_rules_strategy", None))
        self._prepare_claims()
        self._prepare_judging()
        self._handled_outside = sys.exc_info()[1]
        self._actors_before = pykka.ActorRegistry.get_all()
        self.on_threads = _on_threads()
        self.history = History()
        self.operations: list[Operation] = self.history.operations
        self._prepare_injection()
        self._clients: dict[str, Client] = {}
        self._policy = _Switched()
        self._lines: Lines | nullcontext[None] = nullcontext()
        self._stage: Stage | None = None
        self._ending = b""
        self._stopped = False
        if not self.on_threads:
            self._stage = Stage(self._policy, history=self.history, max_steps=sys.maxsize)
            self._stage.__enter__()
        try:
            self._switch_at_lines()
            self.perform(self.start_actors)
            self._check_faults()
        except BaseException as error:
            if _is_failure(error):
                self._show(error)
            self._close()
            raise

    # -- to be written by the user ----------------------------------------------------------------------------------

    def start_actors(self) -> None:
        """Start the system under test; called inside a task, before the first rule."""

    def stop_actors(self) -> None:
        """Stop the system under test; called inside a task, after everything has settled."""
        pykka.ActorRegistry.stop_all()

    def at_rest(self) -> None:
        """Last checks, when every call has been answered and the actors still live."""

    # -- to be used in rules -----------------------------------------------------------------------------------------

    def client(self, name: str) -> Client:
        """The client of that name: it makes its calls one after another, and they are recorded in ``operations``."""
        known = self._clients.get(name)
        if known is None:
            if self._stage is None:
                known = ThreadClient(name, self.history, time.perf_counter_ns)
            else:
                known = StageClient(name, self.history, self._stage)
                known.kept = self._calls
            self._clients[name] = known
        return known

    def perform(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``function`` inside a task, in the default order, and wait for its result; for set-up and for looking.

        Raises:
            Deadlock: it can never end.
            Exception: what it raised.
        """
        if self._stage is None:
            return function(*arguments)
        task = self._ports.bypassed_by = self._stage.spawn("machine", lambda: function(*arguments))
        task.daemon = True
        self._drive(Fifo(), self.now_s)
        limit = self.now_s + self.settle_s
        while not task.done and self._next_timer_s() <= limit:
            self._drive(Fifo(), self._next_timer_s())
        if not task.done:
            waiting = [other.name for other in self._stage.tasks if held(other)]
            if waiting:
                raise UsageError(
                    f"perform() waits for what a fault holds up, {', '.join(waiting)}: call heal(), resume() or release() first"
                )
            raise explain_deadlock([task])
        self._stage.scheduler.forget(task)
        if task.error is not None:
            raise task.error
        return task.result

    @property
    def now_s(self) -> float:
        """Virtual seconds since the machine started; 0 on real threads."""
        return self._stage.now_s if self._stage is not None else 0.0

    @property
    def steps(self) -> int:
        """Scheduling points so far; 0 on real threads."""
        return self._stage.scheduler.steps if self._stage is not None else 0

    @property
    def stage(self) -> Stage:
        """The stage, for looking at its tasks; there is none on real threads."""
        if self._stage is None:
            raise UsageError("there is no stage on real threads")
        return self._stage

    def policy_for(self, schedule: bytes) -> Policy:
        """What makes the choices on a drawn schedule. A subclass may have them made otherwise, if alike when an example is run again."""
        return from_bytes(schedule)

    def settle(self) -> None:
        """Run until nothing is left to do and no call is pending, ``settle_s`` virtual seconds at most."""
        if self._stage is None:
            self._wait_for_clients()
            return
        limit = self.now_s + self.settle_s
        self._drive(self.policy_for(self._ending), self.now_s)
        while any(not operation.done for operation in self.operations) and self._next_timer_s() <= limit:
            self._drive(Fifo(), self._next_timer_s())

    # -- rules and invariants that every machine has -------------------------------------------------------------------

    @initialize(schedule=schedule_bytes())
    def choose_ending(self, schedule: bytes) -> None:
        """The schedule on which the machine settles after the last rule: most programs end with work under way."""
        self._ending = schedule

    @rule(schedule=schedule_bytes())
    def run(self, schedule: bytes) -> None:
        """Let the actors and clients work, on this schedule, until none can go on without time passing."""
        if self._stage is None:
            self._wait_for_clients()
        else:
            self._drive(self.policy_for(schedule), self.now_s)

    @precondition(lambda self: not self.on_threads)
    @rule(seconds=st.sampled_from((0.1, 1.0, 5.0, 30.0)), schedule=st.binary(max_size=8))  # one choice less, to stay narrow
    def advance(self, seconds: float, schedule: bytes) -> None:
        """Let virtual time pass."""
        self._drive(self.policy_for(schedule), self.now_s + seconds)

    @invariant()
    def no_promise_is_broken(self) -> None:
        """What holds after each step of any actor program: the built-in claims that are on."""
        self._check_after_step()

    # -- the end ---------------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Settle, check, stop, check again; after a failure only show the picture and clean up. Draws nothing."""
        error = sys.exc_info()[1]
        if error is self._handled_outside:  # the machine runs inside somebody's except clause
            error = None
        try:
            if error is None:
                self._finish()
        except BaseException as late:
            error = late
            raise
        finally:
            if error is not None and _is_failure(error):
                self._show(error)
            if listeners:
                tell(self._ran())
            self._close()
        if error is None:
            self._judge_second_run()

    def _finish(self) -> None:
        if self._stage is not None:
            self._drive(self.policy_for(self._ending), self.now_s)
            self._check_after_step()
        self.heal()
        self.settle()
        self._check_after_step()
        self.every_call_is_answered()
        self.at_rest()
        self._judge_history()
        self.memory_is_flat()
        self._stopped = True
        self.perform(self.stop_actors)
        self._drive_to_rest()
        self.no_asyncio_task_dies_unseen()
        self.nothing_is_left_behind()

    def _actors_left(self) -> list[pykka.ActorRef[Any]]:
        """On real threads: the actors that this machine has started and that still live."""
        return [ref for ref in pykka.ActorRegistry.get_all() if ref not in self._actors_before]

    # -- inside ------------------------------------------------------------------------------------------------------------

    def _drive(self, policy: Policy, until_s: float) -> None:
        stage = self._stage
        assert stage is not None
        scheduler = stage.scheduler
        scheduler.max_steps = scheduler.steps + self.max_steps
        self._policy.now = policy
        try:
            stage.advance_to(until_s)
        finally:
            self._policy.now = Fifo()
        if scheduler.verdict == "steps":
            raise diagnosis.livelock(stage.tasks, self.max_steps, ())

    def _drive_to_rest(self) -> None:
        if self._stage is not None:
            self._drive(Fifo(), self.now_s)

    def _next_timer_s(self) -> float:
        assert self._stage is not None
        earliest = self._stage.scheduler.clock.earliest()
        return float("inf") if earliest is None else earliest / 1e9

    def _wait_for_clients(self) -> None:
        for client in self._clients.values():
            if isinstance(client, ThreadClient) and not client.wait(self.patience_s):
                pending = [str(operation) for operation in self.operations if not operation.done]
                raise AssertionError(f"not answered within {self.patience_s:g} real seconds: {'; '.join(pending)}")

    def _switch_at_lines(self) -> None:
        if self.granularity not in ("message", "line"):
            raise UsageError(f"granularity is 'message' or 'line', not {self.granularity!r}")
        if self.lines_of and self.granularity != "line":
            raise UsageError('lines_of is for granularity = "line"')
        if self.granularity == "line" and not self.on_threads:
            self._lines = Lines(modules_named(self.lines_of, type(self))).__enter__()

    def _show(self, error: BaseException) -> None:
        if self._stage is not None and len(self.history):
            diagnosis.conclude(self.history, self._stage.tasks, error)
            self._tell("\n" + lanes(self.history) + "\n", error)
            failure = Failure(error, Schedule(), self.history, type(self).__qualname__)
            error.greenroom_example = failure  # type: ignore[attr-defined]  # for the pytest plugin

    def _ran(self) -> Ran:
        """What this example was, for who counts."""
        kinds = {
            "raised " + type(one.error).__name__ if one.error else "was answered" if one.done else "is pending" for one in self.operations
        }
        name, outcomes = type(self).__qualname__, tuple(sorted(kinds))
        if self._stage is None:
            return Ran(name, outcomes=outcomes)
        schedule = Schedule(tuple(self._stage.scheduler.deviations))
        return Ran(name, 1, 1, self.steps, tuple(task.name for task in self._stage.tasks), schedule, outcomes=outcomes)

    def _close(self) -> None:
        if self._stage is not None:
            onlooker.tell(self.history, self._stage.scheduler.deviations)
            self._stage.close()
        else:
            self._stop_threads()
        self._lines.__exit__(None, None, None)
        for client in self._clients.values():
            if isinstance(client, ThreadClient):
                client.close()

    def _stop_threads(self) -> None:
        """After an example that ended too soon: stop its actors as the machine would, and those that are left one by one."""
        if not self._stopped and self._actors_left():
            self._stopped = True
            stopping = Thread(target=_without_error, args=(self.stop_actors,), daemon=True)
            stopping.start()
            stopping.join(self.patience_s)
        left = self._actors_left()
        for ref in left:
            ref.stop(block=False)
        for ref in left:
            ref.actor_stopped.wait(1.0)


def _without_error(function: Callable[[], Any]) -> None:
    with suppress(Exception):  # the example has its error already, or is none
        function()


def _is_failure(error: BaseException) -> bool:
    """Whether it is the program's, and not how Hypothesis ends an example or a person the run."""
    return not isinstance(error, StopTest | UnsatisfiedAssumption | HypothesisException | KeyboardInterrupt)


def _on_threads() -> bool:
    value = os.environ.get(ACTORS_VARIABLE, "stage")
    if value not in ("stage", "threads"):
        raise UsageError(f"{ACTORS_VARIABLE} is 'stage' or 'threads', not {value!r}")
    return value == "threads"
