"""The names of the actors: what their addresses go by. A verifier goes by its kind."""

from dspy_meme_gen.domain import KINDS

__all__ = [
    "CACHE",
    "EVENT_BUS",
    "HEALTH_MONITOR",
    "IMAGE_GENERATOR",
    "MEME_GENERATOR",
    "METRICS",
    "REFINER",
    "ROUTER",
    "SCORER",
    "STORE",
    "SUPERVISOR",
    "TEXT_GENERATOR",
    "WORKERS",
    "pool",
]

SUPERVISOR = "supervisor"
STORE = "store"
CACHE = "cache"
IMAGE_GENERATOR = "image_generator"
REFINER = "refiner"
SCORER = "scorer"
TEXT_GENERATOR = "text_generator"
MEME_GENERATOR = "meme_generator"
ROUTER = "router"
METRICS = "metrics"
EVENT_BUS = "event_bus"
HEALTH_MONITOR = "health_monitor"

WORKERS = (STORE, CACHE, IMAGE_GENERATOR, REFINER, SCORER, *KINDS, TEXT_GENERATOR)
"""Those that do tasks for the orchestrator, in order of start."""


def pool(kind: str, size: int) -> tuple[str, ...]:
    """The names of `size` workers of one kind: the first has the kind's own name, the others are numbered from 2."""
    return (kind, *(f"{kind}-{number}" for number in range(2, size + 1)))
