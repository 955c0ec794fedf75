"""``python -m machines``: drives the real actors with the state machines, shows how it goes, and sums up.

Exit codes: 0 every machine held, 1 a failure was found (or a replay had nothing to replay), 2 the command made no sense,
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import hypothesis
from hypothesis import settings
from hypothesis.errors import DidNotReproduce, InvalidArgument

from greenroom.machine import ACTORS_VARIABLE
from machines import profiles, side_by_side
from machines.breaker import BreakerMachine
from machines.cache import CacheMachine
from machines.flow import FlowMachine
from machines.lifecycle import LifecycleMachine
from machines.pipeline import PipelineMachine
from machines.report import coverage_document, print_failure, print_summary, print_verdict, write_coverage
from machines.service import ServiceMachine
from machines.session import Run, Session
from machines.store import StoreMachine
from machines.supervision import SupervisionMachine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom import ActorMachine

MACHINES: Final[dict[str, type[ActorMachine]]] = {
    "pipeline": PipelineMachine,
    "cache": CacheMachine,
    "supervision": SupervisionMachine,
    "breaker": BreakerMachine,
    "flow": FlowMachine,
    "service": ServiceMachine,
    "store": StoreMachine,
    "lifecycle": LifecycleMachine,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the machines; the exit code is returned."""
    options = _parser().parse_args(arguments)
    names = options.machines or list(MACHINES)
    unknown = [name for name in names if name not in MACHINES]
    if unknown:
        print(f"machines: there is no machine {unknown[0]!r}; choose among {', '.join(MACHINES)}", file=sys.stderr)
        return 2
    if options.replay and len(names) != 1:
        print("machines: --replay takes exactly one machine: python -m machines pipeline --replay BLOB", file=sys.stderr)
        return 2
    os.environ[ACTORS_VARIABLE] = options.actors
    profiles.register()
    profile = "threads" if options.actors == "threads" and options.profile == "dev" else options.profile
    settings.load_profile(profile)
    if not options.child:
        print(f"greenroom {options.actors}, profile {profile}, hypothesis {hypothesis.__version__}", file=sys.stderr)
    workers = min(options.workers or side_by_side.cores(), len(names))
    if workers == 1 or profile == "replay" or options.child:
        return _one_after_the_other(names, profile, options)
    codes = side_by_side.run(names, _passed_on(options), workers, options.coverage)
    code = side_by_side.verdict(codes)
    failed = [name for name, code in codes.items() if code not in {0, side_by_side.INTERRUPTED}]
    print_verdict(list(codes), failed, interrupted=code == side_by_side.INTERRUPTED)
    return code


def _one_after_the_other(names: Sequence[str], profile: str, options: argparse.Namespace) -> int:
    chosen = settings(max_examples=options.examples) if options.examples else settings()
    session = Session(chosen, seed=options.seed, blob=options.replay, shrink=options.shrink, lines=options.child)
    runs: list[Run] = []
    code = 0
    try:
        for name in names:
            run = session.start(name, MACHINES[name])
            runs.append(run)
            session.drive(run)
            if run.error is not None:
                print_failure(run)
    except KeyboardInterrupt:
        code = side_by_side.INTERRUPTED
    except (InvalidArgument, DidNotReproduce) as error:
        print(f"machines: {error}", file=sys.stderr)
        return 2
    for run in runs:
        print_summary(run, interrupted=code != 0 and run is runs[-1])
    failed = [run.name for run in runs if run.error is not None]
    if not options.child:
        print_verdict(names[: len(runs)], failed, interrupted=code != 0)
    if options.coverage is not None:
        write_coverage(options.coverage, coverage_document(runs))
    replayed_nothing = _replayed_nothing(profile, runs)
    return code or int(bool(failed) or replayed_nothing)


def _passed_on(options: argparse.Namespace) -> list[str]:
    """The options that a machine's own process is given."""
    passed = ["--profile", options.profile, "--actors", options.actors, "--shrink", options.shrink]
    for name in ("examples", "seed"):
        value = getattr(options, name)
        passed += [] if value is None else [f"--{name}", str(value)]
    return passed


def _replayed_nothing(profile: str, runs: list[Run]) -> bool:
    if profile != "replay":
        return False
    for run in runs:
        if run.replayed.entries:
            print(f"{run.name}: replayed {run.replayed.entries} saved examples: {run.replayed}", file=sys.stderr)
    if any(run.replayed.entries for run in runs):
        return False
    print("machines: nothing was replayed: no failure of these machines is stored", file=sys.stderr)
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m machines", description="Drives MemesPy's real actors with Hypothesis state machines.")
    parser.add_argument("machines", nargs="*", metavar="MACHINE", help=f"{', '.join(MACHINES)} (default: all)")
    parser.add_argument("--profile", choices=profiles.NAMES, default="dev", help="Hypothesis profile (default: dev)")
    parser.add_argument("--examples", type=_positive, default=None, help="examples for each machine, instead of the profile's")
    parser.add_argument("--seed", type=int, default=None, help="the same seed gives the same examples")
    parser.add_argument("--workers", type=_positive, default=None, metavar="N", help="machines at a time (default: one for each core)")
    parser.add_argument("--actors", choices=("stage", "threads"), default="stage", help="a controlled schedule, or Pykka's own threads")
    parser.add_argument("--coverage", type=Path, metavar="FILE.json", default=None, help="write all that was visited, and what never was")
    parser.add_argument("--replay", metavar="BLOB", default=None, help="run the one example that a failure printed")
    parser.add_argument(
        "--shrink",
        choices=("both", "greenroom", "hypothesis"),
        default="both",
        help="who makes a failure small (greenroom alone is quickest)",
    )
    parser.add_argument(side_by_side.CHILD, action="store_true", help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
