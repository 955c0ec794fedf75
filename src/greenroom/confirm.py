"""Says whether a failure that was found on a stage is real: the same order of operations is forced on Pykka's own threads."""

from __future__ import annotations

import gc
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenroom.errors import ClaimBroken, GreenroomError, Livelock, StageError, UsageError
from greenroom.execution import MAX_STEPS, scenario_name
from greenroom.explore import as_schedule, checked, replayed
from greenroom.forced import Forced
from greenroom.history import History
from greenroom.likeness import compare
from greenroom.lines import Lines, modules_named
from greenroom.operations import recording_into
from greenroom.script import Recorder, Script
from greenroom.shims.install import is_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenroom.execution import Execution, Options
    from greenroom.explore import Checkers
    from greenroom.failure import Failure
    from greenroom.schedule import Schedule
    from greenroom.turnstile import Player, Turnstile

PATIENCE_S: Final = 10.0
_SETTLE_S: Final = 0.25
_LOOPS: Final = "the program runs an event loop of asyncio, and the order of what that calls cannot be forced on real threads"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether real threads fail as the stage did, when they take the recorded turns.

    ``confirmed`` is True where they fail in the same way; False where the whole order was forced and they do not; None where that was not
    decided, and ``said`` tells why: the threads went another way, or one of them never came to its turn, or there is an event loop of
    asyncio, and no thread was started. ``forced`` of ``operations``
    were done in the recorded order, by ``threads`` threads. ``error`` is what the scenario raised on real threads, if anything.
    """

    scenario: str
    schedule: Schedule
    confirmed: bool | None
    said: str
    forced: int
    operations: int
    threads: int
    failure: Failure | None = None
    error: BaseException | None = None

    def __str__(self) -> str:
        head = {True: "confirmed on real threads", False: "not confirmed", None: "undecided"}[self.confirmed]
        whole = "all" if self.forced == self.operations else f"{self.forced:,} of"
        threads = f"{self.threads} thread" + ("" if self.threads == 1 else "s")
        order = f"{whole} {self.operations:,} operations of {threads} were done in the recorded order"
        return f"{head}: {self.said}\n  {order}"


def confirm(  # noqa: PLR0913 - as explore
    scenario: Callable[[], Any],
    schedule: Schedule | str,
    *,
    max_steps: int = MAX_STEPS,
    timers: str = "lazy",
    granularity: str = "message",
    lines_of: Iterable[str] = (),
    ignore: Iterable[type[GreenroomError]] = (),
    checks: Checkers = None,
    patience_s: float = PATIENCE_S,
) -> Confirmation:
    """Run ``scenario`` on real threads, in the order that ``schedule`` gives on a stage, and compare how it ends.

    Args:
        scenario: a function without arguments.
        schedule: as a failure prints it.
        max_steps: as in ``explore``.
        timers: as in ``explore``.
        granularity: as in ``explore``.
        lines_of: as in ``explore``.
        ignore: as in ``explore``.
        checks: as in ``explore``; the operations of clients on real threads are checked.
        patience_s: real seconds without any progress after which it is undecided.

    Returns:
        A confirmation; nothing is raised for a failing program.

    Raises:
        UsageError: an argument makes no sense.
        ReplayMismatch: the program no longer takes the recorded path.
        StageError: a stage is open.
    """
    options = checked(scenario, 1, max_steps, timers, ignore, granularity, lines_of, checks)
    return _confirm(scenario, as_schedule(schedule), options, patience_s)


def confirmed_by(failure: Failure, patience_s: float) -> Confirmation:
    """As ``confirm``, for what an exploration has found, with the options that it was found with."""
    if failure.function is None or failure.given is None:
        raise UsageError(f"only the failure of a scenario can be confirmed (explore, exhaust, replay), not that of {failure.scenario}")
    return _confirm(failure.function, failure.schedule, failure.given, patience_s)


def _confirm(scenario: Callable[[], Any], value: Schedule, options: Options, patience_s: float) -> Confirmation:
    if not patience_s > 0:
        raise UsageError(f"patience_s is a number of seconds greater than 0, not {patience_s!r}")
    if is_installed():
        raise StageError("a stage is open: confirm() runs real threads, so call it where no exploration, machine or staged test runs")
    recorder = Recorder()
    execution = replayed(scenario, value, options, recorder)
    if recorder.script.loops:
        steps = len(recorder.script.steps)
        return Confirmation(scenario_name(scenario), execution.schedule, None, _LOOPS, 0, steps, 0, execution.failure)
    return _on_threads(scenario, execution, recorder.script, options, patience_s)


def _on_threads(scenario: Callable[[], Any], execution: Execution, script: Script, options: Options, patience_s: float) -> Confirmation:
    lines = Lines(modules_named(options.lines_of, scenario)) if options.granularity == "line" else nullcontext()
    collects = gc.isenabled()
    gc.disable()  # a finalizer in the middle of it would make it another execution
    try:
        history = History()
        with lines, Forced(script, scenario) as forced, recording_into(history, now_ns=lambda: forced.turnstile.now_ns):
            main = forced.begin()
            try:
                stuck = _follow(forced.turnstile, patience_s)
                if not stuck:
                    endless = execution.failure is not None and isinstance(execution.failure.error, Livelock)
                    (_look_on if endless else _settle)(forced.turnstile, patience_s)
                confirmed, said = (
                    (None, stuck) if stuck else compare(execution.failure, forced.turnstile, lambda: _broken(history, options))
                )
            finally:
                _end(forced.turnstile)
    finally:
        if collects:
            gc.enable()
    turnstile = forced.turnstile
    return Confirmation(
        scenario_name(scenario),
        execution.schedule,
        confirmed,
        said,
        turnstile.position,
        len(script.steps),
        len(turnstile.players),
        execution.failure,
        main.error,
    )


def _broken(history: History, options: Options) -> tuple[ClaimBroken | None, str]:
    """The claim that the operations of real threads break, if any, and why that cannot be said for certain, or ""."""
    broken, undecided, _ = options.checks.judge(history)
    if broken is None and options.checks.read_events:
        return None, "a checker reads the events of a stage, and real threads record only the operations of clients"
    return broken, undecided[0].reason if undecided else ""


# -- until it has come to rest ----------------------------------------------------------------------------------------


def _follow(turnstile: Turnstile, patience_s: float) -> str:
    """Wait until the order has been forced, or the threads have gone another way; why neither comes, or ""."""
    seen, since = (-1, -1), time.monotonic()
    while turnstile.mode == "follow":
        time.sleep(0.002)
        now = (turnstile.position, turnstile.moves)
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > patience_s:
            return _who_never_came(turnstile, patience_s)
    return ""


def _look_on(turnstile: Turnstile, patience_s: float) -> None:  # noqa: ARG001 - as _settle
    """See for a moment whether the threads go on and on."""
    turnstile.freed_at = turnstile.moves
    time.sleep(_SETTLE_S)


def _settle(turnstile: Turnstile, patience_s: float) -> None:
    """Wait until the threads have come to rest, or ``patience_s`` seconds have passed."""
    deadline = time.monotonic() + patience_s
    moves, quiet_since = -1, time.monotonic()
    while not turnstile.is_over and time.monotonic() < deadline:
        if turnstile.moves != moves or not turnstile.is_settled:
            moves, quiet_since = turnstile.moves, time.monotonic()
        elif time.monotonic() - quiet_since > _SETTLE_S:
            break
        time.sleep(0.002)


def _who_never_came(turnstile: Turnstile, patience_s: float) -> str:
    step = turnstile.script.steps[min(turnstile.position, len(turnstile.script.steps) - 1)]
    busy = turnstile.floor
    who = busy.name if busy is not None else turnstile.script.names.get(step.path, "a thread")
    at = _place(busy) if busy is not None else ""
    return f"{who} has done nothing for {patience_s:g} s{at}; expected next, as on the stage: {turnstile.told(step)}"


def _place(player: Player) -> str:
    """The program's own line that a thread is in."""
    frame = sys._current_frames().get(getattr(player.thread, "ident", 0) or 0)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] not in ("greenroom", "pykka", "threading", "queue", "concurrent"):
            return f" (at {Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
        frame = frame.f_back
    return ""


def _end(turnstile: Turnstile) -> None:
    """Let go of every thread; one that cannot be ended is a daemon, and left alone."""
    turnstile.close()
    deadline = time.monotonic() + 2.0
    while not turnstile.is_over and time.monotonic() < deadline:
        time.sleep(0.002)
    for player in turnstile.players.values():
        if player.state == "done":
            player.thread.join(1.0)
