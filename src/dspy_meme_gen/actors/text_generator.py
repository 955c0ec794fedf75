"""The text generator writes meme texts."""

from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker, expect
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import MemeText
from dspy_meme_gen.messages import Task, WriteText
from dspy_meme_gen.ports import TextModel

__all__ = ["TextGenerator"]


class TextGenerator(Worker):
    """Holds the text model."""

    def __init__(self, identity: Identity, replies: Address, model: TextModel) -> None:
        super().__init__(identity, replies)
        self._model = model

    def perform(self, task: Task) -> MemeText:
        """A text for the prompt."""
        assert isinstance(task, WriteText), task
        return expect(MemeText, self._model.generate(task.prompt, task.attempt))
