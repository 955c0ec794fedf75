"""A long run as one HTML page: no network, light and dark, what was found first."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from greenroom.fuzz.charts import Mark, chart
from greenroom.fuzz.dashboard import duration

if TYPE_CHECKING:
    from greenroom.fuzz.coordinator import Limits
    from greenroom.fuzz.failures import FoundFailure
    from greenroom.fuzz.state import State

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #fff; --raised: #f5f6f8; --text: #1c2026; --quiet: #646c78; --rule: #dfe2e7;
  --line: #2563c9; --area: #2563c91f; --bad: #c22f2f; --good: #1d7d46; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --raised: #1d2126; --text: #e4e7eb; --quiet: #98a1ad; --rule: #31373f;
  --line: #6ea8fe; --area: #6ea8fe24; --bad: #ff7b72; --good: #5fc88b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .8125rem; }
.quiet { color: var(--quiet); } .bad { color: var(--bad); } .good { color: var(--good); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin-top: 1.25rem; }
.tile { background: var(--raised); border-radius: .5rem; padding: .625rem .875rem; } .tile b { display: block; font-size: 1.375rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; border: 1px solid var(--rule); border-radius: .5rem; padding: .625rem .75rem .25rem; }
figcaption { color: var(--quiet); }
figcaption b { color: var(--text); } svg { width: 100%; height: auto; display: block; }
.line { fill: none; stroke: var(--line); stroke-width: 2; stroke-linejoin: round; } .area { fill: var(--area); }
.grid { stroke: var(--rule); } .limit { stroke: var(--bad); stroke-dasharray: 5 4; } .axis { fill: var(--quiet); font-size: 11px; }
.mark { fill: var(--bad); stroke: var(--ground); stroke-width: 1.5; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th { color: var(--quiet); font-weight: 500; text-align: left; }
.name { overflow-wrap: anywhere; }
th, td { padding: .375rem .75rem .375rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; } .number { text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
details { border: 1px solid var(--rule); border-radius: .5rem; margin-bottom: .75rem; padding: .625rem .875rem; }
summary { cursor: pointer; } summary b { overflow-wrap: anywhere; } pre { overflow-x: auto; line-height: 1.35; margin: .75rem 0; }
"""


def page(state: State, limits: Limits, left_out: dict[str, str], *, ended: str) -> str:
    """The whole page."""
    title = "greenroom fuzz" + (f": {' '.join(state.arguments)}" if state.arguments else "")
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="quiet">{_about(state, limits, ended)}</p>',
        _tiles(state, limits),
        "<h2>Failures</h2>",
        *([_failure(failure) for failure in state.failures.values()] or [f'<p class="good">{"None." if ended else "None so far."}</p>']),
        "<h2>Discovery over time</h2>",
        _charts(state, limits),
        "<h2>Tests</h2>",
        _tests(state, left_out),
        _incidents(state),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return "\n".join([f'<!doctype html><html lang="en"><head>{head}</head><body>', *body, "</body></html>", ""])


def _about(state: State, limits: Limits, ended: str) -> str:
    sessions = f"{state.session} sessions, {duration(state.elapsed_s)} in all" if state.session > 1 else duration(state.elapsed_s)
    workers = f"{limits.workers} worker{'s' if limits.workers != 1 else ''}"
    how = {"": "still running", "time": "ended in time", "examples": "ended after its examples"}.get(ended, escape(ended))
    return f"Begun {escape(state.started)}; {sessions}, {workers}, seed {state.seed}; {how}."


def _tiles(state: State, limits: Limits) -> str:
    about = "" if state.exact else "≈ "
    rate = state.examples / state.elapsed_s if state.elapsed_s else 0.0
    tiles = [
        ("failures", f'<span class="{"bad" if state.failures else "good"}">{len(state.failures)}</span>'),
        ("examples", f"{state.examples:,}"),
        ("examples a second", f"{rate:,.1f}"),
        ("distinct schedules", f"{about}{state.schedules:,}"),
        ("behaviours", f"{state.behaviours:,}"),
        (f"most MB in a worker, of {limits.memory_mb:g}", f"{state.peak_mb:,.0f}"),
    ]
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{value}</b><span class="quiet">{name}</span></div>' for name, value in tiles)
        + "</div>"
    )


def _failure(failure: FoundFailure) -> str:
    told = [f"found after {duration(failure.found_s)}"]
    told += [f"session {failure.session}"] if failure.session > 1 else []
    told += [f"met {failure.times:,} times since"] if failure.times else []
    told += ["not yet shrunk"] if not failure.shrunk else []
    told += ["did not fail again in the last session"] if not failure.still else []
    text = failure.text or failure.message
    again = f"<p>Again: <code>{escape(failure.replay)}</code></p>" if failure.replay else ""
    return (
        f'<details open><summary><b class="bad">{escape(failure.headline)}</b><br><code>{escape(failure.test)}</code> '
        f'<span class="quiet">· {", ".join(told)}</span></summary><pre>{escape(text)}</pre>{again}</details>'
    )


def _charts(state: State, limits: Limits) -> str:
    samples = state.samples
    marks = [Mark(failure.found_s, f"{failure.test}: {failure.headline}") for failure in state.failures.values()]
    charts = [
        chart("Distinct schedules", [(sample.t_s, sample.schedules) for sample in samples]),
        chart("Behaviours", [(sample.t_s, sample.behaviours) for sample in samples]),
        chart("Failures", [(sample.t_s, sample.failures) for sample in samples], steps=True, marks=marks),
        chart("Memory of the largest worker", [(sample.t_s, sample.worker_mb) for sample in samples], unit=" MB", limit=limits.memory_mb),
    ]
    words = (
        "A schedule is the list of choices that an example took; a behaviour is a pair of operations, one right after the other at the "
        "same inbox, lock or other shared thing. A line that has become flat says that more of the same will hardly find anything."
    )
    return f'<div class="charts">{"".join(charts)}</div><p class="quiet">{words}</p>'


def _tests(state: State, left_out: dict[str, str]) -> str:
    names = ("examples", "seconds", "schedules", "behaviours", "failures")
    head = "<th>test</th>" + "".join(f'<th class="number">{name}</th>' for name in names)
    rows = []
    for test in sorted(state.tests.values(), key=lambda test: test.id):
        failed = sum(failure.test == test.id for failure in state.failures.values())
        count = f'<span class="bad">{failed}</span>' if failed else "0"
        values = (f"{test.examples:,}", f"{test.seconds:,.0f}", f"{len(test.schedules):,}", f"{len(test.behaviours):,}", count)
        cells = "".join(f'<td class="number">{value}</td>' for value in values)
        rows.append(f'<tr><td class="name"><code>{escape(test.id)}</code></td>{cells}</tr>')
    lines = [f"{name}: {reason}" for name, reason in left_out.items()]
    apart = f'<details><summary class="quiet">{len(lines)} left out</summary><pre>{_lines(lines)}</pre></details>' if lines else ""
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div><br>{apart}'


def _incidents(state: State) -> str:
    if not state.incidents:
        return ""
    lines = [
        f"{duration(one['t_s'])}  session {one['session']}  {one['what']}: {one.get('test', '')} {one['text']}" for one in state.incidents
    ]
    return f"<h2>What went wrong besides</h2><pre>{_lines(lines)}</pre>"


def _lines(lines: list[str]) -> str:
    return escape("\n".join(lines))
