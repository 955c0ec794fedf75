"""What outlives every actor: the pipeline owns it, the actors come and go."""

from dataclasses import dataclass

from dspy_meme_gen.admission import Admission
from dspy_meme_gen.health import Checks
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.measurements import Measurements
from dspy_meme_gen.ports import Outbox, Ports
from dspy_meme_gen.resilience.breakers import Breakers
from dspy_meme_gen.roster import Roster
from dspy_meme_gen.settings import Settings
from dspy_meme_gen.subscribers import Subscribers

__all__ = ["Lasting"]


@dataclass(frozen=True, slots=True)
class Lasting:
    """One of each, for one pipeline."""

    settings: Settings
    ports: Ports
    ledger: Ledger
    outbox: Outbox
    roster: Roster
    breakers: Breakers
    admission: Admission
    subscribers: Subscribers
    measurements: Measurements
    checks: Checks
