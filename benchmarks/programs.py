"""The programs that are measured."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable


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


class Asker(pykka.ThreadingActor):
    """Sends many messages to a register."""

    def on_receive(self, message: Any) -> None:
        """``(register, count, "ask" or "tell")``."""
        register, count, how = message
        send = register.ask if how == "ask" else register.tell
        for _ in range(count):
            send(("get",))


def many_messages(count: int, how: str) -> None:
    """Two clients that send ``count`` messages in all to one register."""
    register = Register.start()
    clients = [Asker.start() for _ in range(2)]
    pykka.get_all([client.ask((register, count // 2, how), block=False) for client in clients])
    for ref in (*clients, register):
        ref.stop()


class Queues:
    """``two_clients`` with threads and queues, for tools that know no actors: the same messages, each ask with a queue for its reply."""

    def __init__(self) -> None:
        self.register: Any = queue.Queue()
        self.clients: list[Any] = [queue.Queue() for _ in range(2)]
        self.values: list[int] = []

    def register_loop(self) -> None:
        """The register."""
        value = 0
        while True:
            message, reply_to = self.register.get()
            if message[0] == "get":
                reply_to.put(value)
            elif message[0] == "set":
                value = message[1]
                reply_to.put(None)
            else:
                reply_to.put("stopped")
                return

    def client_loop(self, number: int) -> None:
        """One client."""
        while True:
            message, reply_to = self.clients[number].get()
            if message != "go":
                reply_to.put("stopped")
                return
            value = _ask(self.register, ("get",))
            _ask(self.register, ("set", value + 1))
            reply_to.put(value)

    def main(self) -> None:
        """Starts both clients, gathers what they read, and stops all three."""
        replies: list[Any] = [queue.Queue() for _ in range(2)]
        for client, reply_to in zip(self.clients, replies, strict=True):
            client.put(("go", reply_to))
        self.values = [reply_to.get() for reply_to in replies]
        for inbox in (*self.clients, self.register):
            _ask(inbox, ("stop",))


def _ask(inbox: Any, message: Any) -> Any:
    reply_to: Any = queue.Queue()
    inbox.put((message, reply_to))
    return reply_to.get()


def two_clients_with_queues() -> None:
    """As ``two_clients``, with threads."""
    queues = Queues()
    targets = [queues.register_loop, lambda: queues.client_loop(0), lambda: queues.client_loop(1)]
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    queues.main()
    for thread in threads:
        thread.join()
    assert set(queues.values) <= {0, 1}


def senders(count: int) -> Callable[[], None]:
    """So many threads, each tells one register its number; a scenario."""

    def scenario() -> None:
        register = Register.start()
        threads = [threading.Thread(target=register.tell, args=(("set", number),)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        register.stop()

    return scenario


def pairs(count: int) -> Callable[[], None]:
    """So many clients, each with a register of its own; a scenario."""

    def scenario() -> None:
        clients = [Client.start(Register.start()) for _ in range(count)]
        for reply in [client.ask("go", block=False) for client in clients]:
            reply.get()
        pykka.ActorRegistry.stop_all()

    return scenario
