"""The metrics actor counts what the event bus tells."""

from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.measurements import Measurements
from dspy_meme_gen.messages import Happened

__all__ = ["Metrics"]


class Metrics(SupervisedActor):
    """It holds nothing of its own: a crash loses what is in its inbox, and no number that was counted before."""

    def __init__(self, identity: Identity, measurements: Measurements) -> None:
        super().__init__(identity)
        self._measurements = measurements

    def handle(self, message: object) -> None:
        """Count an event."""
        if isinstance(message, Happened):
            self._measurements.happened(message.progress, message.at_s)
