"""The image generator draws memes."""

from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker, expect
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import RenderedImage
from dspy_meme_gen.messages import RenderImage, Task
from dspy_meme_gen.ports import ImageModel

__all__ = ["ImageGenerator"]


class ImageGenerator(Worker):
    """Holds the image model."""

    def __init__(self, identity: Identity, replies: Address, model: ImageModel) -> None:
        super().__init__(identity, replies)
        self._model = model

    def perform(self, task: Task) -> RenderedImage:
        """The finished picture."""
        assert isinstance(task, RenderImage), task
        return expect(RenderedImage, self._model.render(task.text, task.format))
