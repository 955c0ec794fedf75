"""How long to wait before the next try: twice as long each time, up to a limit, and never all at once.

Exponential backoff with jitter (Brooker, "Exponential Backoff and Jitter", 2015). The jitter comes from a seed that the caller names, so
the same try of the same request waits as long in every run.
"""

import random
from dataclasses import dataclass

__all__ = ["BackoffPolicy", "backoff_s"]


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """`first_s` seconds, then `factor` times as long each time, `most_s` at most; each up to `jitter` (a share) longer or shorter."""

    first_s: float = 1.0
    factor: float = 2.0
    most_s: float = 60.0
    jitter: float = 0.2


def backoff_s(policy: BackoffPolicy, attempt: int, seed: str) -> float:
    """Seconds to wait before try number `attempt` + 1; `attempt` counts the failures so far, from 1."""
    assert attempt >= 1, "nothing failed yet"
    # A power of many tries is more than a float can hold, and more than the limit.
    plain = policy.most_s if attempt > 64 else min(policy.most_s, policy.first_s * policy.factor ** (attempt - 1))
    return plain * (1 + policy.jitter * (2 * random.Random(f"{seed}:{attempt}").random() - 1))
