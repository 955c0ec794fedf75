"""How much memory a process has resident."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

_STATM: Final = Path("/proc/self/statm")


def resident_mb() -> float:
    """Megabytes (10⁶ bytes) that this process has resident now; its peak where the system tells no more; 0 where it tells nothing."""
    try:
        return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError):
        return _otherwise()


def _otherwise() -> float:
    try:
        import psutil  # noqa: PLC0415 - wanted only where there is no /proc, and may be missing
    except ModuleNotFoundError:
        pass
    else:
        return float(psutil.Process().memory_info().rss) / 1e6
    try:
        import resource  # noqa: PLC0415 - there is none on Windows
    except ModuleNotFoundError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3
