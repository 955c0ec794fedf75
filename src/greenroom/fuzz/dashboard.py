"""What a person sees of a long run: a few lines that are redrawn on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io
import shutil
import time
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.fuzz.coordinator import Coordinator
    from greenroom.fuzz.failures import FoundFailure
    from greenroom.fuzz.state import Sample

_BARS: Final = "▁▂▃▄▅▆▇█"
_REDRAW_S: Final = 0.5
_LINE_EVERY_S: Final = 30.0
_RATE_OVER_S: Final = 10.0
_SPARKS: Final = 24


class Dashboard:
    """Shows a run on ``out``; ``live`` redraws its lines in place."""

    def __init__(self, out: TextIO, *, live: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._live = live
        self._clock = clock
        self._drawn = 0
        self._next = clock() + (0.0 if live else _LINE_EVERY_S)
        self._examples: deque[tuple[float, int]] = deque([(clock(), 0)])
        self.latest = ""

    def say(self, text: str) -> None:
        """Print what is to stay."""
        self._clear()
        self._write(f"{text}\n")

    def tests(self, count: int, left_out: dict[str, str]) -> None:
        """The tests are known."""
        line = many(count, "test")
        for reason in sorted(set(left_out.values())):
            line += f"; {sum(why == reason for why in left_out.values())} left out: {reason}"
        self.say(line)

    def failure(self, failure: FoundFailure, number: int) -> None:
        """A failure was found and reduced: shown once."""
        self.say(as_text(failure, number))

    def show(self, run: Coordinator) -> None:
        """The state of the run, if it is time to."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + (_REDRAW_S if self._live else _LINE_EVERY_S)
        rate = self._rate(now, run.session_examples)
        if self._live:
            width = shutil.get_terminal_size().columns
            lines = [line[: width - 1] for line in block(run, rate, self.latest)]
            self._clear()
            self._write("".join(f"{line}\n" for line in lines))
            self._drawn = len(lines)
        else:
            self._write(f"{one_line(run, rate)}\n")

    def close(self) -> None:
        """Take the lines that change away."""
        self._clear()

    def _clear(self) -> None:
        if self._drawn:
            self._write(f"\033[{self._drawn}F\033[J")
            self._drawn = 0

    def _write(self, text: str) -> None:
        """A run goes on though nobody reads its output any more: what it finds is in its files."""
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:
            self._out = io.StringIO()

    def _rate(self, now: float, examples: int) -> float:
        """Examples a second of late."""
        recent = self._examples
        recent.append((now, examples))
        while len(recent) > 2 and now - recent[0][0] > max(_RATE_OVER_S, 1.5 * (now - recent[-2][0])):
            recent.popleft()
        (before_s, before), (after_s, after) = recent[0], recent[-1]
        return (after - before) / (after_s - before_s) if after_s > before_s else 0.0


def as_text(failure: FoundFailure, number: int) -> str:
    """A failure as it is shown when it is found."""
    head = f"✗ failure {number}, after {duration(failure.found_s)}, in {failure.test}\n{failure.headline}"
    again = f"\nagain: {failure.replay}" if failure.replay else ""
    return f"\n{head}\n{failure.text}{again}\n"


def block(run: Coordinator, rate: float, latest: str) -> list[str]:
    """The lines that are redrawn."""
    state = run.state
    about = "" if state.exact else "≈ "
    total = f" of {duration(run.limits.minutes * 60)}" if run.limits.minutes is not None else ""
    session = f" · session {state.session}" if state.session > 1 else ""
    ending = {"": "", "interrupted": " · ending (Ctrl-C again: at once)"}.get(run.stopping, " · ending")
    shrinking = sum(not failure.shrunk for failure in state.failures.values())
    part = f"   ({shrinking} being shrunk)" if shrinking else ""
    before = f"   {_again(state.failures.values(), state.session)}" if state.session > 1 and state.failures else ""
    lines = [
        f"── greenroom fuzz · {duration(run.session_s)}{total}{session}{ending} ──",
        f"examples    {state.examples:>11,}   {rate:,.0f}/s",
        f"schedules   {about}{state.schedules:>{11 - len(about)},}   {_spark(state.samples, 'schedules')}",
        f"behaviours  {state.behaviours:>11,}   {_spark(state.samples, 'behaviours')}" + (f"  new: {latest[:60]}" if latest else ""),
        f"failures    {len(state.failures):>11,}{part}{before}",
    ]
    for number, mb, test, shrinks, ready in run.view()["workers"]:
        doing = "" if ready else "starting"
        doing = f"{'shrinking ' if shrinks else ''}{test.rpartition('/')[2]}" if test else doing
        lines.append(f"worker {number:<4} {mb:>8,.0f} MB   {doing}")
    return lines


def one_line(run: Coordinator, rate: float) -> str:
    """The same in one line, for a log."""
    state = run.state
    about = "" if state.exact else "about "
    memory = ", ".join(f"{mb:,.0f}" for _, mb, *_ in run.view()["workers"])
    return (
        f"{duration(run.session_s)}: {state.examples:,} examples ({rate:,.0f}/s), {about}{state.schedules:,} distinct schedules, "
        f"{state.behaviours:,} behaviours, {many(len(state.failures), 'failure')}, {memory} MB"
    )


def duration(seconds: float) -> str:
    """``3:07``, or ``2:03:07`` from an hour on."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def many(count: int, noun: str) -> str:
    """``1 failure``, ``2 failures``."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def _again(failures: object, session: int) -> str:
    earlier = [failure for failure in failures if failure.session < session]  # type: ignore[attr-defined]  # of failures
    gone = sum(not failure.still for failure in earlier)
    return f"{len(earlier)} from earlier sessions" + (f", of which {gone} did not fail again" if gone else "")


def _spark(samples: Sequence[Sample], name: str) -> str:
    """How many were new in each part of the run, as bars."""
    if len(samples) < 3:
        return ""
    parts = min(_SPARKS, len(samples) - 1)
    marks = [samples[round(index * (len(samples) - 1) / parts)] for index in range(parts + 1)]
    rates = [(getattr(after, name) - getattr(before, name)) / max(after.t_s - before.t_s, 0.001) for before, after in pairwise(marks)]
    most = max(rates)
    if most <= 0:
        return _BARS[0] * parts
    return "".join(_BARS[min(7, int(rate / most * 7.999)) if rate > 0 else 0] for rate in rates)
