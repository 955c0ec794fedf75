"""Checkers: what may be claimed of a history. Each reads a History (and its causality) and nothing else."""

from __future__ import annotations

from greenroom.checkers.compose import compose
from greenroom.checkers.determinism import deterministic
from greenroom.checkers.latency import latency
from greenroom.checkers.leaks import no_leak
from greenroom.checkers.linearizability import linearizable
from greenroom.checkers.ordering import causal_order, fifo_per_sender
from greenroom.checkers.replies import every_ask_is_answered, exactly_once
from greenroom.checkers.sequential import sequentially_consistent
from greenroom.checkers.serializability import serializable

__all__ = [
    "causal_order",
    "compose",
    "deterministic",
    "every_ask_is_answered",
    "exactly_once",
    "fifo_per_sender",
    "latency",
    "linearizable",
    "no_leak",
    "sequentially_consistent",
    "serializable",
]
