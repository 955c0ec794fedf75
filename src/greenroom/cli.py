"""The command line: ``greenroom explore``, ``exhaust``, ``determinism FILE.py::scenario``; ``replay``, ``confirm … SCHEDULE``.

Exit codes: 0 nothing failed, 1 a failure was found, 2 the command made no sense, 3 undecided (``exhaust`` ended before it had run every
schedule, a checker ran out of budget, ``confirm`` could not force the order on real threads), 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenroom import errors, pages, policies
from greenroom.confirm import confirm
from greenroom.determinism import determinism
from greenroom.documents import confirmation_document, execution_document, exhaustion_document, report_document
from greenroom.errors import GreenroomError, NondeterminismEscaped, PromiseBroken, ScenarioNotFound
from greenroom.execution import MAX_STEPS
from greenroom.exhaust import exhaust
from greenroom.explore import checked, explore, replay
from greenroom.fuzz import command as fuzzing
from greenroom.places import load_check, load_scenario, module_name
from greenroom.render.colour import coloured, wants_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.exhaust import Progress

_PROMISES = sorted(
    name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, PromiseBroken) and name[0] != "_"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is returned."""
    options = parse(arguments)
    try:
        run: Callable[..., int] = options.run
        return run(options, load_scenario(options.scenario)) if hasattr(options, "scenario") else run(options)
    except KeyboardInterrupt:
        print("greenroom: interrupted", file=sys.stderr)
        return 130
    except GreenroomError as error:
        if isinstance(error, PromiseBroken):
            raise
        print(f"greenroom: {error}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str] | None = None) -> Any:
    """The options of a command line."""
    parser, commands = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    told = "the saved failures of Hypothesis tests: list, show, replay, export, prune"
    if words[:1] == ["failures"]:
        try:
            from greenroom.commands import failures  # noqa: PLC0415 - it loads Hypothesis and pytest, which nothing else here needs
        except ModuleNotFoundError as error:
            parser.error(
                f"failures needs Hypothesis and pytest, and there is no module {error.name}: pip install 'greenroom[hypothesis]' pytest"
            )
        failures.add_parser(commands, told)
    else:
        commands.add_parser("failures", help=told)
    return parser.parse_args(arguments)


def _parser() -> tuple[argparse.ArgumentParser, Any]:
    parser = argparse.ArgumentParser(prog="greenroom", description="Checks programs written with Pykka on schedules that it controls.")
    parser.add_argument("--version", action="version", version=f"greenroom {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    exploring = commands.add_parser("explore", help="try many schedules, stop at the first that fails")
    _common(exploring)
    exploring.add_argument("-n", "--executions", type=_positive, default=1000, help="how many schedules to try (default: 1000)")
    _choosing(exploring)
    exploring.add_argument("--seconds", type=_positive_number, default=None, help="stop after this much time as well")
    exploring.add_argument("--no-shrink", action="store_true", help="show the failing schedule as it was found")
    exploring.add_argument("--confirm", action="store_true", help="force a failing schedule on real threads as well")
    exploring.set_defaults(run=_explore)
    exhausting = commands.add_parser("exhaust", help="run every inequivalent schedule, once each")
    _common(exhausting)
    exhausting.add_argument("-n", "--executions", type=_positive, default=None, help="stop after that many (default: no limit)")
    exhausting.add_argument("--seconds", type=_positive_number, default=None, help="stop after this much time")
    exhausting.add_argument("--workers", type=_positive, default=1, help="processes that search (default: 1)")
    exhausting.add_argument("--resume", metavar="FILE", default=None, help="keep what is left in FILE, and go on from there")
    label = "FUNCTION of the same file: given a message, returns a label; messages that share one may be handled in either order"
    exhausting.add_argument("--commuting", metavar="FUNCTION", default=None, help=label)
    exhausting.add_argument("--no-shrink", action="store_true", help="show the failing schedule as it was found")
    exhausting.set_defaults(run=_exhaust)
    replaying = commands.add_parser("replay", help="run one schedule again, and show what happens")
    _common(replaying)
    replaying.add_argument("schedule", help="as printed by explore: g1:7=Counter-2")
    replaying.add_argument("--whole", action="store_true", help="show all events, also those from which nothing leads to the failure")
    replaying.set_defaults(run=_replay)
    about = "force one schedule on real threads, and say whether the failure is real there"
    codes = "Exit codes: 1 the failure is real, 0 the real threads do not fail, 3 undecided (the order could not be forced)."
    confirming = commands.add_parser("confirm", help=about, description=about, epilog=codes)
    _common(confirming)
    confirming.add_argument("schedule", help="as printed by explore: g1:7=Counter-2")
    confirming.set_defaults(run=_confirm)
    comparing = commands.add_parser("determinism", help="run schedules twice, and show the first event that differs")
    _common(comparing, checks=False)
    comparing.add_argument("-n", "--executions", type=_positive, default=10, help="how many schedules to run twice (default: 10)")
    _choosing(comparing)
    comparing.set_defaults(run=_determinism)
    fuzzing.add_options(
        commands.add_parser("fuzz", help="run tests and scenarios for a long time, with ever new seeds"), _positive, _positive_number
    )
    return parser, commands


def _choosing(parser: argparse.ArgumentParser) -> None:
    names = f"{', '.join(policies.NAMES)}, pct:DEPTH, or delay:MOST (default: portfolio)"
    parser.add_argument("--policy", default="portfolio", help=names)
    parser.add_argument("--seed", type=int, default=0, help="another seed tries other schedules (default: 0)")


def _common(parser: argparse.ArgumentParser, *, checks: bool = True) -> None:
    parser.add_argument("scenario", metavar="FILE.py::SCENARIO", help="a function without arguments")
    steps = f"steps after which a run is a livelock (default: {MAX_STEPS})"
    parser.add_argument("--max-steps", type=_positive, default=MAX_STEPS, help=steps)
    parser.add_argument("--timers", choices=("lazy", "explored"), default="lazy", help="explored: a timeout may strike at any point")
    lines = "line: also between the source lines of the modules named by --lines-of"
    parser.add_argument("--granularity", choices=("message", "line"), default="message", help=lines)
    lines_of = "a module or package for --granularity line, as often as wanted (default: the scenario's own file)"
    parser.add_argument("--lines-of", action="append", default=[], metavar="NAME", help=lines_of)
    ignore = f"a promise that the scenario means to break, as often as wanted: {', '.join(_PROMISES)}"
    parser.add_argument("--ignore", action="append", choices=_PROMISES, default=[], metavar="PROMISE", help=ignore)
    if checks:
        page = "also write a picture of the execution to FILE: one page for a browser, to step through, to search and to filter"
        parser.add_argument("--html", metavar="FILE", default=None, help=page)
        check = "a checker that is to hold of every history, or a function that returns one, as often as wanted"
        parser.add_argument("--check", action="append", default=[], metavar="FILE.py::NAME", help=check)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _positive_number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def _of_scenario(options: Any) -> dict[str, Any]:
    """What every command passes on: the options of ``_common``."""
    checks = {"checks": [load_check(place) for place in options.check]} if hasattr(options, "check") else {}
    return {
        **checks,
        "max_steps": options.max_steps,
        "timers": options.timers,
        "granularity": options.granularity,
        "lines_of": options.lines_of,
        "ignore": [getattr(errors, name) for name in options.ignore],
    }


def _explore(options: Any, scenario: Callable[[], Any]) -> int:
    show = sys.stderr.isatty() and not options.json

    def progress(done: int, distinct: int) -> None:
        if show:
            print(f"\r{done:,} executions, {distinct:,} distinct schedules", end="", file=sys.stderr, flush=True)

    report = explore(
        scenario,
        executions=options.executions,
        policy=options.policy,
        seed=options.seed,
        max_seconds=options.seconds,
        **_of_scenario(options),
        shrink=not options.no_shrink,
        progress=progress,
    )
    if show:
        print("\r\033[K", end="", file=sys.stderr)
    confirmation = report.failure.confirm() if options.confirm and report.failure is not None else None
    if options.json:
        confirmed = {} if confirmation is None else {"confirmation": confirmation_document(confirmation)}
        print(json.dumps({**report_document(report), **confirmed}, ensure_ascii=False))
    else:
        print(_shown(report))
        print("" if confirmation is None else f"\n{confirmation}\n", end="")
    _write_page(options, report.failure.html if report.failure else None)
    return 1 if report.failure else 3 if report.undecided else 0


def _exhaust(options: Any, scenario: Callable[[], Any]) -> int:
    show = sys.stderr.isatty() and not options.json

    def progress(seen: Progress) -> None:
        if show:
            line = f"{seen.executions:,} executions, {seen.waiting:,} branches are left, of about {seen.estimate:,} executions in all"
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    report = exhaust(
        scenario,
        max_executions=options.executions,
        max_seconds=options.seconds,
        **_of_scenario(options),
        commuting=_labels(options),
        workers=options.workers,
        resume=options.resume,
        shrink=not options.no_shrink,
        progress=progress,
    )
    if show:
        print("\r\033[K", end="", file=sys.stderr)
    print(json.dumps(exhaustion_document(report), ensure_ascii=False) if options.json else _shown(report))
    _write_page(options, report.failure.html if report.failure else None)
    return 1 if report.failure else 0 if report.exhausted else 3


def _labels(options: Any) -> Callable[[Any], str | None] | None:
    """The function that ``--commuting`` names, from the scenario's own file."""
    if options.commuting is None:
        return None
    file_name = options.scenario.partition("::")[0]
    found = getattr(sys.modules[module_name(Path(file_name))], options.commuting, None)
    if not callable(found):
        raise ScenarioNotFound(f"--commuting: {file_name} has no function {options.commuting!r}")
    labels: Callable[[Any], str | None] = found
    return labels


def _replay(options: Any, scenario: Callable[[], Any]) -> int:
    execution = replay(
        scenario,
        options.schedule,
        **_of_scenario(options),
    )
    if options.json:
        print(json.dumps(execution_document(execution), ensure_ascii=False))
    elif execution.failure is not None:
        print(_shown(execution.failure.told(whole=options.whole)))
    else:
        from greenroom.render.lanes import lanes  # noqa: PLC0415 - only this branch draws without a failure

        cost = f"{execution.steps} steps, {execution.virtual_s:g} virtual seconds"
        undecided = "".join(f"\nundecided: {judgement.claim}: {judgement.reason}" for judgement in execution.undecided)
        print(f"{_shown(lanes(execution.history))}\n\nno failure under {execution.schedule} ({cost}){undecided}")
    given = checked(scenario, 1, **_of_scenario(options)).not_default()
    held = partial(pages.page_without_failure, execution, scenario, options=given)
    _write_page(options, execution.failure.html if execution.failure else held)
    return 1 if execution.failure else 3 if execution.undecided else 0


def _write_page(options: Any, page: Callable[[], str] | None) -> None:
    """Write the page that ``--html`` asks for, if there is one."""
    if options.html is not None and page is not None:
        print(f"page: {pages.write(options.html, page())}", file=sys.stderr if options.json else sys.stdout)
    elif options.html is not None:
        print(f"greenroom: nothing failed: {options.html} was not written (replay --html draws any schedule)", file=sys.stderr)


def _confirm(options: Any, scenario: Callable[[], Any]) -> int:
    confirmation = confirm(scenario, options.schedule, **_of_scenario(options))
    print(json.dumps(confirmation_document(confirmation), ensure_ascii=False) if options.json else confirmation)
    return {True: 1, False: 0, None: 3}[confirmation.confirmed]


def _determinism(options: Any, scenario: Callable[[], Any]) -> int:
    try:
        compared = determinism(
            scenario,
            executions=options.executions,
            policy=options.policy,
            seed=options.seed,
            **_of_scenario(options),
        )
    except NondeterminismEscaped as escaped:
        print(json.dumps({"deterministic": False, "difference": str(escaped)}, ensure_ascii=False) if options.json else escaped)
        return 1
    counts = {"deterministic": True, "schedules": compared.schedules, "events": compared.events}
    print(json.dumps(counts) if options.json else compared)
    return 0


def _shown(said: object) -> str:
    """The text, in colours where they are welcome."""
    return coloured(str(said)) if wants_colour(sys.stdout) else str(said)


def _version() -> str:
    try:
        return metadata.version("greenroom")
    except metadata.PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
