"""Compares how an execution ended on a stage and on real threads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from greenroom.describe import describe
from greenroom.errors import ActorDied, ClaimBroken, Deadlock, LeftBehind, Livelock, PromiseBroken, ThreadDied
from greenroom.failure import raised_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.failure import Failure
    from greenroom.script import Step
    from greenroom.turnstile import Player, Turnstile

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+")


def compare(failure: Failure | None, turnstile: Turnstile, judge: Callable[[], tuple[ClaimBroken | None, str]]) -> tuple[bool | None, str]:
    """Whether the real threads fail as the stage did (None: that is not decided), and what there is to say about it.

    ``judge`` looks at the operations of the clients: the claim that they break, and why that cannot be said for certain.
    """
    went = f"the real threads went another way: {turnstile.diverged}" if turnstile.diverged else ""
    here = _what_happened(turnstile)
    if failure is None:
        return _compare_without_failure(turnstile, went)
    uncertain = ""
    if isinstance(failure.error, ClaimBroken):
        broken, uncertain = judge()
        same, told = _same_claim(failure.error, broken)
    else:
        same, told = _same(failure.error, turnstile)
    if same:
        return True, told + (f"\n  though {went}" if went else "")
    if went:
        return None, went + (f"\n  then {here}" if here else "\n  then nothing failed")
    if uncertain:
        return None, f"on the stage {failure.headline}; {uncertain}"
    if not turnstile.is_settled and isinstance(failure.error, Deadlock | LeftBehind):
        return None, f"the real threads did not come to rest, so {failure.headline!r} cannot be told from a slow machine"
    return False, f"on the stage {failure.headline}; on real threads, in the same order, {here or 'nothing failed'}"


def _compare_without_failure(turnstile: Turnstile, went: str) -> tuple[bool | None, str]:
    raised = _what_was_raised(turnstile)
    if raised:
        return None, f"the schedule holds on the stage, but not on real threads: {raised}" + (f"; {went}" if went else "")
    return (None, went) if went else (False, "the schedule holds on the stage and on real threads: there is no failure to confirm")


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
        same = describe(error.__cause__) in ends or any(f" of {end}" in str(error) or f" by {end}" in str(error) for end in ends)
        return same, f"{type(error).__name__}: {first_line}"
    if isinstance(error, LeftBehind):
        left = [player for player in about if player.kind in ("actor", "thread")]
        alive = bool(left) and all(player.state == "blocked" for player in left) and turnstile.is_settled
        return alive, f"LeftBehind: {', '.join(player.name for player in left)} still alive, though the scenario is over"
    return (False, "") if isinstance(error, PromiseBroken) else _same_error(error, turnstile)


def _same_claim(error: ClaimBroken, broken: ClaimBroken | None) -> tuple[bool, str]:
    same = broken is not None and broken.judgement.claim == error.judgement.claim
    return same, f"{type(error).__name__}: {(str(broken).splitlines() or [''])[0]}"


def _same_error(error: BaseException, turnstile: Turnstile) -> tuple[bool, str]:
    for player in turnstile.players.values():
        other = player.error
        if other is None or player.kind not in ("scenario", "client") or type(other) is not type(error):
            continue
        if _alike(other, error):
            return True, _told(other)
        if raised_at(other) == raised_at(error):
            return True, f"{_told(other)} (on the stage: {(str(error).splitlines() or [''])[0]})"
    return False, ""


def _same_deadlock(error: Deadlock, about: list[Player], turnstile: Turnstile) -> tuple[bool, str]:
    waiting = turnstile.script.waiting
    stuck = [player for player in about or turnstile.players.values() if player.path in waiting and (about or not player.daemon)]
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
