"""What a long run knows, as a file that is replaced as a whole: killed at any moment, the run goes on from it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from greenroom.errors import UsageError
from greenroom.fuzz.distinct import Distinct
from greenroom.fuzz.failures import FoundFailure

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT: Final = 1
_MOST_SAMPLES: Final = 480
_MOST_INCIDENTS: Final = 200


@dataclass(slots=True)
class TestRecord:
    """What became of one test so far.

    ``seconds`` are a worker's; ``rate`` is examples a second in its last batches, 0 where unknown. ``share`` adds up its seconds, each
    divided by the weight that the test had (``plan``). ``interest`` is how many new behaviours its batches have shown of late; ``stale``
    which part of its last examples came to failures that are known. ``replay_due`` says that what is saved for it must be run again
    before anything new is tried; ``continued`` how often its shrinking went on in another process.
    """

    __test__ = False  # to pytest it looks like a class of tests

    id: str
    batches: int = 0
    examples: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    share: float = 0.0
    interest: float = 1.0
    stale: float = 0.0
    replay_due: bool = True
    continued: int = 0
    schedules: Distinct = field(default_factory=Distinct)
    behaviours: Distinct = field(default_factory=Distinct)

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {**plain, "schedules": self.schedules.to_json(), "behaviours": self.behaviours.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """As it was when it was written."""
        test = cls(**{name: value[name] for name in _PLAIN if name in value})
        test.schedules, test.behaviours = Distinct.from_json(value["schedules"]), Distinct.from_json(value["behaviours"])
        return test


_PLAIN: Final = ("id", "batches", "examples", "seconds", "rate", "share", "interest", "stale")


@dataclass(frozen=True, slots=True)
class Sample:
    """The totals at one moment: seconds of the whole run, and the most megabytes that a worker had resident since the sample before."""

    t_s: float
    examples: int
    schedules: int
    behaviours: int
    failures: int
    worker_mb: float


@dataclass(slots=True)
class State:
    """Everything that a later session needs. ``elapsed_s`` and ``started`` (ISO 8601) are of all sessions together."""

    arguments: list[str]
    seed: int
    next_batch: int = 0
    session: int = 1
    elapsed_s: float = 0.0
    started: str = ""
    peak_mb: float = 0.0
    tests: dict[str, TestRecord] = field(default_factory=dict)
    failures: dict[str, FoundFailure] = field(default_factory=dict)
    incidents: list[dict[str, Any]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    sample_every_s: float = 1.0

    @property
    def examples(self) -> int:
        """Of all tests."""
        return sum(test.examples for test in self.tests.values())

    @property
    def schedules(self) -> int:
        """Distinct (test, schedule) pairs."""
        return sum(len(test.schedules) for test in self.tests.values())

    @property
    def behaviours(self) -> int:
        """Distinct behaviours of each test, added up."""
        return sum(len(test.behaviours) for test in self.tests.values())

    @property
    def exact(self) -> bool:
        """Whether the counts of distinct things are counts and not estimates."""
        return all(test.schedules.exact and test.behaviours.exact for test in self.tests.values())

    def sample(self, worker_mb: float) -> None:
        """Note the totals as they are, unless the last note is young; over time the notes become fewer, not more."""
        if self.samples and self.elapsed_s - self.samples[-1].t_s < self.sample_every_s:
            return
        now = Sample(round(self.elapsed_s, 2), self.examples, self.schedules, self.behaviours, len(self.failures), round(worker_mb, 1))
        self.samples.append(now)
        if len(self.samples) > _MOST_SAMPLES:
            self.samples = self.samples[1::2]
            self.sample_every_s *= 2

    def incident(self, what: str, **details: Any) -> None:
        """Note that something went wrong that is no failure of the program: a worker died, a test could not be set up."""
        self.incidents.append({"t_s": round(self.elapsed_s, 1), "session": self.session, "what": what, **details})
        del self.incidents[:-_MOST_INCIDENTS]

    def save(self, path: Path) -> None:
        """Replace the file by what is known now; a reader sees the one or the other, never a half."""
        value = {
            "format": _FORMAT,
            **{name: getattr(self, name) for name in _SAVED},
            "tests": [test.to_json() for test in self.tests.values()],
            "failures": [failure.to_json() for failure in self.failures.values()],
            "samples": [[getattr(sample, name) for name in Sample.__slots__] for sample in self.samples],
        }
        replace_file(path, json.dumps(value, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """What an earlier session has saved, or None.

        Raises:
            UsageError: the file is there, and cannot be read.
        """
        if not path.is_file():
            return None
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            state = cls(**{name: value[name] for name in _SAVED})
            state.tests = {test["id"]: TestRecord.from_json(test) for test in value["tests"]}
            state.failures = {failure["id"]: FoundFailure.from_json(failure) for failure in value["failures"]}
            state.samples = [Sample(*sample) for sample in value["samples"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{path} cannot be read ({error!r}); give --fresh to begin anew") from error
        return state


_SAVED: Final = ("arguments", "seed", "next_batch", "session", "elapsed_s", "started", "peak_mb", "incidents", "sample_every_s")


def replace_file(path: Path, text: str) -> None:
    """Write a file so that it is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
