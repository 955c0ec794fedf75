"""An exhaustive search by several processes: each takes a branch of the tree, searches behind it, and hands back what is left.

The processes are forked, so that the scenario need not be importable; and before any thread is started, for a fork copies only the
thread that asks for it.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final

from greenroom.errors import GreenroomError, UsageError
from greenroom.explore import installed
from greenroom.schedule import Schedule
from greenroom.tree import Lease

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from greenroom.exhaust import Budget, Kept, Progress, Search

_LEASE_S: Final = 0.2  # CPU seconds after which a process hands back what is left
_PROGRESS_S: Final = 0.5


def search_with(search: Search, workers: int, budget: Budget, progress: Callable[[Progress], None] | None, kept: Kept | None) -> None:
    """Go on with ``search`` in ``workers`` processes, until nothing is left, something fails, or the budget is used up.

    Raises:
        UsageError: this operating system cannot fork.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError("workers: this operating system cannot fork; leave it at 1")
    forking: Any = multiprocessing.get_context("fork")
    processes, pipes = [], []
    try:
        for _ in range(workers):
            here, there = forking.Pipe()
            process = forking.Process(target=_work, args=(there, search), daemon=True)
            process.start()
            there.close()
            processes.append(process)
            pipes.append(here)
        _share_out(search, pipes, budget, progress, kept)
    finally:
        for pipe in pipes:
            pipe.close()
        for process in processes:
            process.terminate()
            process.join()


def _share_out(
    search: Search, pipes: list[Connection], budget: Budget, progress: Callable[[Progress], None] | None, kept: Kept | None
) -> None:
    idle = list(pipes)
    leased: dict[Any, Lease] = {}
    told = time.perf_counter()
    try:
        while True:
            while idle and search.failing is None and not budget.used_up():
                lease = search.tree.take()
                if lease is None:
                    break
                pipe = idle.pop()
                pipe.send((lease.moves, lease.options, lease.sleep, budget.left))
                leased[pipe] = lease
            if not leased:
                return
            for ready in wait(list(leased)):
                pipe = ready  # type: ignore[assignment]  # of the connections that were waited for
                _take_back(search, leased.pop(pipe), pipe.recv(), budget)
                idle.append(pipe)
            if progress is not None and time.perf_counter() - told > _PROGRESS_S:
                told = time.perf_counter()
                progress(search.so_far())
            if kept is not None:
                kept.write_now_and_then()
    finally:
        for lease in leased.values():
            search.tree.give_back(lease)


def _take_back(search: Search, lease: Lease, found: dict[str, Any] | BaseException, budget: Budget) -> None:
    if isinstance(found, BaseException):
        search.tree.give_back(lease)
        raise found
    search.seen.executions += found["executions"]
    search.seen.redundant += found["redundant"]
    search.steps += found["steps"]
    search.cpu_s += found["cpu_s"]
    search.incomplete = search.incomplete or found["incomplete"]
    search.tree.fallbacks += found["fallbacks"]
    budget.spend(found["executions"] + found["redundant"])
    search.undecided.merge(*found["undecided"])
    if found["failing"] and search.failing is None:
        search.failing = Schedule.parse(found["failing"])
    search.tree.graft(lease, found["footprint"], found["outer"], found["rest"])


def _work(pipe: Connection, search: Search) -> None:
    """The life of a process: search behind one lease after another, each for a short time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that shares out is told, and ends the others
    while True:
        try:
            moves, options, sleep, left = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Any = _behind(search.behind(Lease(moves, options, sleep, None)), left)
        except GreenroomError as error:
            answer = error
        except Exception as error:  # noqa: BLE001 - told to the process that shares out, which raises it
            answer = GreenroomError(f"a process of the search ended by {type(error).__name__}: {error}")
        pipe.send(answer)


def _behind(search: Search, left: int | None) -> dict[str, Any]:
    started = time.process_time()
    taken = 0
    with installed(search.scenario, search.options) as shims:
        while (left is None or taken < left) and search.failing is None and time.process_time() - started < _LEASE_S and search.one():
            taken += 1
        shims.collect()
    tree = search.tree
    return {
        "executions": search.seen.executions,
        "redundant": search.seen.redundant,
        "steps": search.steps,
        "cpu_s": time.process_time() - started,
        "incomplete": search.incomplete,
        "fallbacks": tree.fallbacks,
        "undecided": search.undecided.dump(),
        "failing": str(search.failing) if search.failing is not None else "",
        "footprint": tree.footprint,
        "outer": tree.outer,
        "rest": None if tree.finished else tree.dump(),
    }
