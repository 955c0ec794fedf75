"""The refiner's actor makes texts better."""

from dspy_meme_gen import ports
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker, expect
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import MemeText
from dspy_meme_gen.messages import RefineText, Task

__all__ = ["Refiner"]


class Refiner(Worker):
    """Holds the refiner."""

    def __init__(self, identity: Identity, replies: Address, refiner: ports.Refiner) -> None:
        super().__init__(identity, replies)
        self._refiner = refiner

    def perform(self, task: Task) -> MemeText:
        """A better text, it is hoped."""
        assert isinstance(task, RefineText), task
        return expect(MemeText, self._refiner.refine(task.text, task.prompt, task.score, task.round))
