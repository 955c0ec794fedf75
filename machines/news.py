"""What is told of progress besides the port: to subscribers, of whom one raises and goes, and to the measurements."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dspy_meme_gen.domain import TERMINAL_STAGES, Progress
from dspy_meme_gen.subscribers import SubscriberGone

if TYPE_CHECKING:
    from dspy_meme_gen.pipeline import Pipeline


class News:
    """Two subscribers of a pipeline: the first may raise or be gone, and whatever it does, the second hears of everything.

    ``raises`` and ``leaves`` say what the first does at the next event. ``told`` is what the port was told.
    """

    def __init__(self, service: Pipeline) -> None:
        self._service = service
        self.raises = False
        self.leaves = False
        self.gone = False
        self.called_again = 0
        self.told: list[Progress] = []
        self.heard: list[Progress] = []
        service.subscribe(self._unsteady)
        self._unsubscribe = service.subscribe(self.heard.append)

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
        counted = dict(self._service.measurements().ended)
        assert counted == ended, f"counted as ended are {counted}, and {dict(ended)} were told"

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
