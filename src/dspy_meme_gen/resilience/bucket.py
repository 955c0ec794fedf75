"""A token bucket for each user: how many requests one may send in a row, and how fast they come back.

The token bucket is RFC 2697's single-rate one, without colours.
"""

from dataclasses import dataclass

__all__ = ["Bucket", "BucketPolicy", "Buckets"]


@dataclass(frozen=True, slots=True)
class BucketPolicy:
    """`burst` tokens at most, `rate_per_s` new ones a second."""

    rate_per_s: float = 10.0
    burst: int = 20


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many tokens there were at a time (seconds of any clock that does not go back)."""

    tokens: float
    at_s: float

    def filled(self, policy: BucketPolicy, now_s: float) -> "Bucket":
        """The same bucket now."""
        return Bucket(min(policy.burst, self.tokens + max(0.0, now_s - self.at_s) * policy.rate_per_s), max(now_s, self.at_s))


class Buckets:
    """One bucket a user. A bucket that is full again is forgotten: it is as good as a new one, so memory goes by who is active.

    Not safe for several threads at once: it belongs to whoever admits.
    """

    SWEEP_EVERY = 1024

    def __init__(self, policy: BucketPolicy) -> None:
        self.policy = policy
        self._buckets: dict[str, Bucket] = {}
        self._calls = 0

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, user_id: str, now_s: float) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there is one, and nothing was taken."""
        self._calls += 1
        if self._calls % self.SWEEP_EVERY == 0:
            self._sweep(now_s)
        known = self._buckets.get(user_id, Bucket(self.policy.burst, now_s))
        bucket = known.filled(self.policy, now_s)
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self.policy.rate_per_s
        self._buckets[user_id] = Bucket(bucket.tokens - 1, bucket.at_s)
        return 0.0

    def _sweep(self, now_s: float) -> None:
        full = [user_id for user_id, bucket in self._buckets.items() if bucket.filled(self.policy, now_s).tokens >= self.policy.burst]
        for user_id in full:
            del self._buckets[user_id]
