"""A verifier's actor judges texts in one respect."""

from dspy_meme_gen import ports
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker, expect
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Verification
from dspy_meme_gen.messages import CheckText, Task

__all__ = ["Verifier"]


class Verifier(Worker):
    """Holds one verifier; there is one of these for each kind."""

    def __init__(self, identity: Identity, replies: Address, verifier: ports.Verifier) -> None:
        super().__init__(identity, replies)
        self._verifier = verifier

    def perform(self, task: Task) -> Verification:
        """The verifier's judgement."""
        assert isinstance(task, CheckText), task
        return expect(Verification, self._verifier.verify(task.text, task.prompt))
