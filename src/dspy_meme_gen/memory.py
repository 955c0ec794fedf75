"""How much memory this process takes."""

import sys
from pathlib import Path

__all__ = ["resident_bytes"]

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Resident memory in bytes; where the system does not tell what it is now (no /proc), the most that it ever was."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        import resource  # noqa: PLC0415 - missing on Windows, which has no /proc either

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    import os  # noqa: PLC0415 - as above: sysconf is a Unix call

    return pages * os.sysconf("SC_PAGE_SIZE")
