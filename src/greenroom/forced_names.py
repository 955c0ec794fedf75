"""What threads of a confirmation see in the place of clocks, sleep, random numbers, and locks written in C."""

from __future__ import annotations

import os
import queue
import random
import threading
import time
import uuid
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from greenroom import waits
from greenroom.clock import BOOT_NS, EPOCH_NS
from greenroom.elsewhere import here
from greenroom.shims import prior, randomness
from greenroom.shims.install import sites_in_modules
from greenroom.shims.shim import Shim
from greenroom.shims.sites import Site, sites_of_function
from greenroom.turnlocks import TurnLock, TurnQueue, TurnRLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenroom.forced import Forced

SHORT_S: Final = 0.001  # how long a sleep takes, or a timeout that struck on the stage
_real_sleep: Final = time.sleep
_real_lock: Final = threading.Lock
_real_rlock: Final = threading.RLock
_real_simple_queue: Final = queue.SimpleQueue
_LOCKS: Final[dict[type, Any]] = {type(_real_lock()): TurnLock, type(_real_rlock()): TurnRLock, _real_simple_queue: TurnQueue}
assert all(prior.is_hidden(kind()) for kind in (_real_lock, _real_rlock, _real_simple_queue)), "found in the same places as on the stage"


def replace_names(forced: Forced, scenario: Any) -> list[Callable[[], None]]:
    """Put them where the program and the standard library keep what they stand for; returns what puts each one back."""
    by_identity = {id(real): (real, played) for real, played in _pairs(forced)}

    def is_known(value: Any) -> bool:
        return id(value) in by_identity and by_identity[id(value)][0] is value

    undo = []
    for site in list(_sites(scenario, is_known)):
        value = site.read()
        if is_known(value):
            undo.append(site.write(by_identity[id(value)][1]))
        elif type(value) in _LOCKS:
            undo.append(site.write(_LOCKS[type(value)](forced, value)))
    return undo


def elsewhere(real: Callable[..., Any], played: Callable[..., Any]) -> Callable[..., Any]:
    """``played`` on the threads of a confirmation, outside operations; ``real`` everywhere else."""

    def function(*args: Any, **kwargs: Any) -> Any:
        player = here()
        return (real if player is None or player.inside else played)(*args, **kwargs)

    function.__name__ = getattr(real, "__name__", "function")
    function.__doc__ = real.__doc__
    return function


class _Elsewhere(Shim):
    """As ``elsewhere``, for a class."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        player = here()
        return (self._real if player is None or player.inside else self._simulated)(*args, **kwargs)


def _pairs(forced: Forced) -> list[tuple[Any, Any]]:
    def now_ns() -> int:
        return forced.turnstile.now_ns

    functions: list[tuple[Any, Any]] = [
        (time.sleep, partial(_sleep, forced)),
        (time.time, lambda: (now_ns() + EPOCH_NS) / 1e9),
        (time.time_ns, lambda: now_ns() + EPOCH_NS),
        (time.monotonic, lambda: (now_ns() + BOOT_NS) / 1e9),
        (time.monotonic_ns, lambda: now_ns() + BOOT_NS),
        (time.perf_counter, lambda: (now_ns() + BOOT_NS) / 1e9),
        (time.perf_counter_ns, lambda: now_ns() + BOOT_NS),
        (uuid.uuid4, randomness.uuid4),
        (os.urandom, randomness.urandom),
    ]
    functions += [(getattr(random, name), randomness.simulated(name)) for name in randomness.module_functions()]
    classes: list[tuple[Any, Any]] = [
        (threading.Lock, lambda: TurnLock(forced, _real_lock())),
        (threading.RLock, lambda: TurnRLock(forced, _real_rlock())),
        (queue.SimpleQueue, lambda: TurnQueue(forced, _real_simple_queue())),
        (random.Random, randomness.Random),
    ]
    pairs = [(real, elsewhere(real, played)) for real, played in functions]
    return pairs + [(real, _Elsewhere(real, played)) for real, played in classes]


def _sleep(forced: Forced, seconds: float) -> None:
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")

    def attempt(most_s: float) -> tuple[bool, None]:
        _real_sleep(most_s)
        return False, None

    wait = waits.Wait(seconds, attempt, lambda: None) if forced.turnstile.mode == "free" else None
    forced.perform(here(), "sleep", None, partial(_real_sleep, min(seconds, SHORT_S)), wait)


def _sites(scenario: Any, is_known: Callable[[Any], bool]) -> Iterator[Site]:
    """Where the program keeps what is replaced; the same places as on the stage."""

    def is_wanted(value: Any) -> bool:
        return is_known(value) or type(value) in _LOCKS

    for name, program, site in sites_in_modules():
        wanted = is_wanted if program or name == "concurrent.futures.thread" else is_known
        if wanted(site.read()):
            yield site
    if isinstance(getattr(scenario, "__func__", scenario), FunctionType):
        yield from sites_of_function(scenario, is_wanted)
