"""A machine's steps as a value: kept while Hypothesis drives the machine, taken again without it, written as a plain test."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Self

from hypothesis import HealthCheck, Phase, currently_in_test_context, example, given, note, settings
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption
from hypothesis.stateful import MultipleResults

from greenroom.errors import ProgramInvalid, UsageError
from greenroom.policies.replay import Replay
from greenroom.schedule import Schedule
from greenroom.source import as_code
from greenroom.steps import Draws, Loosely, Program, Result, Step, Unkept, copied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenroom.machine import ActorMachine

__all__ = ["Draws", "Loosely", "Program", "Result", "Step", "Unkept", "as_code", "call", "loosely", "regression", "run_program"]


def run_program(program: Program) -> ActorMachine:
    """Take the steps exactly as they stand: constructor, rules, the invariants after each, teardown. Hypothesis draws nothing.

    ``note``, ``event``, ``target`` and ``assume`` work in rules as ever: the steps are taken inside one explicit example.

    Returns:
        The machine, after its teardown.

    Raises:
        ProgramInvalid: a step cannot be taken: there is no such rule, its precondition does not hold, an ``assume`` fails, it
            means a result that no earlier step gave. Nobody would call that a failure of the program under test.
        Exception: what the constructor, a rule, an invariant or the teardown raised; its notes hold the picture.
    """
    made: list[ActorMachine] = []

    def body() -> None:
        with_results: dict[str, Any] = {}
        with _Driven(program.machine) as driven:
            made.append(driven.machine)
            for step in program.steps:
                driven.take(step, with_results)

    _as_example(body)
    return made[0]


def regression(machine: type[ActorMachine]) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """Turn a function of a machine into a plain test without arguments: what ``as_code`` and ``greenroom failures export`` write.

    The function is given a machine of that class and calls its rules; the invariants are checked after each, and at the end comes the
    teardown. A rule whose precondition does not hold is left out, and so is what would use its result: a program that has been
    corrected need not go the way of the failure to its end.
    """

    def decorated(function: Callable[[Any], None]) -> Callable[[], None]:
        @functools.wraps(function)
        def test() -> None:
            def body() -> None:
                with _Driven(machine) as driven:
                    function(_Lenient(driven))

            _as_example(body)

        test.__signature__ = inspect.Signature()  # type: ignore[attr-defined] # pytest would look for a fixture of that name
        return test

    return decorated


def call(test: Any, *positional: Any, **arguments: Any) -> None:
    """Call a ``@given`` test with these arguments, once, outside of Hypothesis's search; ``note`` and ``event`` work in it.

    Args:
        test: what ``@given`` decorated; for a method, give an instance of its class as the next argument.
        positional: passed on.
        arguments: passed on; a ``Draws`` stands for ``st.data()``.

    Raises:
        ProgramInvalid: an ``assume`` in the test does not hold.
        Exception: what the test raises.
    """
    name = getattr(test, "__name__", repr(test))

    def body() -> None:
        try:
            inner = test.hypothesis.inner_test
        except AttributeError:
            raise UsageError(f"{name} is no test of Hypothesis: there is no @given above it any more") from None
        try:
            inner(*positional, **{each: _resolved(value, {}, Step(name)) for each, value in arguments.items()})
        except UnsatisfiedAssumption as error:
            raise ProgramInvalid(f"{name} refused its arguments: an assume() does not hold") from error

    _as_example(body)


def loosely(schedule: str) -> Replay:
    """The schedule as far as the program still takes its path, and the default order elsewhere: for ``greenroom.run``.

    A regression of a failure that was corrected need not come to the same decisions as the failure did.
    """
    return Replay(Schedule.parse(schedule), strict=False)


class _Driven:
    """A machine whose rules are called by hand: checks what Hypothesis would check, at the same moments."""

    def __init__(self, machine: type[ActorMachine]) -> None:
        found = machine.setup_state()
        self._class = machine
        self._rules = {rule.function.__name__: rule for rule in (*found.rules, *found.initializers)}
        self._initializers = {rule.function.__name__ for rule in found.initializers}
        self._started = not self._initializers

    def __enter__(self) -> Self:
        self.machine = self._class()
        try:
            self._check()
        except BaseException:
            self.machine.teardown()  # it sees by the error under way that the program has failed already
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.machine.teardown()

    def take(self, step: Step, results: dict[str, Any]) -> None:
        """One step, and what it returns into ``results``.

        Raises:
            ProgramInvalid: it cannot be taken.
        """
        rule = self.rule(step.rule)
        arguments = {name: _resolved(value, results, step) for name, value in step.arguments}
        if not self.applicable(rule):
            raise ProgramInvalid(f"{step.rule} cannot be called here: its precondition does not hold")
        result = self.call(rule, arguments)
        if step.result is not None:
            results[step.result] = result

    def rule(self, name: str) -> Any:
        """The rule of that name."""
        if name not in self._rules:
            raise ProgramInvalid(f"{self._class.__name__} has no rule {name!r}; it has {', '.join(sorted(self._rules))}")
        return self._rules[name]

    def applicable(self, rule: Any) -> bool:
        """Whether its preconditions hold now."""
        return all(holds(self.machine) for holds in rule.preconditions)

    def call(self, rule: Any, arguments: dict[str, Any]) -> Any:
        """Call it, then check the invariants."""
        try:
            inspect.signature(rule.function).bind(self.machine, **arguments)
        except TypeError as error:
            raise ProgramInvalid(f"{rule.function.__name__} cannot be called with {', '.join(arguments) or 'nothing'}: {error}") from error
        try:
            result = rule.function(self.machine, **arguments)
        except UnsatisfiedAssumption as error:
            raise ProgramInvalid(f"{rule.function.__name__} refused its arguments: an assume() does not hold") from error
        self._initializers.discard(rule.function.__name__)
        self._started = self._started or rule in self._class.setup_state().rules or not self._initializers
        self._check()
        return result

    def _check(self) -> None:
        for invariant in self.machine.invariants:
            if (self._started or invariant.check_during_init) and all(holds(self.machine) for holds in invariant.preconditions):
                invariant.function(self.machine)


class _Lenient:
    """What a regression test calls its rules on."""

    def __init__(self, driven: _Driven) -> None:
        self._driven = driven

    def __getattr__(self, name: str) -> Any:
        rule = self._driven.rule(name)

        def call(**arguments: Any) -> Any:
            if any(_is_left_out(value) for value in arguments.values()):
                note(f"{name} is left out: the step whose result it uses was")
                return _LEFT_OUT
            if not self._driven.applicable(rule):
                note(f"{name} is left out: its precondition does not hold")
                return _LEFT_OUT
            return self._driven.call(rule, {each: _resolved(value, {}, Step(name)) for each, value in arguments.items()})

        return call


class _LeftOut:
    """The result of a rule that was not called."""

    @property
    def values(self) -> _LeftOut:
        return self

    def __getitem__(self, index: int) -> _LeftOut:
        return self


_LEFT_OUT = _LeftOut()


def _is_left_out(value: Any) -> bool:
    if isinstance(value, Draws):
        value = value.values
    if isinstance(value, list | tuple):
        return any(map(_is_left_out, value))
    if isinstance(value, dict):
        return any(map(_is_left_out, value.values()))
    return value is _LEFT_OUT


class _Again:
    """In place of ``st.data()``: hands out what was drawn before."""

    def __init__(self, values: Iterator[Any], rule: str) -> None:
        self._values = values
        self._rule = rule

    def draw(self, strategy: Any, label: Any = None) -> Any:  # noqa: ARG002 - the signature of data.draw
        """The next value."""
        for value in self._values:
            return value
        raise ProgramInvalid(f"{self._rule} draws more from its data than was kept")


def _resolved(value: Any, results: dict[str, Any], step: Step) -> Any:
    """The argument itself: results looked up, and what a rule might change copied, for a program is run more than once."""
    resolve = _RESOLVED.get(type(value))
    return copied(value) if resolve is None else resolve(value, results, step)


def _result(value: Result, results: dict[str, Any], step: Step) -> Any:
    if value.name not in results:
        raise ProgramInvalid(f"{step.rule} uses {value.name}, and no earlier step has that result")
    found = results[value.name]
    if value.index is None:
        return found
    if not isinstance(found, MultipleResults) or value.index >= len(found.values):
        raise ProgramInvalid(f"{step.rule} uses value {value.index} of {value.name}, which has no such value")
    return found.values[value.index]


def _unkept(value: Unkept, _: dict[str, Any], step: Step) -> Any:
    raise UsageError(f"{step.rule} was given {value.shown}, which lives only in the example that drew it: draw bytes or numbers instead")


_RESOLVED: dict[type, Callable[[Any, dict[str, Any], Step], Any]] = {
    Result: _result,
    Draws: lambda value, results, step: _Again(iter([_resolved(each, results, step) for each in value.values]), step.rule),
    Loosely: lambda value, _, __: loosely(value.schedule),
    Replay: lambda value, _, __: value,
    Unkept: _unkept,
    list: lambda value, results, step: [_resolved(each, results, step) for each in value],
    tuple: lambda value, results, step: tuple(_resolved(each, results, step) for each in value),
    dict: lambda value, results, step: {key: _resolved(each, results, step) for key, each in value.items()},
}


# -- inside an example ---------------------------------------------------------------------------------------------------------

_bodies: list[Callable[[], None]] = []


# note, event, target and assume refuse to work outside of a test, and machines and rules use them. One explicit example is a test in
# which nothing is drawn, and the only way in that is not private.
@settings(phases=(Phase.explicit,), database=None, deadline=None, suppress_health_check=list(HealthCheck))
@example(None)
@given(st.none())
def _one_example(_: None) -> None:
    _bodies[-1]()


def _as_example(body: Callable[[], None]) -> None:
    if currently_in_test_context():
        body()
        return
    _bodies.append(body)
    try:
        _one_example()
    except BaseException as error:
        notes: list[str] = getattr(error, "__notes__", [])
        notes[:] = [told for told in notes if "_one_example(" not in told]
        raise
    finally:
        _bodies.pop()
