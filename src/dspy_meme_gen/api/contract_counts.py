"""What watching the contract has found so far: numbers for Prometheus, and a line in the log now and then."""

import logging
import time
from collections import Counter
from typing import Final

from dspy_meme_gen.api.answered import Answered, Break

__all__ = ["AGAIN_S", "ContractCounts"]

AGAIN_S: Final = 3600.0
"""A break that was logged is only counted for so long: one that every answer has must not flood the log."""

logger = logging.getLogger("memespy.contract")


class ContractCounts:
    """Everything happens on the event loop, so nothing is locked.

    `checked` are the answers that were held against the contract, `unread` those of them whose body was not, for it was too large, or came
    while another large one was being read. `broken` counts by method, route and kind, all of which are the document's words.
    """

    def __init__(self) -> None:
        self.checked = 0
        self.unread = 0
        self.broken: Counter[tuple[str, str, str]] = Counter()
        self._logged_s: dict[tuple[str, str, str], float] = {}

    def broke(self, answered: Answered, found: Break) -> None:
        """Count a break, and log it if that was not done lately. Of the exchange nothing is logged but its id."""
        key = (answered.method, answered.route, found.kind)
        self.broken[key] += 1
        now_s = time.monotonic()
        if now_s - self._logged_s.get(key, -AGAIN_S) < AGAIN_S:
            return
        self._logged_s[key] = now_s
        fields = {"method": answered.method, "route": answered.route, "status": answered.status, "break": found.kind, "rule": found.rule}
        more = {"count": self.broken[key], "correlation": answered.headers.get("x-request-id", "")}
        logger.warning("%(method)s %(route)s is answered outside the contract: %(break)s", fields, extra={"fields": fields | more})
