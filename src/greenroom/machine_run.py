"""Runs a machine with Hypothesis, and goes on shrinking where Hypothesis stops."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal

from hypothesis import Phase
from hypothesis import settings as Settings  # noqa: N812 - a class in all but its name
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from greenroom.errors import ProgramInvalid, PromiseBroken, UsageError
from greenroom.failure import Failure, same_failure
from greenroom.failures import ReplayView
from greenroom.history import History
from greenroom.programs import run_program
from greenroom.recording import Recorded
from greenroom.schedule import Schedule
from greenroom.shrink_programs import MOST_RUNS, deviations_of, shrink_program
from greenroom.source import as_code
from greenroom.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from greenroom.machine import ActorMachine
    from greenroom.steps import Program

_NO_ENDING: Final = Step("choose_ending", (("schedule", b""),))
_NOT_THE_PROGRAM: Final = frozenset({"pykka", "hypothesis"})


def run_machine(
    machine: Any, *, settings: Settings | None = None, shrink: Literal["both", "greenroom", "hypothesis"] = "both", runs: int = MOST_RUNS
) -> None:
    """Run a machine as ``run_state_machine_as_test`` does; a failure is made smaller still, and the smaller program is one of its notes.

    ``Machine.TestCase`` does this too.

    Args:
        machine: a subclass of ``ActorMachine``, or what ``hypothesis.seed`` and the like made of one.
        settings: as for Hypothesis; those of ``machine.TestCase`` if none are given.
        shrink: "both" (Hypothesis first), "hypothesis" alone, or "greenroom" alone: Hypothesis only finds, one failure, which
            stays in its database as it was found; much faster where one example takes long.
        runs: how often the program may be run after Hypothesis is done.

    Raises:
        UsageError: an argument makes no sense.
        Exception: what Hypothesis raises; nothing that is done here takes its place.
    """
    if shrink not in ("both", "greenroom", "hypothesis"):
        raise UsageError(f'shrink is "both", "greenroom" or "hypothesis", not {shrink!r}')
    chosen = settings or getattr(getattr(machine, "TestCase", None), "settings", None) or Settings.get_profile("default")
    if shrink == "greenroom":
        chosen = Settings(chosen, phases=[phase for phase in chosen.phases if phase not in (Phase.shrink, Phase.explain)])
    try:
        run_state_machine_as_test(machine, settings=chosen)
    except Exception as error:
        if shrink != "hypothesis" and not isinstance(chosen.database, ReplayView):  # who replays wants to know whether it fails
            for failure in _leaves(error):
                try:
                    _go_on(failure, runs)
                except KeyboardInterrupt:
                    break  # of no more use than what Hypothesis has found already
                except Exception as trouble:  # noqa: BLE001 - whatever it is, the failure comes first
                    failure.add_note(f"greenroom could not make it smaller: {trouble!r}")
        raise


class TestCaseThatShrinks:
    """``Machine.TestCase``: Hypothesis's own, but for what is done after a failure."""

    __test__ = False  # for pytest, which collects by the name

    def __init__(self) -> None:
        self._made: dict[type, type] = {}

    def __get__(self, _: object, machine: type[ActorMachine]) -> Any:
        known = self._made.get(machine)
        if known is None:
            own: Any = RuleBasedStateMachine.__dict__["TestCase"].__get__(None, machine)

            def runTest(case: Any) -> None:  # noqa: N802 - unittest's name
                run_machine(machine, settings=case.settings)

            runTest.__dict__.update(own.runTest.__dict__)
            known = self._made[machine] = type(own.__name__, (own,), {"runTest": runTest, "__qualname__": own.__qualname__})
        return known

    def __set__(self, _: object, value: object) -> None:
        raise AttributeError("TestCase cannot be set")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    elif not isinstance(error, HypothesisException | UsageError):
        yield error


def _go_on(error: BaseException, runs: int) -> None:
    """Note a smaller program on the error, if there is one that fails in the same way."""
    program = program_of(error)
    if program is None or not len(program):
        return
    found = _outcome(program)
    if found is None or type(found) is not type(error):
        return  # it needs what only Hypothesis can give it
    smaller = shrink_program(program, lambda candidate: _same(_outcome(candidate), found), runs=runs)
    if _weight(smaller) < _weight(program):
        with suppress(AttributeError):  # an exception in slots has no room for it
            error.greenroom_program = smaller  # type: ignore[attr-defined] # for what is kept beside the database's entry
        error.add_note(_told(program, smaller))


def _told(program: Program, smaller: Program) -> str:
    last = _outcome(smaller)
    picture = "\n".join(getattr(last, "__notes__", []))
    counts = f"{_counted(smaller)} instead of {_counted(program)}"
    try:
        code = as_code(smaller)
    except UsageError:
        code = "\n".join(map(str, smaller.steps))
    return f"\ngreenroom made it smaller: {counts}, and the same failure.\n{type(last).__name__}: {last}\n\n{code}\n{picture}"


def _counted(program: Program) -> str:
    steps, deviations, _ = _weight(program)
    return f"{steps} step{'s' if steps != 1 else ''} with {deviations} deviation{'s' if deviations != 1 else ''}"


def _weight(program: Program) -> tuple[int, int, int]:
    """What is to be small: steps, but for an ending in the default order, which Hypothesis must print; then deviations, then values."""
    steps = [step for step in program.steps if step != _NO_ENDING]
    return len(steps), deviations_of(program), len(repr(steps))


def program_of(error: BaseException) -> Program | None:
    """The program of the machine that raised it: one of the frames on the way was its own."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        for name in ("self", "machine"):
            found = trace.tb_frame.f_locals.get(name)
            if isinstance(found, Recorded):  # what happens on real threads does not happen again
                return None if getattr(found, "on_threads", False) else found.program
        trace = trace.tb_next
    return None


def _outcome(program: Program) -> BaseException | None:
    """What the program raises when it is run again; None where it does not fail, or cannot be run."""
    try:
        run_program(program)
    except (ProgramInvalid, UsageError, HypothesisException):
        return None
    except Exception as error:  # noqa: BLE001 - the failure, or another one
        return error
    return None


def _same(one: BaseException | None, other: BaseException) -> bool:
    if one is None or not same_failure(_as_failure(one), _as_failure(other)):
        return False
    return isinstance(one, PromiseBroken) or _raised_at(one) == _raised_at(other)


def _as_failure(error: BaseException) -> Failure:
    return Failure(error, Schedule(), History(), "")


def _raised_at(error: BaseException) -> tuple[str, int] | None:
    """The innermost line that is not Pykka's or Hypothesis's: a machine's own claims are raised in greenroom."""
    place = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in _NOT_THE_PROGRAM:
            place = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return place
