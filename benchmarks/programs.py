"""The programs that are measured."""

from __future__ import annotations

from typing import Any

import pykka


class Register(pykka.ThreadingActor):
    """Holds a value."""

    def __init__(self) -> None:
        super().__init__()
        self.value = 0

    def on_receive(self, message: Any) -> Any:
        """``("get",)`` or ``("set", value)``."""
        if message[0] == "get":
            return self.value
        self.value = message[1]
        return None


class Client(pykka.ThreadingActor):
    """Reads, then writes."""

    def __init__(self, register: Any) -> None:
        super().__init__()
        self.register = register

    def on_receive(self, message: Any) -> Any:  # noqa: ARG002 - any message starts it
        """One read-then-write through asks."""
        value = self.register.ask(("get",))
        self.register.ask(("set", value + 1))
        return value


def two_clients() -> None:
    """Two clients, each reads and then writes one register through asks; correct, for it claims nothing about the sum."""
    register = Register.start()
    clients = [Client.start(register) for _ in range(2)]
    replies = [client.ask("go", block=False) for client in clients]
    values = [reply.get() for reply in replies]
    for ref in (*clients, register):
        ref.stop()
    assert set(values) <= {0, 1}
