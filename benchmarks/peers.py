"""Other tools that control a Python program's threads, each in a process of its own, for they patch what the others need.

``python -m benchmarks.peers frontrun 20`` prints how many executions of ``two_clients`` with threads and queues one CPU second makes.
Both search at random here, as greenroom does, and switch between bytecode instructions, which is what they are made for; greenroom
switches at messages. Nothing of them is needed: ``pip install -e '.[bench]'`` installs what the Python at hand can run.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks.programs import Queues, two_clients_with_queues

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULES = {"frontrun": "frontrun", "interleave-test": "interleave_test"}
_OLDEST_PYTHON = {"frontrun": (3, 10), "interleave-test": (3, 12)}


def missing(peer: str) -> str:
    """Why ``peer`` cannot be measured here, or nothing."""
    if sys.version_info < _OLDEST_PYTHON[peer]:
        return "needs Python " + ".".join(map(str, _OLDEST_PYTHON[peer]))
    return "" if importlib.util.find_spec(_MODULES[peer]) else "not installed"


def rate(peer: str, executions: int) -> float:
    """Executions per CPU second of ``peer``, in a new process.

    Raises:
        RuntimeError: it could not run the program; the message is the end of what it printed.
    """
    # Both tools say so themselves: frontrun refuses to search at random unless this is set, as its own launcher does.
    environment = {**os.environ, "FRONTRUN_ACTIVE": "1"}
    command = [sys.executable, "-m", "benchmarks.peers", peer, str(executions)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{peer}: {(done.stdout + done.stderr).strip()[-300:]}")
    return float(done.stdout.split()[-1])


def _frontrun(executions: int) -> bool:
    import frontrun  # noqa: PLC0415 - optional

    result = frontrun.explore(
        setup=Queues,
        workers=[Queues.main, Queues.register_loop, lambda queues: queues.client_loop(0), lambda queues: queues.client_loop(1)],
        invariant=lambda queues: set(queues.values) <= {0, 1},
        strategy="random",
        max_attempts=executions,
        max_ops=5_000,
        seed=1,
    )
    return bool(result.property_holds) and result.num_explored == executions


def _interleave_test(executions: int) -> bool:
    import interleave_test  # noqa: PLC0415 - optional

    result: Any = interleave_test.explore(two_clients_with_queues, iterations=executions, seed=1)
    return bool(result.ok)


def main() -> int:
    """Measure one peer; the exit code is 1 where it did not run every execution."""
    peer, executions = sys.argv[1], int(sys.argv[2])
    explores: dict[str, Callable[[int], bool]] = {"frontrun": _frontrun, "interleave-test": _interleave_test}
    explores[peer](2)
    started = time.process_time()
    complete = explores[peer](executions)
    print(executions / (time.process_time() - started))
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
