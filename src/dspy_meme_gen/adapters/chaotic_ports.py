"""Ports with chaos in them: each as it was, but for the calls that may be spoiled."""

from dataclasses import replace
from typing import Any, TypeVar, cast

from dspy_meme_gen.ports import Ports
from dspy_meme_gen.resilience.chaos import CHAOS_PORTS, Chaos

__all__ = ["chaotic_ports"]

_Port = TypeVar("_Port")


def chaotic_ports(ports: Ports, chaos: Chaos) -> Ports:
    """The same ports; those that the policy names are wrapped, the others are not touched."""
    wrapped = {name: _chaotic(getattr(ports, name), name, chaos) for name in chaos.policy.ports}
    return replace(ports, chaos=chaos, **wrapped)


def _chaotic(port: _Port, name: str, chaos: Chaos) -> _Port:
    """A class of its own with all that the port has: what else a port can do (`Closeable`, `Troubled`, …) is told by its methods."""
    members: dict[str, Any] = {}
    for each in dir(port):
        if not each.startswith("_") and callable(value := getattr(port, each)):
            members[each] = staticmethod(chaos.spoils(name)(value) if each in CHAOS_PORTS[name] else value)
    return cast("_Port", type(f"Chaotic{type(port).__name__}", (), members)())
