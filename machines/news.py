"""What is told of progress besides the port: to subscribers, of whom one raises, dawdles and goes, and to the measurements."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from dspy_meme_gen.domain import TERMINAL_STAGES, Progress
from dspy_meme_gen.subscribers import SubscriberGone
from model.values import TIE_S

if TYPE_CHECKING:
    from dspy_meme_gen.pipeline import Pipeline


class News:
    """Three subscribers of a pipeline: the first may raise, dawdle or be gone, the third leaves early, and the second hears of everything.

    ``raises`` says at how many of the next events the first raises, ``dawdles_s`` how long it takes for the next one, and ``leaves`` that
    it is gone from then on; another one comes in its place. ``told`` is what the port was told, ``at_s`` when.
    """

    def __init__(self, service: Pipeline) -> None:
        self._service = service
        self.raises = 0
        self.dawdles_s = 0.0
        self.dawdles = False
        self.leaves = False
        self.gone = False
        self.called_again = 0
        self.told: list[Progress] = []
        self.at_s: list[float] = []
        self.heard: list[Progress] = []
        self._unsteady_heard: list[Progress] = []
        self._late_heard: list[Progress] = []
        self._late_from = 0
        self._looks: list[tuple[Any, tuple[Any, ...]]] = []
        self._ends = [service.subscribe(self._unsteady), service.subscribe(self.heard.append), service.subscribe(lambda _: None)]

    def tell(self, progress: Progress, at_s: float) -> None:
        """The port was told of this."""
        self.told.append(progress)
        self.at_s.append(at_s)

    def look(self) -> None:
        """Somebody takes the numbers as they are now, and keeps them; and hears of nothing more, while all others do."""
        self._ends[2]()
        numbers = self._service.measurements()
        self._looks.append((numbers, _frozen(numbers)))

    def stop(self) -> None:
        """Hear of nothing more."""
        for end in self._ends:
            end()

    def check(self) -> None:
        """Where nothing is under way, everybody was told the same of each request, in the same order, and the numbers are right."""
        assert not self.called_again, f"a subscriber that was gone was called {self.called_again} times"
        told, heard = _by_request(self.told), _by_request(self.heard)
        for request_id, stages in told.items():
            assert heard.get(request_id) == stages, f"{request_id}: a subscriber heard {heard.get(request_id)}, and the port {stages}"
        missed = [] if self.gone else self.heard[len(self._unsteady_heard) :]
        assert not missed, f"a subscriber that raises or dawdles was not told of {missed}"
        if self.gone:
            late = self.heard[self._late_from :]
            assert self._late_heard == late, f"a subscriber that came late heard {self._late_heard}; then on there was {late}"
        for numbers, copy in self._looks:
            assert _frozen(numbers) == copy, f"numbers that were taken earlier have changed from {copy} to {_frozen(numbers)}"
        ended = Counter(progress.stage for progress in self.told if progress.stage in TERMINAL_STAGES)
        counted = self._service.measurements()
        assert dict(counted.ended) == ended, f"counted as ended are {dict(counted.ended)}, and {dict(ended)} were told"
        measured = {name: (each.count, each.total_s) for name, each in {**counted.stages, "in all": counted.latency}.items()}
        for name, (count, total_s) in self._took().items():
            found = measured.pop(name, (0, 0.0))
            assert found[0] == count, f"{found[0]} durations of {name} were measured, and there were {count}"
            assert abs(found[1] - total_s) < TIE_S, f"{name} is said to have taken {found[1]:g} s, and took {total_s:g} s"
        assert not any(count for count, _ in measured.values()), f"measured, and never told: {measured}"

    def _took(self) -> dict[str, tuple[int, float]]:
        """How many durations of each stage there were, and of whole requests, and what they add up to."""
        took: defaultdict[str, list[float]] = defaultdict(list)
        ways: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        for progress, at_s in zip(self.told, self.at_s, strict=True):
            way = ways[progress.request_id]
            if way:
                took[way[-1][0]].append(at_s - way[-1][1])
            way.append((progress.stage, at_s))
            if progress.stage in TERMINAL_STAGES:
                if len(way) > 1:
                    took["in all"].append(at_s - way[0][1])
                way.clear()
        return {name: (len(each), sum(each)) for name, each in took.items()}

    def _unsteady(self, progress: Progress) -> None:
        self.called_again += self.gone
        self._unsteady_heard.append(progress)
        if self.dawdles_s:
            dawdles_s, self.dawdles_s = self.dawdles_s, 0.0
            self.dawdles = True
            time.sleep(dawdles_s)
            self.dawdles = False
        if self.leaves:
            self.leaves, self.gone = False, True
            self._late_from = len(self.heard) + 1
            self._ends.append(self._service.subscribe(self._late_heard.append))
            raise SubscriberGone
        if self.raises:
            self.raises -= 1
            raise RuntimeError("a subscriber that raises, as the machine wants it")


def _frozen(numbers: Any) -> tuple[Any, ...]:
    """A copy that nobody changes."""
    return tuple(sorted(numbers.ended.items())), tuple(sorted(numbers.stages.items())), numbers.latency


def _by_request(news: list[Progress]) -> dict[str, list[str]]:
    stages: dict[str, list[str]] = {}
    for progress in news:
        stages.setdefault(progress.request_id, []).append(progress.stage)
    return stages
