"""Records to put into stores, caches and outboxes."""

from dspy_meme_gen.domain import ImageRef, Meme, MemeRecord, MemeText, Score, Verification


def record(identity: str = "m-1", topic: str = "cats", *, png: bytes = b"\x89PNG") -> MemeRecord:
    """Odd enough to find out who changes what it keeps."""
    verification = (Verification("appropriateness", passed=True, score=0.9, reason="fine; DROP TABLE memes"),)
    score = Score(0.1, 0.2, 0.3, 0.4, 0.123456)
    text = MemeText("top 🦄", "b\x00tt\ud800m")
    return MemeRecord(
        Meme(identity, text, "drake", ImageRef("x.png", "ab", 3, 8, 6), score, verification, 2, ("a", "b")), topic, None, "context", png
    )


def meme(identity: str = "m-1") -> Meme:
    return record(identity).meme
