"""The policies by name, and how an argument becomes one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenroom.errors import UsageError
from greenroom.policies.fifo import Fifo
from greenroom.policies.pct import Pct
from greenroom.policies.portfolio import Portfolio
from greenroom.policies.pos import Pos
from greenroom.policies.random_walk import RandomWalk

if TYPE_CHECKING:
    from greenroom.policy import Policy

NAMES = ("portfolio", "fifo", "random", "pct", "pos")


def policy_named(policy: str | Policy, seed: int) -> Policy:
    """A policy from its name ("portfolio", "fifo", "random", "pos", "pct" or "pct:DEPTH"), or ``policy`` itself.

    Raises:
        UsageError: there is no policy of that name.
    """
    if not isinstance(policy, str):
        return policy
    if policy == "portfolio":
        return Portfolio(seed)
    if policy == "fifo":
        return Fifo()
    if policy in ("random", "random walk", "random_walk"):
        return RandomWalk(seed)
    if policy == "pos":
        return Pos(seed)
    depth = re.fullmatch(r"pct(?::([1-9]\d?))?", policy)
    if depth:
        return Pct(seed, depth=int(depth[1] or 3))
    raise UsageError(f"there is no policy {policy!r}; choose one of {', '.join(NAMES)} (pct takes a depth: pct:2), or pass a Policy object")
