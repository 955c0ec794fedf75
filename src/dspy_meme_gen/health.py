"""Whether the service is well: a value, put together when somebody asks, from what is known at that moment."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "Checks", "Health", "Status"]

Status = Literal["ok", "degraded", "down"]
_WORSE: tuple[Status, ...] = ("ok", "degraded", "down")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `detail` says why it is not well."""

    status: Status
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Everything that was looked at, by name. A service that is degraded still makes memes; one that is down makes none."""

    checks: Mapping[str, Check]

    @property
    def status(self) -> Status:
        """The worst of all."""
        return max((check.status for check in self.checks.values()), key=_WORSE.index, default="ok")


class Checks:
    """What the health monitor found when it last looked at the outside world. It writes, any thread reads.

    A monitor that has not looked for `stale_s` seconds is itself a finding: it hangs in what it looks at.
    """

    def __init__(self, stale_s: float) -> None:
        self._stale_s = stale_s
        self._lock = threading.Lock()
        self._found: dict[str, Check] = {}
        self._at_s: float | None = None

    def begin(self) -> None:
        """The monitor runs from now on: it may be waited for."""
        with self._lock:
            self._at_s = time.monotonic()

    def write(self, found: Mapping[str, Check]) -> None:
        """What was found just now."""
        with self._lock:
            self._found, self._at_s = dict(found), time.monotonic()

    def read(self) -> dict[str, Check]:
        """What was found last, and whether that is too long ago. Nothing where no monitor runs."""
        with self._lock:
            found, at_s = dict(self._found), self._at_s
        if at_s is None:
            return {}
        age_s = time.monotonic() - at_s
        if age_s > self._stale_s:
            found["monitor"] = Check("degraded", f"has not looked for {age_s:.0f} s: it hangs in one of its checks")
        return found
