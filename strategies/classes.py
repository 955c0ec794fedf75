"""Every named kind of input, in one table each: raw requests, sequences of valid requests, JSON texts, bodies, traffic."""

from hypothesis.strategies import SearchStrategy

from dspy_meme_gen.domain import GenerateMeme
from strategies.bodies import BODIES
from strategies.boundary import BOUNDARY
from strategies.documents import DOCUMENTS
from strategies.from_schema import SCHEMA_CLASSES
from strategies.malicious import MALICIOUS
from strategies.requests import requests
from strategies.sequences import SEQUENCES
from strategies.traffic import TRAFFIC

__all__ = ["BODIES", "CLASSES", "DOCUMENTS", "SEQUENCES", "TRAFFIC"]

CLASSES: dict[str, SearchStrategy[GenerateMeme]] = {"valid": requests(), **BOUNDARY, **MALICIOUS, **SCHEMA_CLASSES}
"""By name, raw requests: what each name promises is said in tests/strategies."""
