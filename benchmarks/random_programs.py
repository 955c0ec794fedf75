"""Small actor programs made at random, for comparing an exhaustive search with plain enumeration.

A program has one or two actors, each with a script for two kinds of message, and one to three clients, each with a few operations. Its
outcome is all that its tasks have seen. Programs may wait for ever, lose messages and stop actors that others still use.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pykka

import greenroom
from benchmarks import logs

if TYPE_CHECKING:
    from collections.abc import Callable

# Kinds of operation that are put into one program together.
PROFILES = (
    "tell ask",
    "tell ask stop alive",
    "tell lock nested",
    "try lock nested tell",
    "choose tell checkpoint",
    "choose ask stop",
    "set clear is_set wait tell",
    "acquire release semaphore",
    "put get qsize",
    "push pop put",
    "ask_in_time sleep tell",
    "get_in_time put sleep",
    "wait_in_time set sleep clear",
    "registered stop start",
    "ask_both tell stop",
    "tell ask leave look",
    "tell ask_in_time stop nested set wait checkpoint choose put get alive",
)

Operation = tuple[str, int, int]


@dataclass
class Program:
    """A scenario, and what the tasks of its last execution have seen."""

    scenario: Callable[[], None]

    def outcome(self) -> str:
        """What the tasks of the last execution have seen."""
        return logs.outcome()


def program(seed: int) -> Program:
    """The program of that number."""
    rng = random.Random(seed)
    kinds = PROFILES[seed % len(PROFILES)].split()
    actors, clients = rng.randint(1, 2), rng.choice((1, 2, 2, 2, 3))

    def operation() -> Operation:
        return rng.choice(kinds), rng.randrange(actors), rng.randrange(2)

    scripts = [[[operation() for _ in range(rng.choice((0, 0, 1, 1, 2)))] for _ in range(2)] for _ in range(actors)]
    calls = [[operation() for _ in range(rng.choice((1, 1, 2)) if clients < 3 else 1)] for _ in range(clients)]

    def scenario() -> None:
        logs.clear()
        world = World(scripts)
        threads = [threading.Thread(target=world.do_all, args=(todo, f"client {number}", 0)) for number, todo in enumerate(calls)]
        for thread in threads:
            thread.start()

    return Program(scenario)


class Scripted(pykka.ThreadingActor):
    """Does what its script says for each message ``(kind, depth)``."""

    def __init__(self, world: World, number: int) -> None:
        super().__init__()
        self.world = world
        self.number = number

    def on_receive(self, message: Any) -> int:
        """The number of messages that it has had."""
        name = f"actor {self.number}"
        logs.add(name, message)
        kind, depth = message
        if depth < 2:
            self.world.do_all(self.world.scripts[self.number][kind], name, depth)
        return logs.length(name)


class World:
    """What the tasks of one execution share."""

    def __init__(self, scripts: list[list[list[Operation]]]) -> None:
        self.scripts = scripts
        self.shared: list[Any] = []
        self.locks = [threading.Lock() for _ in range(2)]
        self.events = [threading.Event() for _ in range(2)]
        self.semaphores = [threading.Semaphore(1) for _ in range(2)]
        self.queues: list[queue.Queue[Any]] = [queue.Queue(maxsize=1), queue.Queue()]
        self.stack: queue.LifoQueue[Any] = queue.LifoQueue()
        self.refs = [Scripted.start(self, number) for number in range(len(scripts))]

    def do_all(self, operations: list[Operation], name: str, depth: int) -> None:
        """Do one after another; what is seen goes to the log of that name."""
        for kind, actor, which in operations:
            try:
                seen = getattr(self, f"do_{kind}")(actor, which, depth + 1)
            except (pykka.ActorDeadError, pykka.Timeout, queue.Empty) as error:
                seen = type(error).__name__
            if seen is not None:
                logs.add(name, seen)

    def do_tell(self, actor: int, which: int, depth: int) -> None:
        self.refs[actor].tell((which, depth))

    def do_ask(self, actor: int, which: int, depth: int) -> Any:
        return self.refs[actor].ask((which, depth))

    def do_ask_in_time(self, actor: int, which: int, depth: int) -> Any:
        return self.refs[actor].ask((which, depth), timeout=1)

    def do_ask_both(self, actor: int, which: int, depth: int) -> Any:
        other = (actor + 1) % len(self.refs)
        return pykka.get_all([self.refs[one].ask((which, depth), block=False) for one in (actor, other)])

    def do_stop(self, actor: int, which: int, depth: int) -> None:
        self.refs[actor].stop(block=False)

    def do_start(self, actor: int, which: int, depth: int) -> None:
        Scripted.start(self, actor).tell((which, depth))

    def do_alive(self, actor: int, which: int, depth: int) -> Any:
        return self.refs[actor].is_alive()

    def do_registered(self, actor: int, which: int, depth: int) -> Any:
        return len(pykka.ActorRegistry.get_all())

    def do_lock(self, actor: int, which: int, depth: int) -> None:
        with self.locks[which]:
            self.refs[actor].tell((which, depth))

    def do_nested(self, actor: int, which: int, depth: int) -> Any:
        with self.locks[which], self.locks[1 - which]:
            return "both"

    def do_try(self, actor: int, which: int, depth: int) -> Any:
        if not self.locks[which].acquire(blocking=False):
            return "locked"
        self.locks[which].release()
        return "free"

    def do_set(self, actor: int, which: int, depth: int) -> None:
        self.events[which].set()

    def do_clear(self, actor: int, which: int, depth: int) -> None:
        self.events[which].clear()

    def do_is_set(self, actor: int, which: int, depth: int) -> Any:
        return self.events[which].is_set()

    def do_wait(self, actor: int, which: int, depth: int) -> Any:
        return self.events[which].wait()

    def do_wait_in_time(self, actor: int, which: int, depth: int) -> Any:
        return self.events[which].wait(1)

    def do_semaphore(self, actor: int, which: int, depth: int) -> Any:
        with self.semaphores[which]:
            return "in"

    def do_acquire(self, actor: int, which: int, depth: int) -> Any:
        return self.semaphores[which].acquire()

    def do_release(self, actor: int, which: int, depth: int) -> None:
        self.semaphores[which].release()

    def do_put(self, actor: int, which: int, depth: int) -> None:
        self.queues[which].put((actor, depth))

    def do_get(self, actor: int, which: int, depth: int) -> Any:
        return self.queues[which].get()

    def do_get_in_time(self, actor: int, which: int, depth: int) -> Any:
        return self.queues[which].get(timeout=1)

    def do_qsize(self, actor: int, which: int, depth: int) -> Any:
        return self.queues[which].qsize()

    def do_push(self, actor: int, which: int, depth: int) -> None:
        self.stack.put((actor, which))

    def do_pop(self, actor: int, which: int, depth: int) -> Any:
        return self.stack.get()

    def do_leave(self, actor: int, which: int, depth: int) -> None:
        self.shared.append(depth)

    def do_look(self, actor: int, which: int, depth: int) -> Any:
        return len(self.shared)

    def do_sleep(self, actor: int, which: int, depth: int) -> None:
        time.sleep(0.5)

    def do_checkpoint(self, actor: int, which: int, depth: int) -> None:
        greenroom.checkpoint(f"row {which}")

    def do_choose(self, actor: int, which: int, depth: int) -> Any:
        return greenroom.choose("heads", "tails")
