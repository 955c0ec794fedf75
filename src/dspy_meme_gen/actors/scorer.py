"""The scorer's actor marks texts."""

from dspy_meme_gen import ports
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker, expect
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import ScoreParts
from dspy_meme_gen.messages import MarkText, Task

__all__ = ["Scorer"]


class Scorer(Worker):
    """Holds the scorer."""

    def __init__(self, identity: Identity, replies: Address, scorer: ports.Scorer) -> None:
        super().__init__(identity, replies)
        self._scorer = scorer

    def perform(self, task: Task) -> ScoreParts:
        """The marks of the text."""
        assert isinstance(task, MarkText), task
        return expect(ScoreParts, self._scorer.score(task.text, task.prompt))
