"""The policies by name, and how an argument becomes one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenroom.errors import UsageError
from greenroom.policies.delay_bounded import DelayBounded
from greenroom.policies.fifo import Fifo
from greenroom.policies.hold import Hold
from greenroom.policies.pct import Pct
from greenroom.policies.portfolio import Portfolio
from greenroom.policies.pos import Pos
from greenroom.policies.random_walk import RandomWalk
from greenroom.policies.surw import Surw

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.policy import Policy

NAMES = ("portfolio", "fifo", "random", "pct", "pos", "surw", "hold", "delay")

_PLAIN: dict[str, Callable[[int], Policy]] = {
    "portfolio": Portfolio,
    "fifo": lambda seed: Fifo(),  # noqa: ARG005 - it has nothing to draw
    "random": RandomWalk,
    "random walk": RandomWalk,
    "random_walk": RandomWalk,
    "pos": Pos,
    "surw": Surw,
    "hold": Hold,
}


def policy_named(policy: str | Policy, seed: int) -> Policy:
    """A policy from its name, or ``policy`` itself: one of ``NAMES``, "pct:DEPTH" or "delay:MOST", the most deviations.

    Raises:
        UsageError: there is no policy of that name.
    """
    if not isinstance(policy, str):
        return policy
    if policy in _PLAIN:
        return _PLAIN[policy](seed)
    depth = re.fullmatch(r"pct(?::([1-9]\d?))?", policy)
    if depth:
        return Pct(seed, depth=int(depth[1] or 3))
    most = re.fullmatch(r"delay(?::(\d\d?))?", policy)
    if most:
        return DelayBounded(None if most[1] is None else int(most[1]))
    raise UsageError(
        f"there is no policy {policy!r}; choose one of {', '.join(NAMES)} (pct takes a depth: pct:2, delay the most deviations: delay:2), "
        "or pass a Policy object"
    )
