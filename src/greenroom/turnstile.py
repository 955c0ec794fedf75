"""A turnstile for real threads: before each visible operation a thread waits until the script says that it is its turn.

One thread at a time has the floor. It keeps it through its operation and through the code behind that, up to its next operation: as
a task does on the stage. So what threads share without any lock is read and written in the recorded order as well.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from greenroom.script import Numbers, Path, Script, Step

if TYPE_CHECKING:
    from random import Random

    from greenroom.task import Kind

State = Literal["starting", "parked", "running", "blocked", "done"]
Mode = Literal["follow", "free", "closing"]

_real_sleep: Final = time.sleep
_REFUSALS: Final = 64  # how often a thread may swallow its end before it is left alone for ever
_VERBS: Final = {
    "begin": "begins",
    "call": "makes a call",
    "go_on": "goes on",
    "end": "ends",
    "put": "puts into",
    "get": "takes from",
    "answer": "gets the value of",
    "set": "sets",
    "is_set": "looks at",
    "registry": "looks into or changes the actor registry",
    "start": "starts an actor or a thread",
    "sleep": "sleeps",
    "line": "comes to its next line",
    "checkpoint": "passes a checkpoint",
    "choose": "chooses a value",
}


class Released(BaseException):
    """Ends a thread of a confirmation that is over; no program catches it on purpose."""


@dataclass(slots=True, eq=False)
class Player:
    """A real thread that plays the part of a task; ``path`` names it as it names the task."""

    turnstile: Turnstile
    path: Path
    name: str
    kind: Kind
    state: State = "starting"
    go: Any = field(default_factory=threading.Lock)
    pending: tuple[str, Any] | None = None
    granted: Step | None = None
    inside: bool = False
    refusals: int = 0
    children: int = 0
    thread: Any = None
    error: BaseException | None = None
    died_of: BaseException | None = None
    uuids: int = 0
    random: Random | None = None
    daemon: bool = False
    timed: bool = False

    def __post_init__(self) -> None:
        self.go.acquire()

    def pass_by(self, operation: str) -> Step | None:
        """An operation that does nothing but wait for its turn."""
        if self.inside:
            return None
        step = self.turnstile.arrive(self, operation)
        self.turnstile.moved(self)
        return step

    def chosen(self) -> int:
        """Which value was chosen on the stage; the first where the script is no longer followed."""
        step = self.pass_by("choose")
        return 0 if step is None else int(step.outcome)


class Turnstile:
    """Whose turn it is.

    ``mode`` is "follow" while the script is followed, "free" once it is at its end or the threads have gone another way (``diverged``
    says how), "closing" when every thread is to end.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.numbers = Numbers()
        self.players: dict[Path, Player] = {}
        self.mode: Mode = "follow"
        self.diverged = ""
        self.position = 0
        self.moves = 0
        self.freed_at = 0
        self.now_ns = 0
        self.floor: Player | None = None
        self._lock = threading.Lock()

    def enter(self, path: Path, kind: Kind, name: str) -> Player:
        """A new player, whose thread is about to be started."""
        with self._lock:
            player = self.players[path] = Player(self, path, self.script.names.get(path, name), kind)
            return player

    def arrive(self, player: Player, operation: str, target: Any = None) -> Step | None:
        """Wait for the turn of ``player`` to do ``operation``.

        Returns:
            what the script says of it; None where the script is no longer followed.

        Raises:
            Released: the confirmation is over.
        """
        with self._lock:
            self._refuse(player)
            self.moves += not player.daemon
            player.pending = (operation, target)
            if self.mode == "free":
                player.state = "running"
                return None
            player.state = "parked"
            if self.floor is player:
                self.floor = None
            self._hand_over()
        player.go.acquire()
        with self._lock:
            self._refuse(player)
            step, player.granted = player.granted, None
            return step

    def leave(self, player: Player) -> None:
        """The thread of ``player`` has done all that it had to do."""
        with self._lock:
            self.moves += 1
            player.state = "done"
            player.pending = None
            if self.floor is player:
                self.floor = None
            self._hand_over()

    def moved(self, player: Player, *, blocked: bool = False) -> None:
        """``player`` enters an operation that blocks for real, or comes out of one."""
        with self._lock:
            player.state = "blocked" if blocked else "running"
            if not blocked:
                self.moves += not player.daemon
                player.pending = None

    def diverge(self, why: str) -> None:
        """The threads have gone another way: from here on each runs as it likes."""
        with self._lock:
            self._set_free(why)

    def close(self) -> None:
        """Every thread ends at its next operation, or in the one that it is blocked in."""
        with self._lock:
            self.mode = "closing"
            self._wake_parked()

    @property
    def is_settled(self) -> bool:
        """Whether every thread has ended, or is in an operation that blocks for real."""
        with self._lock:
            return all(player.state in ("done", "blocked") for player in self.players.values() if not player.daemon)

    @property
    def goes_on(self) -> bool:
        """Whether a thread has done something since ``freed_at``, or will when its time is up."""
        with self._lock:
            waits = any(player.timed and player.state == "blocked" for player in self.players.values() if not player.daemon)
            return self.moves > self.freed_at or waits

    @property
    def is_over(self) -> bool:
        """Whether every thread has ended."""
        with self._lock:
            return all(player.state == "done" for player in self.players.values())

    def told(self, step: Step) -> str:
        """A step in words."""
        name = self.script.names.get(step.path, "a task")
        return f"{name} {_in_words(step.operation, step.label)}"

    # -- with the lock held ---------------------------------------------------------------------------------------

    def _refuse(self, player: Player) -> None:
        if self.mode != "closing":
            return
        player.refusals += 1
        if player.refusals > _REFUSALS:
            player.state = "done"
            self._lock.release()
            while True:
                _real_sleep(3600)
        raise Released

    def _hand_over(self) -> None:
        if self.mode != "follow" or self.floor is not None:
            return
        if self.position == len(self.script.steps):
            self._set_free("")
            return
        step = self.script.steps[self.position]
        player = self.players.get(step.path)
        if player is None:
            self._set_free(f"{self.told(step)} on the stage, but nothing has started it here")
        elif player.state == "done":
            self._set_free(f"{self.told(step)} on the stage, but has ended here")
        elif player.state == "parked":
            self._give_floor(player, step)

    def _give_floor(self, player: Player, step: Step) -> None:
        assert player.pending is not None
        operation, thing = player.pending
        number = self.numbers.of(thing)
        if (operation, number) != (step.operation, step.target):
            label = next((known.label for known in self.script.steps if number and known.target == number), "")
            self._set_free(f"{self.told(step)} on the stage, but {_in_words(operation, label or 'something else')} here")
            return
        self.position += 1
        self.now_ns = step.time_ns
        self.floor = player
        player.granted = step
        player.state = "running"
        player.go.release()

    def _set_free(self, why: str) -> None:
        if self.mode != "follow":
            return
        self.mode = "free"
        self.diverged = why
        self._wake_parked()

    def _wake_parked(self) -> None:
        for player in self.players.values():
            if player.state == "parked":
                player.state = "running"
                player.go.release()


def _in_words(operation: str, label: str) -> str:
    verb = _VERBS.get(operation, f"calls {operation}() of")
    return f"{verb} {label or 'something'}" if verb.split()[-1] in ("into", "from", "of", "sets", "at") else verb
