"""Hypothesis's tests among pytest's items: their keys in the example database, their settings, and what their examples are given.

There are two kinds. A ``@given`` function says what it is by ``hypothesis.inner_test``, which is documented for test runners. The
``TestCase`` of a state machine holds its settings, and its machine under a private name, which is read in one place below.
"""

from __future__ import annotations

import functools
import inspect
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import settings as Settings  # noqa: N812 - a class in all but its name
from hypothesis.errors import StopTest, UnsatisfiedAssumption

# What makes a key is private to Hypothesis, and there is no other way to it but to run the test. A test of ours holds it against what
# Hypothesis asks its database for.
from hypothesis.internal.reflection import function_digest
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test

from greenroom.errors import UsageError
from greenroom.failures import ReplayView
from greenroom.machine_run import program_of
from greenroom.recording import Arguments, Recorded, latest_program
from greenroom.source import Place, as_code, given_as_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from hypothesis.database import ExampleDatabase

_DIGEST = "_hypothesis_internal_add_digest"
_SETTINGS = "_hypothesis_internal_use_settings"


@dataclass(slots=True)
class Watched:
    """The example that ran last: how it ended ("passes", "fails", "invalid"), and what it was given."""

    ended: Callable[[str], None] = field(default=lambda _: None)
    arguments: Arguments | None = None


class GivenTest:
    """A function or method under ``@given``."""

    def __init__(self, item: pytest.Function) -> None:
        self._item = item
        self._function: Any = getattr(item.obj, "__func__", item.obj)

    def keys(self) -> list[bytes]:
        """The keys under which Hypothesis may keep its examples, the likely one first: a parametrized test has one for each case."""
        inner = self._function.hypothesis.inner_test
        if not hasattr(self._item, "callspec"):
            return [function_digest(inner)]
        found = []
        before = getattr(inner, _DIGEST, None)
        for digest in (self._item.nodeid.encode(), None):
            _set(inner, _DIGEST, digest)
            found.append(function_digest(inner))
        _set(inner, _DIGEST, before)
        return found

    @property
    def settings(self) -> Settings:
        """Those it runs under."""
        found: Settings = getattr(self._function, _SETTINGS, None) or Settings()
        return found

    @contextmanager
    def under(self, chosen: Settings) -> Iterator[None]:
        """Run it under other settings."""
        before = getattr(self._function, _SETTINGS, None)
        _set(self._function, _SETTINGS, chosen)
        try:
            yield
        finally:
            _set(self._function, _SETTINGS, before)

    @contextmanager
    def watched(self, watched: Watched) -> Iterator[None]:
        """Keep what its examples are given."""
        handle = self._function.hypothesis
        inner = handle.inner_test
        if inspect.iscoroutinefunction(inner):  # another plugin runs it, in its own way
            yield
            return

        @functools.wraps(inner)
        def test(*positional: Any, **arguments: Any) -> Any:
            __tracebackhide__ = True
            watched.arguments = Arguments(arguments)
            with _ending(watched):
                return inner(*positional, **watched.arguments.live)

        handle.inner_test = test
        try:
            yield
        finally:
            handle.inner_test = inner

    def as_code(self, watched: Watched, told: str, error: BaseException) -> str:  # noqa: ARG002 - as MachineTest
        """The example that ran last as a plain test.

        Raises:
            UsageError: it cannot be written; the message says why.
        """
        if watched.arguments is None:
            raise UsageError("it is a coroutine, or failed before it was called")
        cases = getattr(getattr(self._item, "callspec", None), "params", {})
        fixtures = tuple(name for name in self._item.fixturenames if name not in cases)
        name = ".".join(part for part in (getattr(self._item.cls, "__qualname__", ""), self._function.__name__) if part)
        given = {argument: value for argument, value in watched.arguments.now().items() if argument != "self" or "." not in name}
        place = Place(self._item.module.__name__, name, fixtures)
        return given_as_code(place, given, name=f"{self._function.__name__}_again", told=told)


class MachineTest:
    """The ``TestCase`` of a state machine."""

    def __init__(self, case: Any, machine: type[RuleBasedStateMachine]) -> None:
        self._case = case
        self._machine = machine

    def keys(self) -> list[bytes]:
        """The key under which Hypothesis keeps its examples."""
        test: Any = get_state_machine_test(self._machine, settings=Settings(database=None))
        return [function_digest(test.hypothesis.inner_test)]

    @property
    def settings(self) -> Settings:
        """Those it runs under."""
        found: Settings = self._case.settings
        return found

    @contextmanager
    def under(self, chosen: Settings) -> Iterator[None]:
        """Run it under other settings."""
        before = self._case.settings
        self._case.settings = chosen
        try:
            yield
        finally:
            self._case.settings = before

    @contextmanager
    def watched(self, watched: Watched) -> Iterator[None]:
        """Keep how its examples end."""
        machine: Any = self._machine
        own, teardown = vars(machine).get("teardown"), machine.teardown

        def watching(state: Any) -> None:
            __tracebackhide__ = True
            error = sys.exc_info()[1]
            if error is not None:
                watched.ended("invalid" if isinstance(error, StopTest | UnsatisfiedAssumption) else "fails")
                teardown(state)
                return
            with _ending(watched):
                teardown(state)

        machine.teardown = watching
        try:
            yield
        finally:
            if own is None:
                del machine.teardown
            else:
                machine.teardown = own

    def as_code(self, watched: Watched, told: str, error: BaseException) -> str:  # noqa: ARG002 - as GivenTest
        """The program that ran last as a plain test.

        Raises:
            UsageError: it cannot be written; the message says why.
        """
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[-1]
        program = getattr(error, "greenroom_program", None) or program_of(error) or latest_program()
        if not issubclass(self._machine, Recorded):
            raise UsageError(f"{self._machine.__name__} is no greenroom.ActorMachine, and its steps are not recorded")
        if program is None or program.machine is not self._machine:
            raise UsageError(f"no {self._machine.__name__} was made")
        return as_code(program, told=told)


@contextmanager
def watched_replay(machine: type[RuleBasedStateMachine], database: ExampleDatabase | None) -> Iterator[ReplayView | None]:
    """Let a replay view know how the machine's examples end, where no pytest does; None where the database is no such view."""
    if not isinstance(database, ReplayView):
        yield None
        return
    database.take()
    with MachineTest(None, machine).watched(Watched(lambda ending: setattr(database, "ending", ending))):
        yield database


def hypothesis_test(item: pytest.Item) -> GivenTest | MachineTest | None:
    """The Hypothesis test behind an item of pytest, if it is one."""
    tested = getattr(item, "obj", None)
    if not getattr(tested, "is_hypothesis_test", False):
        return None
    machine = getattr(tested, "_hypothesis_state_machine_class", None)
    if machine is not None:
        return MachineTest(getattr(item, "cls", None), machine)
    return GivenTest(item) if hasattr(tested, "hypothesis") else None  # type: ignore[arg-type]


def key_of(test: GivenTest | MachineTest, database: ExampleDatabase) -> bytes | None:
    """The key of the test under which the database has a failure, if it has one."""
    candidates = test.keys()
    return next((key for key in candidates if any(database.fetch(key)) or any(database.fetch(key + b".secondary"))), None)


@contextmanager
def _ending(watched: Watched) -> Iterator[None]:
    try:
        yield
    except (StopTest, UnsatisfiedAssumption):
        watched.ended("invalid")
        raise
    except BaseException:
        watched.ended("fails")
        raise
    watched.ended("passes")


def _set(holder: Any, name: str, value: Any) -> None:
    """Set the attribute; None removes it."""
    if value is not None:
        setattr(holder, name, value)
    elif hasattr(holder, name):
        delattr(holder, name)
