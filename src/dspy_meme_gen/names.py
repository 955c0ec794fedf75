"""The names of the actors: what their addresses go by. A verifier goes by its kind."""

from dspy_meme_gen.domain import KINDS

__all__ = ["CACHE", "IMAGE_GENERATOR", "MEME_GENERATOR", "REFINER", "ROUTER", "SCORER", "STORE", "SUPERVISOR", "TEXT_GENERATOR", "WORKERS"]

SUPERVISOR = "supervisor"
STORE = "store"
CACHE = "cache"
IMAGE_GENERATOR = "image_generator"
REFINER = "refiner"
SCORER = "scorer"
TEXT_GENERATOR = "text_generator"
MEME_GENERATOR = "meme_generator"
ROUTER = "router"

WORKERS = (STORE, CACHE, IMAGE_GENERATOR, REFINER, SCORER, *KINDS, TEXT_GENERATOR)
"""Those that do tasks for the orchestrator, in order of start."""
