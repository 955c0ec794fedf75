"""An execution as one HTML document: the message-sequence chart with all that can be asked of it, and nothing from a network."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from greenroom.render.chart import chart_data, event_rows, lane_names, seconds
from greenroom.render.markup import as_json, filled, shown
from greenroom.render.operations import operations_view
from greenroom.render.waiting import waiting_figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.history import History, Operation

_HEAD_SCRIPT: Final = "document.documentElement.classList.add('scripted')"
# Where the script fails, what needs none is shown all the same.
_HEAD_OF_SCRIPT: Final = "'use strict';\ntry {\n"
_END_OF_SCRIPT: Final = "\n} catch (error) {\ndocument.documentElement.classList.remove('scripted');\nthrow error;\n}\n"
_LONG: Final = 100  # characters: such a headline is set smaller
_SCRIPTS: Final = ("model.js", "states.js", "lines.js", "chart.js", "panels.js", "controls.js")


def timeline(  # noqa: PLR0913 - each text of the page by its name
    history: History,
    *,
    claim: str,
    scenario: str = "",
    failed: bool = True,
    replay_line: str = "",
    schedule: str = "",
    program: str = "",
    program_name: str = "",
    program_line: int = 0,
    program_start: int = 1,
    checked_claim: str = "",
    checked_reason: str = "",
    legal: Sequence[Operation] = (),
    refused: Sequence[tuple[Operation, str]] = (),
) -> str:
    """The page; the same text for the same arguments, in every process.

    Args:
        history: what was recorded.
        claim: what broke, in words; its first line is the page's headline.
        scenario: the name of what was run.
        failed: whether something broke; only the looks depend on it.
        replay_line: the command that runs it again.
        schedule: the schedule's own text.
        program: source text to read beside the picture.
        program_name: where that source is from.
        program_line: the line of it that failed, counted from 1; 0 where none did.
        program_start: the line that is of interest where none failed.
        checked_claim: what a checker says should hold of the operations.
        checked_reason: why it does not.
        legal: the longest legal order of operations that it found.
        refused: the operations that could have come next, and why they could not.
    """
    headline, _, rest = claim.partition("\n")
    script = _HEAD_OF_SCRIPT + "\n".join(map(_file, _SCRIPTS)) + _END_OF_SCRIPT
    operations = operations_view(history, claim=checked_claim, reason=checked_reason, legal=legal, refused=refused)
    name_tasks = _naming(history)
    told = "".join(f"<li>{name_tasks(line.strip())}" for line in rest.splitlines() if line.strip())
    view = "operations" if refused and operations else "chart"
    data = chart_data(history) | {"view": view, "copies": {"replay": _command(replay_line), "schedule": schedule, "program": program}}
    return filled(
        _file("page.html"),
        head_script=_HEAD_SCRIPT,
        head_hash=_hash(_HEAD_SCRIPT),
        script_hash=_hash(script),
        style=_file("style.css"),
        script=script,
        data=as_json(data),
        title=shown(f"{headline} · {scenario}" if scenario else headline),
        scenario=shown(scenario),
        outcome="failed" if failed else "held",
        headline=_headline(headline, name_tasks),
        length="long" if len(headline) > _LONG else "short",
        told=f'<ul class="told">{told}</ul>' if told else "",
        waiting=waiting_figure(history),
        facts=_facts(history),
        replay=_copyable("replay", "Replay", _command(replay_line)),
        schedule=_copyable("schedule", "Schedule", schedule),
        operations=operations or "<p>No client of this execution recorded its calls.</p>",
        no_operations="" if operations else "hidden",
        rows=event_rows(history),
        program=_program(program, program_name, program_line, program_line or program_start),
    )


def _hash(script: str) -> str:
    """What a content security policy knows a script by."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def _file(name: str) -> str:
    return resources.files("greenroom.render").joinpath("page", name).read_text(encoding="utf-8")


def _naming(history: History) -> Callable[[str], str]:
    """Makes a text HTML in which the names of tasks stand out, and are not broken over lines."""
    names = sorted((name for name in lane_names(history) if name), key=len, reverse=True)
    if not names:
        return shown
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, names))})(?![\w-])")

    def name_tasks(text: str) -> str:
        parts = pattern.split(text)
        return "".join(f'<b class="task">{shown(part)}</b>' if place % 2 else shown(part) for place, part in enumerate(parts))

    return name_tasks


def _headline(line: str, name_tasks: Callable[[str], str]) -> str:
    """The headline; the class of the error stands above it, smaller."""
    kind, colon, text = line.partition(": ")
    if not colon or not kind.isidentifier():
        return name_tasks(line)
    return f'<span class="kind">{shown(kind)}</span> {name_tasks(text)}'


def _facts(history: History) -> str:
    """How much there is to see, in one line."""
    deviations = sum(event.deviation for event in history.events)
    last_ns = max((event.time_ns for event in history.events), default=0)
    facts = [_count(len(history.events), "event"), _count(len(lane_names(history)), "task")]
    facts += [_count(deviations, "choice") + " against the default order" if deviations else "the default order"]
    facts += [f"{seconds(last_ns)} of virtual time"] if last_ns else []
    return " · ".join(facts)


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _command(replay_line: str) -> str:
    return replay_line.removeprefix("replay: ")


def _copyable(name: str, title: str, text: str) -> str:
    if not text:
        return ""
    button = f'<button type="button" class="copy" data-copy="{name}" aria-label="Copy the {title.lower()}">Copy</button>'
    return f'<div class="copyable"><span class="caption">{title}</span><code>{shown(text)}</code>{button}</div>'


def _program(source: str, name: str, failed_line: int, shown_line: int) -> str:
    if not source:
        return ""
    lines = "".join(
        f'<li id="line-{number}"{_failed(number == failed_line)}><code>{shown(line) or " "}</code>'
        for number, line in enumerate(source.removesuffix("\n").split("\n"), 1)
    )
    button = '<button type="button" class="copy" data-copy="program" aria-label="Copy the program">Copy</button>'
    head = f'<h2>Program <span class="name">{shown(name)}</span></h2>{button}'
    listing = f'<ol class="source" tabindex="0" data-line="{shown_line}">{lines}</ol>'
    return f'<section class="program" aria-label="Program"><header>{head}</header>{listing}</section>'


def _failed(here: bool) -> str:  # noqa: FBT001 - a clause: failed if it is here
    return ' class="failed" aria-label="this line failed"' if here else ""
