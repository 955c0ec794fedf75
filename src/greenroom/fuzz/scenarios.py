"""Scenarios in batches: each batch explores with another seed and the next policy; what fails is kept in ``.greenroom/failures``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenroom.execution import MAX_STEPS, execute
from greenroom.explore import checked, explained, installed
from greenroom.fuzz.failures import FoundFailure, identified
from greenroom.fuzz.state import replace_file
from greenroom.fuzz.watch import EndOfBatch
from greenroom.history import History
from greenroom.places import load_scenario
from greenroom.policies import policy_named
from greenroom.policies.replay import Replay
from greenroom.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenroom.execution import Execution, Options
    from greenroom.failure import Failure
    from greenroom.fuzz.plan import Batch
    from greenroom.fuzz.watch import Watch

FOLDER: Final = Path(".greenroom") / "failures"
_POLICIES: Final = ("portfolio", "random", "pct:3", "pos", "surw", "pct:2")
_EXECUTIONS_PER_COLLECTION: Final = 128


def is_scenario(place: str) -> bool:
    """Whether ``FILE.py::name`` means a scenario and not a test of pytest, whose names begin with test."""
    file_name, separator, name = place.partition("::")
    return bool(separator) and file_name.endswith(".py") and name.isidentifier() and not name.lower().startswith("test")


class Scenario:
    """One scenario; ``place`` is ``FILE.py::function``."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._function: Callable[[], Any] = load_scenario(place)
        self._options: Options = checked(self._function, 1, MAX_STEPS, "lazy", ())

    def run(self, batch: Batch, watch: Watch) -> list[FoundFailure]:
        """Run a batch; the first failure that is not known is shrunk, kept, and returned."""
        with installed(self._function) as shims:
            try:
                for number, execution in enumerate(self._executions(batch, watch)):
                    if number % _EXECUTIONS_PER_COLLECTION == _EXECUTIONS_PER_COLLECTION - 1:
                        shims.collect()
                    found = execution.failure
                    if found is not None and not watch.example_failed(found.error):
                        return [self._shrunk(execution, found, batch)]
            except EndOfBatch:
                pass
        return []

    def _executions(self, batch: Batch, watch: Watch) -> Iterator[Execution]:
        if batch.replays:
            for kept in _kept(self.place):
                watch.example_begins()
                yield execute(self._function, Replay(Schedule.parse(kept["schedule"]), strict=False), History(), self._options)
            return
        policy = policy_named(_POLICIES[batch.number % len(_POLICIES)], batch.seed)
        for number in range(batch.examples):
            watch.example_begins()
            policy.begin(number)
            yield execute(self._function, policy, History(), self._options)

    def _shrunk(self, execution: Execution, found: Failure, batch: Batch) -> FoundFailure:
        seen = identified(self.place, found.error)
        self._keep(seen, found)
        failure = explained(self._function, execution, self._options, shrink=True)
        picture = str(failure).removeprefix(failure.claim).removesuffix(failure.replay_line).strip("\n")
        seen.message, seen.text, seen.seed = str(failure.error) or seen.message, picture, batch.seed
        seen.replay = f"greenroom replay {shlex.quote(self.place)} '{failure.schedule}'"
        seen.shrunk = True
        self._keep(seen, failure)
        return seen

    def _keep(self, seen: FoundFailure, failure: Failure) -> None:
        value = {
            "scenario": self.place,
            "error": seen.error,
            "message": seen.message,
            "schedule": str(failure.schedule),
            "replay": failure.replay_line.removeprefix("replay: "),
            "shrunk": seen.shrunk,
        }
        replace_file(FOLDER / f"{self.place.rpartition(':')[2]}-{seen.id}.json", json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def _kept(place: str) -> list[dict[str, Any]]:
    """What earlier runs have kept of that scenario."""
    found = []
    for path in sorted(FOLDER.glob(f"{place.rpartition(':')[2]}-*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        if value.get("scenario") == place:
            found.append(value)
    return found
