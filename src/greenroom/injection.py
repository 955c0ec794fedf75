"""The part of a machine that injects faults: into actors by way of their inboxes, into what they depend on by way of ports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import pykka

from greenroom.errors import UsageError
from greenroom.faults import Crash, Fault, Injected, Pause, PortFault, Slow, crash, name_of, pause, slow
from greenroom.ports import Ports
from greenroom.trouble import ActorTrouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.faults import Target
    from greenroom.history import History
    from greenroom.stage import Stage
    from greenroom.task import Task


class Injection:
    """What ``ActorMachine`` has for faults.

    Attributes:
        faults: each of these becomes a rule of the machine: ``faults = (crash(Worker), fails("bank", "charge"))`` gives it the rules
            ``crash_worker(at=…)`` and ``bank_charge_fails()``.
        injected: the names of the actors for which a crash was injected.
    """

    faults: ClassVar[tuple[Fault, ...]] = ()

    history: History
    on_threads: bool
    _stage: Stage | None

    def _prepare_injection(self) -> None:
        self.injected: list[str] = []
        self._injections: list[Injected[Any]] = []
        self._troubles: dict[Task, ActorTrouble] = {}
        self._ports = Ports(self.history, on_threads=self.on_threads)

    def port(self, real: Any, *, name: str = "") -> Any:
        """``real`` in a wrapper that behaves like it, and whose calls faults can strike: hand it to the actors in place of ``real``.

        Calls from outside the actors and clients (an invariant, ``perform``) are never struck.

        Args:
            real: any object: an adapter, a connection, a function.
            name: what faults and pictures call it; the name of its class or of the function if not given. Several may share one.
        """
        return self._ports.wrap(real, name or _snake(getattr(real, "__name__", "") or type(real).__name__))

    def inject(self, fault: Fault) -> bool:
        """Let ``fault`` happen once; False if no actor is there that it could befall.

        Raises:
            UsageError: on real threads, where only ports can fail, repeat, duplicate and corrupt; or no such port or method is there.
        """
        if isinstance(fault, PortFault):
            self._inject_port(fault)
            return True
        if not isinstance(fault, Crash | Pause | Slow):
            raise UsageError(f"inject() takes a fault such as greenroom.faults.crash(Worker), not {fault!r}")
        self._needs_stage(type(fault).__name__.lower())
        task = self.live(fault.actor)
        if task is None:
            return False
        if isinstance(fault, Crash):
            self.injected.append(task.name)
        self._injections.append(self._trouble_of(task).inject(fault))
        return True

    def crash(
        self,
        actor: Target,
        exception: Exception | Callable[[Task], Exception] | None = None,
        *,
        at: int = 1,
        when: str | type | Callable[[Any], Any] | None = None,
    ) -> bool:
        """Let an actor raise in place of handling its ``at``-th message from now; False if it does not live. Only on a stage.

        Args:
            actor: a class of actors, whose youngest live instance is meant (subclasses count), or a reference.
            exception: what to raise, or a function that is called at that moment with the actor's task, and makes it.
            at: counts messages from 1; stops do not count.
            when: count only calls of the proxy method of this name, instances of this class, or what this function says yes to.
        """
        return self.inject(crash(actor, at=at, when=when, error=exception))

    def pause(self, actor: Target, *, seconds: float | None = None) -> bool:
        """Let an actor read no message for so many virtual seconds, or until ``resume``; False if it does not live. Only on a stage."""
        return self.inject(pause(actor, seconds=seconds))

    def resume(self, actor: Target | None = None) -> None:
        """Let paused actors read their messages again: those of a class, one, or all."""
        for task, trouble in self._troubles.items():
            if actor is None or _is(task, actor):
                trouble.resume()

    def slow(self, actor: Target, seconds: float, *, messages: int | None = None) -> bool:
        """Let messages take an actor so many virtual seconds more; False if it does not live. Only on a stage."""
        return self.inject(slow(actor, seconds, messages=messages))

    def release(self) -> None:
        """Let all calls of ports that hang go on."""
        self._ports.release()

    def heal(self) -> None:
        """End all faults: nothing is paused, slow or hanging any more, and what was still to come does not come.

        The machine does so itself after the last rule: from then on everything has to come to its end.
        """
        for trouble in self._troubles.values():
            trouble.heal()
        self._ports.release(forget=True)

    @property
    def pending_faults(self) -> list[str]:
        """The faults that are injected and not over: still to come, or lasting."""
        for trouble in self._troubles.values():
            trouble.is_paused()
        alive = [each for trouble in self._troubles.values() if not trouble.task.done for each in _of(trouble)]
        return [str(each.fault) for each in [*alive, *self._ports.faults]]

    def live(self, actor: Target) -> Task | None:
        """The task of the youngest live actor that is meant, or None."""
        if self._stage is None:
            return None
        return next((task for task in reversed(self._stage.tasks) if task.actor is not None and not task.done and _is(task, actor)), None)

    # -- inside ------------------------------------------------------------------------------------------------------------

    def _inject_port(self, fault: PortFault) -> None:
        if fault.of_time:
            self._needs_stage(fault.kind)
        self._ports.check(fault)
        if fault.kind == "corrupts" and not callable(fault.what):
            raise UsageError(f"{fault}: a strategy is drawn from by a rule: list the fault in `faults`, or give a function")
        injected = Injected(fault, self.history, fault.calls)
        self._ports.faults.append(injected)
        self._injections.append(injected)

    def _needs_stage(self, what: str) -> None:
        if self._stage is None:
            raise UsageError(f"{what}() needs a stage: guard the rule with precondition(lambda self: not self.on_threads)")

    def _trouble_of(self, task: Task) -> ActorTrouble:
        known = self._troubles.get(task)
        if known is None:
            known = self._troubles[task] = task.inbox.trouble = ActorTrouble(task, self.history)
        return known

    def _died_of_fault(self, task: Task) -> bool:
        """Whether an actor died of what it was made to raise."""
        trouble = self._troubles.get(task)
        return trouble is not None and trouble.raised is not None and task.died_of is trouble.raised

    def _is_in_store(self, fault: Fault) -> bool:
        """Whether the very same is in store already: a rule that injects it again would do nothing."""
        if isinstance(fault, PortFault):
            same = (fault.kind, fault.port, fault.method)
            waiting = any((each.fault.kind, each.fault.port, each.fault.method) == same for each in self._ports.faults)
            return waiting or not self._ports.knows(fault.port)
        task = self.live(fault.actor)
        trouble = None if task is None else self._troubles.get(task)
        if task is None or trouble is None:
            return task is None
        return bool({Crash: trouble.crashes, Pause: trouble.is_paused(), Slow: trouble.slowed}[type(fault)])

    def _check_faults(self) -> None:
        """After ``start_actors``: what is listed must be about ports that it made."""
        for fault in self.faults:
            if isinstance(fault, PortFault):
                self._ports.check(fault)


def _of(trouble: ActorTrouble) -> list[Injected[Any]]:
    lasting: list[Injected[Any] | None] = [trouble.paused, trouble.slowed]
    return [*trouble.crashes, *(each for each in lasting if each is not None)]


def _is(task: Task, actor: Target) -> bool:
    if isinstance(actor, pykka.ActorRef):
        return task.actor is not None and task.actor.actor_urn == actor.actor_urn
    return isinstance(task.actor, actor)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).strip("_").lower()


def rule_name(fault: Fault) -> str:
    """The name of the rule that injects ``fault``."""
    if isinstance(fault, PortFault):
        method = "" if fault.method is None else f"_{fault.method.strip('_')}"
        return f"{_snake(fault.port)}{method}_{fault.kind}"
    return f"{type(fault).__name__.lower()}_{_snake(name_of(fault.actor))}"
