"""Says whether a failure that was found on a stage is real: the same order of operations is forced on Pykka's own threads."""

from __future__ import annotations

import gc
import re
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenroom.describe import describe
from greenroom.errors import ActorDied, Deadlock, GreenroomError, LeftBehind, Livelock, PromiseBroken, StageError, ThreadDied, UsageError
from greenroom.explore import MAX_STEPS, as_schedule, checked, execute, installed, never_reached, scenario_name
from greenroom.failure import raised_at
from greenroom.forced import Forced
from greenroom.history import History
from greenroom.lines import Lines, modules_named
from greenroom.policies.replay import Replay
from greenroom.script import Recorder, Script, Step
from greenroom.shims.install import is_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenroom.explore import Execution, Options
    from greenroom.failure import Failure
    from greenroom.schedule import Schedule
    from greenroom.turnstile import Player, Turnstile

PATIENCE_S: Final = 10.0
_SETTLE_S: Final = 0.25
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether real threads fail as the stage did, when they take the recorded turns.

    ``confirmed`` is True where they fail in the same way; False where the whole order was forced and they do not; None where that was not
    decided, and ``said`` tells why: the threads went another way, or one of them never came to its turn. ``forced`` of ``operations``
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
        order = f"{whole} {self.operations:,} operations of {self.threads} threads were done in the recorded order"
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
        patience_s: real seconds without any progress after which it is undecided.

    Returns:
        A confirmation; nothing is raised for a failing program.

    Raises:
        UsageError: an argument makes no sense.
        ReplayMismatch: the program no longer takes the recorded path.
        StageError: a stage is open.
    """
    options = checked(scenario, 1, max_steps, timers, ignore, granularity, lines_of)
    if not patience_s > 0:
        raise UsageError(f"patience_s is a number of seconds greater than 0, not {patience_s!r}")
    if is_installed():
        raise StageError("a stage is open: confirm() runs real threads, so call it where no exploration, machine or staged test runs")
    value = as_schedule(schedule)
    policy = Replay(value)
    with installed(scenario, options), Recorder() as recorder:
        execution = execute(scenario, policy, History(), options)
    if policy.unused() and execution.failure is None:
        raise never_reached(value, policy.unused(), execution.decisions)
    return _on_threads(scenario, execution, recorder.script, options, patience_s)


def _on_threads(scenario: Callable[[], Any], execution: Execution, script: Script, options: Options, patience_s: float) -> Confirmation:
    lines = Lines(modules_named(options.lines_of, scenario)) if options.granularity == "line" else nullcontext()
    collects = gc.isenabled()
    gc.disable()  # a finalizer in the middle of it would make it another execution
    try:
        with lines, Forced(script, scenario) as forced:
            main = forced.begin()
            try:
                stuck = _follow(forced.turnstile, patience_s)
                if not stuck:
                    endless = execution.failure is not None and isinstance(execution.failure.error, Livelock)
                    (_look_on if endless else _settle)(forced.turnstile, patience_s)
                confirmed, said = (None, stuck) if stuck else _compare(execution.failure, forced.turnstile)
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


# -- how it ended -----------------------------------------------------------------------------------------------------


def _compare(failure: Failure | None, turnstile: Turnstile) -> tuple[bool | None, str]:
    went = f"the real threads went another way: {turnstile.diverged}" if turnstile.diverged else ""
    here = _what_happened(turnstile)
    if failure is None:
        raised = _what_was_raised(turnstile)
        if raised:
            return None, f"the schedule holds on the stage, but not on real threads: {raised}" + (f"; {went}" if went else "")
        return (None, went) if went else (False, "the schedule holds on the stage and on real threads: there is no failure to confirm")
    same, told = _same(failure.error, turnstile)
    if same:
        return True, told + (f"\n  though {went}" if went else "")
    if went:
        return None, went + (f"\n  then {here}" if here else "\n  then nothing failed")
    if not turnstile.is_settled and isinstance(failure.error, Deadlock | LeftBehind):
        return None, f"the real threads did not come to rest, so {failure.headline!r} cannot be told from a slow machine"
    return False, f"on the stage {failure.headline}; on real threads, in the same order, {here or 'nothing failed'}"


def _same(error: BaseException, turnstile: Turnstile) -> tuple[bool, str]:
    """Whether the real threads have ended as the stage did by ``error``, and how that is told."""
    by_name = {player.name: player for player in turnstile.players.values()}
    about = [by_name[name] for name in getattr(error, "about", ()) if name in by_name]
    first_line = (str(error).splitlines() or [""])[0]
    if isinstance(error, Deadlock):
        return _same_deadlock(error, about, turnstile)
    if isinstance(error, Livelock):
        goes_on = turnstile.goes_on and not turnstile.is_over and not turnstile.diverged
        return goes_on, f"Livelock: still running after the same {len(turnstile.script.steps):,} operations"
    if isinstance(error, ActorDied | ThreadDied):
        ends = [describe(end) for player in about[:1] for end in (player.died_of, player.error) if end is not None]
        return any(f" of {end}" in str(error) or f" by {end}" in str(error) for end in ends), f"{type(error).__name__}: {first_line}"
    if isinstance(error, LeftBehind):
        left = [player for player in about if player.kind in ("actor", "thread")]
        alive = bool(left) and all(player.state == "blocked" for player in left) and turnstile.is_settled
        return alive, f"LeftBehind: {', '.join(player.name for player in left)} still alive, though the scenario is over"
    if isinstance(error, PromiseBroken):
        return False, ""
    raised = [player.error for player in turnstile.players.values() if player.kind in ("scenario", "client") and player.error is not None]
    for other in raised:
        if type(other) is type(error) and (raised_at(other) == raised_at(error) or _alike(other, error)):
            words = "" if _alike(other, error) else f" (on the stage: {first_line})"
            return True, f"{_told(other)}{words}"
    return False, ""


def _same_deadlock(error: Deadlock, about: list[Player], turnstile: Turnstile) -> tuple[bool, str]:
    waiting = turnstile.script.waiting
    stuck = [player for player in about or turnstile.players.values() if player.path in waiting and not player.daemon]
    for player in stuck:
        step = waiting[player.path]
        operation, thing = player.pending or ("", None)
        if player.state != "blocked" or operation != step.operation or turnstile.numbers.known(thing) != step.target:
            return False, ""
    told = [f"{player.name} is blocked: it waits for {_awaited(waiting[player.path])}" for player in stuck]
    return bool(stuck), f"{type(error).__name__}: {str(error).splitlines()[0]}\n  " + "\n  ".join(told)


def _awaited(step: Step) -> str:
    if step.operation in ("get", "put"):
        return "its next message or item" if step.operation == "get" else f"room in {step.label}"
    return step.label or f"{step.operation}()"


def _what_happened(turnstile: Turnstile) -> str:
    """What went wrong on the real threads, in one line, or ""."""
    raised = _what_was_raised(turnstile)
    if raised:
        return raised
    for player in turnstile.players.values():
        if player.died_of is not None:
            return f"{player.name} died of {_told(player.died_of)}"
    blocked = [player.name for player in turnstile.players.values() if player.state == "blocked" and not player.daemon]
    return f"{', '.join(blocked)} {'is' if len(blocked) == 1 else 'are'} blocked" if blocked else ""


def _what_was_raised(turnstile: Turnstile) -> str:
    raised = ((player, player.error) for player in turnstile.players.values())
    return next((f"{player.name} raised {_told(error)}" for player, error in raised if error is not None), "")


def _told(error: BaseException) -> str:
    text = str(error).strip()
    place = raised_at(error)
    at = f" ({Path(place[0]).name}:{place[1]})" if place is not None else ""
    return f"{type(error).__name__}: {text}{at}" if text else f"{type(error).__name__}{at}"


def _alike(one: BaseException | None, other: BaseException | None) -> bool:
    """Whether two errors are of one class and say the same, but for addresses."""
    if one is None or other is None:
        return False
    return type(one) is type(other) and _ADDRESS.sub("", str(one)) == _ADDRESS.sub("", str(other))
