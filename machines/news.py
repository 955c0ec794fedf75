"""What is told of progress besides the port: to subscribers, of whom one raises and goes, and to the measurements."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from dspy_meme_gen.domain import TERMINAL_STAGES, Progress
from dspy_meme_gen.subscribers import SubscriberGone
from model.values import TIE_S

if TYPE_CHECKING:
    from dspy_meme_gen.pipeline import Pipeline


class News:
    """Two subscribers of a pipeline: the first may raise or be gone, and whatever it does, the second hears of everything.

    ``raises`` and ``leaves`` say what the first does at the next event. ``told`` is what the port was told, ``at_s`` when.
    """

    def __init__(self, service: Pipeline) -> None:
        self._service = service
        self.raises = False
        self.leaves = False
        self.gone = False
        self.called_again = 0
        self.told: list[Progress] = []
        self.at_s: list[float] = []
        self.heard: list[Progress] = []
        service.subscribe(self._unsteady)
        self._unsubscribe = service.subscribe(self.heard.append)

    def tell(self, progress: Progress, at_s: float) -> None:
        """The port was told of this."""
        self.told.append(progress)
        self.at_s.append(at_s)

    def stop(self) -> None:
        """Hear of nothing more."""
        self._unsubscribe()

    def check(self) -> None:
        """Where nothing is under way, everybody was told the same of each request, in the same order, and the numbers are right."""
        assert not self.called_again, f"a subscriber that was gone was called {self.called_again} times"
        told, heard = _by_request(self.told), _by_request(self.heard)
        for request_id, stages in told.items():
            assert heard.get(request_id) == stages, f"{request_id}: a subscriber heard {heard.get(request_id)}, and the port {stages}"
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

    def _unsteady(self, _: Progress) -> None:
        self.called_again += self.gone
        if self.leaves:
            self.leaves, self.gone = False, True
            raise SubscriberGone
        if self.raises:
            self.raises = False
            raise RuntimeError("a subscriber that raises, as the machine wants it")


def _by_request(news: list[Progress]) -> dict[str, list[str]]:
    stages: dict[str, list[str]] = {}
    for progress in news:
        stages.setdefault(progress.request_id, []).append(progress.stage)
    return stages
