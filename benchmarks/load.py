"""MemesPy under 1, 2, 4, 8 users, uncached and cached, and what each part costs: a table, and a page with charts.

``python -m benchmarks.load --report load.html`` starts ``memespy serve`` with its defaults and a store of its own on a free port, and
drives it over loopback. Users, service and whatever else runs share the machine's processors: requests a second depend on that, CPU seconds
less.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import parts, users
from benchmarks.charts import Limit, bars, lines, shown
from benchmarks.service import Service
from benchmarks.users import Until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.parts import Part
    from benchmarks.users import Level

_CSS: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #8b949e55; --paper: #fff; --c0: #0969da; --c1: #cf222e; --c2: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --c0: #58a6ff; --c1: #ff7b72; --c2: #56d364; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto; max-width: 960px; }
body { padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.charts { display: flex; flex-wrap: wrap; gap: .5rem 1rem; } figure { margin: 0; max-width: 100%; } figcaption { font-weight: 600; }
svg { max-width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.grid { stroke: var(--faint); } .limit { stroke: var(--ink); stroke-dasharray: 5 4; } .line { fill: none; stroke-width: 2; }
.line.s0 { stroke: var(--c0); } .line.s1 { stroke: var(--c1); } .line.s2 { stroke: var(--c2); } .bar { fill: var(--c0); }
.dot.s0, svg .label.s0 { fill: var(--c0); } .dot.s1, svg .label.s1 { fill: var(--c1); } .dot.s2, svg .label.s2 { fill: var(--c2); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--faint); text-align: right; }
th:first-child, td:first-child, td.text, th.text { text-align: left; }
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was measured, and `where`: a line about the machine and its load. The levels of both lists are the same."""

    uncached: Sequence[Level]
    cached: Sequence[Level]
    parts: Sequence[Part]
    where: str


def where(before: float, how: str) -> str:
    """A line about this machine, and how it was measured; `before` is the load (one minute) from before that."""
    now = dt.datetime.now(tz=dt.UTC)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    return f"{now:%Y-%m-%d %H:%M} UTC, {python}, {platform.machine()}, {os.cpu_count()} CPUs, {load}; {how}"


_COLUMNS: Final = ("users", "requests", "errors", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms a meme", "memory MB")


def row(level: Level) -> tuple[str, ...]:
    """A level under `_COLUMNS`."""
    result = level.result
    latencies = (1000 * seconds for seconds in (result.p50, result.p95, result.p99))
    figures = (result.rate, *latencies, result.cpu_ms, level.resident_mb)
    return (str(level.users), str(result.requests), str(result.errors), *map(shown, figures))


def as_text(findings: Findings) -> str:
    """The tables, for a terminal."""
    told = [findings.where]
    for name, levels in (("uncached", findings.uncached), ("cached", findings.cached)):
        told += ["", name, "".join(f"{column:>14}" for column in _COLUMNS)]
        told += ["".join(f"{cell:>14}" for cell in row(level)) for level in levels]
    told += ["", "CPU ms a call"]
    told += [f"  {part.name:<18}{shown(part.ms):>10}   {part.does}" for part in findings.parts]
    return "\n".join(told)


def as_page(findings: Findings) -> str:
    """The page: charts, and every figure in a table as well. It needs no other file."""
    charts = "".join(_charts(findings))
    tables = "".join(
        f"<h2>{name}</h2>{_table(_COLUMNS, [row(level) for level in levels])}"
        for name, levels in (("Uncached: each user wants memes that nobody has", findings.uncached), ("Cached", findings.cached))
    )
    costs = {part.name: part.ms for part in findings.parts}
    rows = [(part.name, part.does, shown(part.ms)) for part in findings.parts]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>MemesPy under load</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"/><style>{_CSS}</style></head><body>'
        f"<h1>MemesPy under load</h1><p>{escape(findings.where)}</p>"
        "<p>A user sends the next request when the last one is answered. CPU and memory are those of all processes of the service.</p>"
        f'<div class="charts">{charts}</div>{tables}'
        f"<h2>What each part costs alone</h2>{bars('CPU milliseconds a call, logarithmic', 'ms', costs)}"
        f"{_table(('part', 'one call is', 'CPU ms'), rows, texts=2)}</body></html>\n"
    )


def _charts(findings: Findings) -> list[str]:
    uncached, cached = findings.uncached, findings.cached
    xs = [level.users for level in uncached]
    by_share = {name: [1000 * getattr(level.result, name) for level in uncached] for name in ("p50", "p95", "p99")}

    def cached_by_share(name: str) -> list[float]:
        return [1000 * getattr(level.result, name) for level in cached]

    both = {"uncached": [level.result for level in uncached], "cached": [level.result for level in cached]}
    rate = {name: [result.rate for result in results] for name, results in both.items()}
    errors = {name: [100 * result.error_share for result in results] for name, results in both.items()}
    cpu = {name: [result.cpu_ms for result in results] for name, results in both.items()}
    memory = {"uncached": [level.resident_mb for level in uncached], "cached": [level.resident_mb for level in cached]}
    return [
        lines("Requests a second, uncached", "users", xs, {"uncached": rate["uncached"]}, Limit(50, "50 wanted")),
        lines("Requests a second", "users", xs, rate),
        lines("Latency uncached, ms", "users", xs, by_share, Limit(3000, "p95 limit")),
        lines("Latency cached, ms", "users", xs, {name: cached_by_share(name) for name in ("p50", "p95", "p99")}),
        lines("CPU of the service, ms a meme", "users", xs, cpu),
        lines("Memory of the service, MB", "users", xs, memory, Limit(1000, "limit")),
        lines("Errors, % of the requests", "users", xs, errors, Limit(1, "limit")),
    ]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        classes = ['class="text"' if at < texts else "" for at in range(len(values))]
        return "".join(f"<{tag} {each}>{escape(value)}</{tag}>" for each, value in zip(classes, values, strict=True))

    body = "".join(f"<tr>{cells('td', each)}</tr>" for each in rows)
    return f'<div class="scroll"><table><thead><tr>{cells("th", columns)}</tr></thead><tbody>{body}</tbody></table></div>'


def measure(levels: Sequence[int], seconds: float) -> Findings:
    """Everything: first the parts, then each number of users for so many seconds, uncached and then cached."""
    before = os.getloadavg()[0]
    costs = parts.measured()
    with Service() as service:
        url, pid, until = service.url, service.pid, Until(seconds=seconds)
        users.at_once(url, pid, max(levels), lambda user, number: f"warm {user} {number}", Until(seconds=max(5.0, seconds)))
        uncached = users.scaling(url, pid, levels, until, cached=False)
        cached = users.scaling(url, pid, levels, until, cached=True)
    return Findings(uncached, cached, costs, where(before, f"{seconds:g} s for each number of users"))


def _levels(text: str) -> tuple[int, ...]:
    try:
        levels = tuple(int(each) for each in text.split(","))
    except ValueError:
        levels = ()
    if not levels or min(levels) < 1 or max(levels) > 55:
        # Beyond those the service refuses by design: 5 at once and 50 in line.
        raise argparse.ArgumentTypeError(f"{text!r}; expected numbers of users, 1 to 55 each, e.g. 1,2,4,8")
    return levels


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}; expected seconds, above 0 and at most 3600")
    return seconds


def _page(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}; expected the name of a file, e.g. load.html, in a folder that exists")
    return path


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=_levels, default=users.LEVELS, metavar="1,2,4,8", help="how many at once (default: 1,2,4,8)")
    parser.add_argument("--seconds", type=_seconds, default=10.0, help="for each number of users, twice (default: %(default)g)")
    parser.add_argument("--report", type=_page, metavar="FILE.html", help="write a page with charts there")
    options = parser.parse_args(arguments)
    findings = measure(options.users, options.seconds)
    print(as_text(findings))
    if options.report is not None:
        options.report.write_text(as_page(findings), encoding="utf-8")
        print(f"\ncharts: {options.report}")


if __name__ == "__main__":
    main()
