"""What holds of every machine unless it says otherwise: the built-in claims, which of them are on, and the bounds that can be added."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from greenroom import diagnosis
from greenroom.checker import Judgement, Verdict
from greenroom.checking import claim_broken
from greenroom.deadlock import deadlock_beside_others, explain_deadlock, held, idle
from greenroom.describe import describe_message
from greenroom.errors import ActorDied, ClaimBroken, GreenroomError, LeftBehind, Livelock, PromiseBroken, ThreadDied, UsageError
from greenroom.ignoring import switched_off
from greenroom.loop_deaths import unretrieved, unseen_raise

if TYPE_CHECKING:
    import pykka

    from greenroom.faults import Injected
    from greenroom.history import History, Operation
    from greenroom.stage import Stage
    from greenroom.task import Task

CLAIMS: Final = (
    "no_actor_dies_unseen",
    "no_thread_dies_unseen",
    "no_callback_raises_unseen",
    "no_task_waits_for_ever",
    "no_message_is_left_lying",
    "every_call_is_answered",
    "no_asyncio_task_dies_unseen",
    "nothing_is_left_behind",
)


class Claims:
    """What ``ActorMachine`` checks by itself.

    Attributes:
        ignore: what this machine means to break: names of built-in claims (``"no_message_is_left_lying"``; ``greenroom.claims.CLAIMS``
            lists them), or classes of ``PromiseBroken`` where only one kind is meant; never ``Livelock``, for nothing can go on after it.
        inbox_limit: no inbox ever holds more messages than this; or a limit for each of some classes of actors. None: no limit.
        within_s: each call is answered within so many virtual seconds; or bounds by the names of calls. None: no bound.
        within_steps: the same in scheduling points, which tells of work and not of waiting.
            No bound holds of calls that were under way while an injected fault lasted.
    """

    ignore: ClassVar[tuple[str | type[GreenroomError], ...]] = ()
    inbox_limit: ClassVar[int | Mapping[type[pykka.Actor], int] | None] = None
    within_s: ClassVar[float | Mapping[str, float] | None] = None
    within_steps: ClassVar[int | Mapping[str, int] | None] = None
    settle_s: ClassVar[float]

    history: History
    operations: list[Operation]
    _stage: Stage | None
    _injections: list[Injected[Any]]

    def _prepare_claims(self) -> None:
        self._off, self._ignored = _checked_ignore(self.ignore)
        _check_bounds("inbox_limit", self.inbox_limit)
        _check_bounds("within_s", self.within_s)
        _check_bounds("within_steps", self.within_steps)

    def _holds(self, claim: str, promise: type[GreenroomError] | None = None) -> bool:
        """Whether a claim, and the promise that it is about, are to be checked."""
        return claim not in self._off and not (promise is not None and issubclass(promise, self._ignored))

    # -- after each step -------------------------------------------------------------------------------------------------

    def _check_after_step(self) -> None:
        self.no_actor_dies_unseen()
        self.no_thread_dies_unseen()
        self.no_callback_raises_unseen()
        self.no_task_waits_for_ever()
        self.no_message_is_left_lying()
        self._bounds_are_kept()

    def no_actor_dies_unseen(self) -> None:
        """No actor has ended by an exception that nobody saw, except for what the machine made it raise."""
        if self._stage is None or not self._holds("no_actor_dies_unseen", ActorDied):
            return
        for task in self._stage.tasks:
            if task.died_of is not None and self._died_of_fault(task):
                task.seen_failure = True
        death = diagnosis.unseen_death(self._stage.tasks)
        if death is not None:
            raise death

    def no_thread_dies_unseen(self) -> None:
        """No thread that the program started has ended by an exception."""
        if self._stage is None or not self._holds("no_thread_dies_unseen", ThreadDied):
            return
        crash = diagnosis.unseen_crash(self._stage.tasks)
        if crash is not None:
            raise crash

    def no_callback_raises_unseen(self) -> None:
        """No callback of an event loop of asyncio has raised what came to the loop's default exception handler."""
        if self._stage is not None:
            self._nothing_ends_unseen("no_callback_raises_unseen", unseen_raise(self._stage.tasks))

    def _nothing_ends_unseen(self, claim: str, error: PromiseBroken | None) -> None:
        if error is not None and self._holds(claim, type(error)):
            raise error

    def no_task_waits_for_ever(self) -> None:
        """At rest, whoever waits can still be woken; while a fault holds somebody, nobody waits in a circle."""
        if not self._at_rest() or not self._holds("no_task_waits_for_ever"):
            return
        assert self._stage is not None
        tasks = self._stage.tasks
        deadlock = None
        if any(held(task) and not task.done for task in tasks):
            deadlock = deadlock_beside_others(tasks)
        elif self._stage.scheduler.clock.earliest() is None:
            stuck = diagnosis.stuck_tasks(tasks)
            deadlock = explain_deadlock(stuck) if stuck else None
        if deadlock is not None and not isinstance(deadlock, self._ignored):
            raise deadlock

    def no_message_is_left_lying(self) -> None:
        """At rest, every live actor has read its inbox."""
        if not self._at_rest() or not self._holds("no_message_is_left_lying", ClaimBroken):
            return
        assert self._stage is not None
        for task in self._stage.tasks:
            if task.inbox is not None and not task.done and idle(task) and task.inbox.waiting():
                lying = ", ".join(describe_message(message) for message in task.inbox.waiting())
                raise broken("every live actor reads its inbox", f"{task.name} is idle, and has unread messages: {lying}", task.name)

    def _bounds_are_kept(self) -> None:
        if self._stage is None:
            return
        if self.inbox_limit is not None:
            self._inboxes_are_within_their_limit(self._stage.tasks)
        for bounds, unit in ((self.within_s, "virtual seconds"), (self.within_steps, "scheduling points")):
            for operation in self.operations if bounds is not None else ():
                bound = bounds.get(operation.name) if isinstance(bounds, Mapping) else bounds
                took = self._age_s(operation) if unit == "virtual seconds" else self._age_steps(operation)
                if bound is not None and took > bound + 1e-9 and not self._disturbed(operation):
                    so_far = "" if operation.done else " so far"
                    claim = f"{operation.name} is answered within {bound:g} {unit}"
                    raise broken(claim, f"{operation} took {took:g}{so_far}", operation.client)

    def _inboxes_are_within_their_limit(self, tasks: list[Task]) -> None:
        for task in tasks:
            if task.inbox is None:
                continue
            limits: Iterable[Any] = (self.inbox_limit,)
            if isinstance(self.inbox_limit, Mapping):
                limits = (limit for kind, limit in self.inbox_limit.items() if isinstance(task.actor, kind))
            limit = min((limit for limit in limits if limit is not None), default=None)
            if limit is not None and task.inbox.deepest > limit:
                held_most = f"that of {task.name} held {task.inbox.deepest}"
                raise broken(f"no inbox of {type(task.actor).__name__} holds more than {limit} messages", held_most, task.name)

    def _age_s(self, operation: Operation) -> float:
        if operation.invoked_ns is None:
            return 0.0
        assert self._stage is not None
        return operation.latency_s if operation.done else self._stage.now_s - operation.invoked_ns / 1e9

    def _age_steps(self, operation: Operation) -> int:
        if operation.invoked_ns is None:
            return 0
        assert self._stage is not None
        return operation.latency_steps if operation.done else self._stage.scheduler.steps - operation.invoked_step

    def _disturbed(self, operation: Operation) -> bool:
        """Whether a fault lasted while it was under way."""
        begun, ended = operation.invoked or 0, operation.answered or float("inf")
        return any(each.begun < ended and (each.ended or float("inf")) > begun for each in self._injections)

    # -- at the end ------------------------------------------------------------------------------------------------------

    def every_call_is_answered(self) -> None:
        """Checked at the end: no client still waits for the answer to a call."""
        pending = [operation for operation in self.operations if not operation.done]
        if pending and self._holds("every_call_is_answered", ClaimBroken):
            reason = f"{self.settle_s:g} virtual seconds after the last rule: {'; '.join(map(str, pending))}"
            raise broken("never answered", reason)

    def no_asyncio_task_dies_unseen(self) -> None:
        """Checked at the end: somebody has retrieved each exception that an asyncio task or future ended by."""
        if self._stage is not None:
            self._nothing_ends_unseen("no_asyncio_task_dies_unseen", unretrieved(self._stage.tasks))

    def nothing_is_left_behind(self) -> None:
        """Checked at the end: no actor and no thread outlives ``stop_actors``."""
        if not self._holds("nothing_is_left_behind", LeftBehind):
            return
        if self._stage is None:
            names = sorted(ref.actor_class.__name__ for ref in self._actors_left())
            if names:
                raise LeftBehind(f"still alive after stop_actors(): {', '.join(names)}")
            return
        left = diagnosis.left_behind(self._stage.tasks)
        if left:
            raise diagnosis.left_behind_error(left)

    # -- from elsewhere ----------------------------------------------------------------------------------------------------

    def _at_rest(self) -> bool:
        return self._stage is not None and not self._stage.scheduler.ready

    def _died_of_fault(self, task: Task) -> bool:
        raise NotImplementedError

    def _actors_left(self) -> list[pykka.ActorRef[Any]]:
        raise NotImplementedError


def broken(claim: str, reason: str, *about: str) -> ClaimBroken:
    """The error for a claim of greenroom's own."""
    return claim_broken(Judgement(Verdict.VIOLATED, claim, reason, about=about))


def _checked_ignore(ignore: Any) -> tuple[frozenset[str], tuple[type[PromiseBroken], ...]]:
    """What is switched off, by name and by class.

    Raises:
        UsageError: there is no such claim, or it cannot be switched off; the message says what there is.
    """
    if isinstance(ignore, str):
        raise UsageError(f"ignore takes a list, as in ignore = [{ignore!r}]")
    entries = tuple(ignore) if isinstance(ignore, Iterable) else (ignore,)
    names = [entry for entry in entries if isinstance(entry, str)]
    for name in names:
        if name not in CLAIMS:
            like = difflib.get_close_matches(name, CLAIMS, 1)
            meant = f" (did you mean {like[0]!r}?)" if like else ""
            raise UsageError(f"there is no built-in claim {name!r}{meant}; there are {', '.join(CLAIMS)}")
    kinds = switched_off([entry for entry in entries if not isinstance(entry, str)])
    if Livelock in kinds:
        raise UsageError("a machine cannot ignore greenroom.Livelock, for nothing can go on after it: raise its max_steps")
    return frozenset(names), kinds


def _check_bounds(name: str, bounds: Any) -> None:
    values = bounds.values() if isinstance(bounds, Mapping) else () if bounds is None else (bounds,)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise UsageError(f"{name} takes a number from 0 on, or a dict of such, not {bounds!r}")
