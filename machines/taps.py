"""Taps: what the actors hear and tell, and what the values that outlive them do, noted in the very step in which it happens.

Nothing is changed by being noted. Each tap stands around the original as it is when the tap is set, so it also sees a faulty one.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import wraps
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from dspy_meme_gen.actors.supervised import SupervisedActor
from dspy_meme_gen.address import Address

if TYPE_CHECKING:
    from collections.abc import Callable


class Taps:
    """Taps that are open until `close`."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def heard(self, note: Callable[[str, int, Any], None]) -> None:
        """`note` (an actor's name, the number of its incarnation, the message) before an actor handles a message."""
        original = SupervisedActor.on_receive

        def on_receive(actor: SupervisedActor, message: object) -> None:
            note(actor.identity.name, actor.identity.incarnation, message)
            original(actor, message)

        self._open.enter_context(patch.object(SupervisedActor, "on_receive", on_receive))

    def told(self, note: Callable[[str, int, Any], None]) -> None:
        """`note` (the name of an address, which incarnation was told, the message) after somebody told it something."""
        original = Address.tell

        def tell(address: Address, message: object) -> int:
            incarnation = original(address, message)
            note(address.name, incarnation, message)
            return incarnation

        self._open.enter_context(patch.object(Address, "tell", tell))

    def after(self, owner: Any, method: str, note: Callable[..., None]) -> None:
        """`note` (the result or the exception, then the arguments, `self` first where `owner` is a class) after each call."""
        original = getattr(owner, method)

        @wraps(original)
        def tapped(*arguments: Any, **named: Any) -> Any:
            try:
                result = original(*arguments, **named)
            except Exception as error:
                note(error, *arguments)
                raise
            note(result, *arguments)
            return result

        self._open.enter_context(patch.object(owner, method, tapped))

    def before(self, owner: Any, method: str, note: Callable[..., None]) -> None:
        """`note` (the arguments) before each call."""
        original = getattr(owner, method)

        @wraps(original)
        def tapped(*arguments: Any, **named: Any) -> Any:
            note(*arguments)
            return original(*arguments, **named)

        self._open.enter_context(patch.object(owner, method, tapped))

    def replace(self, owner: Any, name: str, value: object) -> None:
        """Something else in a module's place."""
        self._open.enter_context(patch.object(owner, name, value))

    def close(self) -> None:
        """Take all of them away."""
        self._open.close()
