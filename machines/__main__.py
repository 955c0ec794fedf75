"""``python -m machines``: drives the real actors with the state machines, shows how it goes, and sums up.

Exit codes: 0 every machine held, 1 a failure was found (or a replay had nothing to replay), 2 the command made no sense,
130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import hypothesis
from hypothesis import settings
from hypothesis.errors import DidNotReproduce, InvalidArgument

from greenroom.machine import ACTORS_VARIABLE
from machines import profiles
from machines.breaker import BreakerMachine
from machines.cache import CacheMachine
from machines.flow import FlowMachine
from machines.lifecycle import LifecycleMachine
from machines.pipeline import PipelineMachine
from machines.report import coverage_document, print_failure, print_summary
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
    chosen = settings(max_examples=options.examples) if options.examples else settings()
    session = Session(chosen, seed=options.seed, blob=options.replay, shrink=options.shrink)
    print(f"greenroom {options.actors}, profile {profile}, hypothesis {hypothesis.__version__}", file=sys.stderr)
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
        code = 130
    except (InvalidArgument, DidNotReproduce) as error:
        print(f"machines: {error}", file=sys.stderr)
        return 2
    print_summary(runs, interrupted=code == 130)
    if options.coverage is not None:
        options.coverage.write_text(json.dumps(coverage_document(runs), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    replayed_nothing = _replayed_nothing(profile, runs)
    if code == 0 and (any(run.error is not None for run in runs) or replayed_nothing):
        code = 1
    return code


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
    parser.add_argument("--actors", choices=("stage", "threads"), default="stage", help="a controlled schedule, or Pykka's own threads")
    parser.add_argument("--coverage", type=Path, metavar="FILE.json", default=None, help="write all that was visited, and what never was")
    parser.add_argument("--replay", metavar="BLOB", default=None, help="run the one example that a failure printed")
    parser.add_argument(
        "--shrink",
        choices=("both", "greenroom", "hypothesis"),
        default="both",
        help="who makes a failure small (greenroom alone is quickest)",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())
