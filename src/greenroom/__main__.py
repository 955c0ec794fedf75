"""The command ``greenroom``, also as ``python -m greenroom``."""

from __future__ import annotations

import os
import sys

from greenroom.cli import main

_SEED = "PYTHONHASHSEED"


def command() -> int:
    """Run the command line in a process that orders sets of texts as every other one does.

    The order in which a set of texts is gone through depends on the seed of Python's hashes, which is another one in each process unless
    it is given. A program that goes through one would take another path in each, and a schedule would not lead to where it was found.
    """
    if os.name == "posix" and _SEED not in os.environ and sys.flags.hash_randomization:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _SEED: "0"})  # noqa: S606 - the same command
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who read it, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a shell tells of a process that SIGPIPE ended
    return code


if __name__ == "__main__":
    sys.exit(command())
