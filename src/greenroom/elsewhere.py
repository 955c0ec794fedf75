"""Where code is that runs on no stage: on a real thread that plays a recorded execution again, or just anywhere."""

from __future__ import annotations

import threading
from typing import Any, Final

_here: Final = threading.local()


def here() -> Any:
    """The ``greenroom.turnstile.Player`` whose thread this is; None on every other thread."""
    return getattr(_here, "player", None)


def play(player: Any) -> None:
    """This thread plays the part of ``player`` from now on."""
    _here.player = player
