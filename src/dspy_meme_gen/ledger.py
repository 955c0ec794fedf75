"""The ledger: which requests were accepted, how far each has come, and how each ended.

It belongs to the pipeline and outlives every actor. Clients, the router and the orchestrator write to it, each on its own thread; it is the
one place where a request gets its outcome, so the first outcome wins by construction.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pykka  # noqa: TC002 - one import style for all files

from dspy_meme_gen.admission import Admission
from dspy_meme_gen.domain import Cancelled, Failed, GenerateMeme, Outcome, Progress, payload_key, terminal_stage
from dspy_meme_gen.errors import RequestConflict, ServiceStopped
from dspy_meme_gen.ports import TimerHandle
from dspy_meme_gen.promise import Promise

__all__ = ["Entry", "Ledger"]

logger = logging.getLogger("memespy.ledger")


@dataclass(slots=True, eq=False)
class Entry:
    """An accepted request. The router notes in `told` which incarnation of the orchestrator has it, in `crashes` how many died with it.

    `expires_at_s` and `routed_at_s` (None while it waits for its turn) are on the clock of time.monotonic().
    `told`, `crashes` and `deadline` are the router's to write, the rest the ledger's.
    """

    request: GenerateMeme
    key: str
    expires_at_s: float
    promise: Promise[Outcome] = field(default_factory=Promise)
    stages: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    routed_at_s: float | None = None
    told: int = 0
    crashes: int = 0
    deadline: TimerHandle | None = None
    news: deque[Progress | Outcome] = field(default_factory=deque)
    delivering: bool = False

    @property
    def stage(self) -> str:
        """The stage that it is in, or was in when it was settled."""
        return self.stages[-1] if self.stages else "routing"

    @property
    def routed(self) -> bool:
        """Whether it had its turn."""
        return self.routed_at_s is not None


class Ledger:
    """Every accepted request by its request_id. All methods may be called from any thread.

    `progress` hears each request's stages in order, one at a time and with no lock held; a future is set after the last of them was heard.
    Then `released` hears of the entry; it must be quick and must not raise. `admission` is asked before a new request is taken.
    """

    def __init__(
        self,
        progress: Callable[[Progress], None],
        recorded_outcomes: int,
        *,
        admission: Admission | None = None,
        released: Callable[[Entry], None] = lambda _: None,
    ) -> None:
        self._progress = progress
        self._recorded_outcomes = recorded_outcomes
        self._admission = admission
        self._released = released
        self._changed = threading.Condition()
        self._open: dict[str, Entry] = {}
        self._settled: dict[str, Entry] = {}
        self._generating = 0
        self._closed = False

    def admit(self, request: GenerateMeme, *, room: bool = True) -> tuple["pykka.Future[Outcome]", bool]:
        """The future of a validated request's outcome, and whether the request is new: someone must route it, who has `room` or not.

        Raises RequestConflict if the request_id is known with another payload, ServiceStopped if the ledger is closed, and for a new
        request what its admission raises.
        """
        key = payload_key(request)
        with self._changed:
            if self._closed:
                raise ServiceStopped("the pipeline takes no more requests; start a new one")
            known = self._open.get(request.request_id) or self._settled.get(request.request_id)
            if known is None:
                now_s = time.monotonic()
                if self._admission is not None:
                    self._admission.check(request, len(self._open) - self._generating, now_s, room=room)
                entry = Entry(request, key, now_s + request.deadline_s)
                self._open[request.request_id] = entry
                return entry.promise.future, True
            if known.key != key:
                raise RequestConflict(f"request_id {request.request_id!r} is known with another payload; use a new one for a new request")
            return known.promise.future, False

    def find(self, request_id: str) -> Entry | None:
        """The entry of a request that has no outcome yet, or None."""
        with self._changed:
            return self._open.get(request_id)

    def known(self, request_id: str) -> Entry | None:
        """The entry of a request that is in flight, or one of the latest that were settled."""
        with self._changed:
            return self._open.get(request_id) or self._settled.get(request_id)

    def in_flight(self) -> tuple[Entry, ...]:
        """The entries that have no outcome yet, in order of acceptance."""
        with self._changed:
            return tuple(self._open.values())

    def generating(self) -> int:
        """How many requests had their turn and have no outcome yet."""
        with self._changed:
            return self._generating

    def waiting(self) -> int:
        """How many requests wait for their turn."""
        with self._changed:
            return len(self._open) - self._generating

    def route(self, request_id: str) -> Entry | None:
        """It is this request's turn: its entry; None if it had its turn already, or has its outcome."""
        with self._changed:
            entry = self._open.get(request_id)
            if entry is None or entry.routed:
                return None
            entry.routed_at_s = time.monotonic()
            self._generating += 1
            return entry

    def report(self, request_id: str, stage: str, detail: str = "") -> bool:
        """Note and pass on that a stage begins; False, and nobody hears of it, if the request has its outcome."""
        with self._changed:
            entry = self._open.get(request_id)
            if entry is None:
                return False
            entry.stages.append(stage)
            entry.news.append(Progress(request_id, stage, detail))
        self._deliver(entry)
        return True

    def settle(self, request_id: str, outcome: Outcome) -> bool:
        """Give a request its outcome; False if it has one already, which is never overwritten."""
        return self.settled(request_id, outcome) is not None

    def settled(self, request_id: str, outcome: Outcome) -> Entry | None:
        """As `settle`, for who wants to see the entry as it ended; None if the request has its outcome already."""
        with self._changed:
            entry = self._open.get(request_id)
            if entry is None:
                return None
            self._close_entry(entry, outcome)
        self._conclude(entry)
        return entry

    def cancel(self, request_id: str) -> bool:
        """Settle a request as cancelled; False if it is unknown or has its outcome."""
        return self.settle(request_id, Cancelled())

    @property
    def closed(self) -> bool:
        """Whether nothing is admitted any more."""
        with self._changed:
            return self._closed

    def close(self) -> None:
        """Admit nothing any more."""
        with self._changed:
            self._closed = True

    def fail_all(self, error: str) -> None:
        """Settle everything in flight as Failed(error, the stage it is in)."""
        with self._changed:
            entries = tuple(self._open.values())
            for entry in entries:
                self._close_entry(entry, Failed(error, entry.stage))
        for entry in entries:
            self._conclude(entry)

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Wait until nothing is in flight; whether that came within `timeout_s` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout_s)

    def _close_entry(self, entry: Entry, outcome: Outcome) -> None:
        """With the lock held: the entry moves from the open to the settled, of which only the latest are kept."""
        request_id = entry.request.request_id
        entry.outcome = outcome
        entry.news.append(Progress(request_id, terminal_stage(outcome), _detail(outcome)))
        entry.news.append(outcome)
        del self._open[request_id]
        self._generating -= entry.routed
        self._settled[request_id] = entry
        while len(self._settled) > self._recorded_outcomes:
            del self._settled[next(iter(self._settled))]
        if not self._open:
            self._changed.notify_all()

    def _conclude(self, entry: Entry) -> None:
        # The router may be arming the deadline right now; it looks at the outcome afterwards and cancels what it armed.
        if entry.deadline is not None:
            entry.deadline.cancel()
        self._deliver(entry)
        self._released(entry)

    def _deliver(self, entry: Entry) -> None:
        """Pass on the entry's news, unless another thread is at it: then that one passes on ours too, after its own."""
        with self._changed:
            if entry.delivering:
                return
            entry.delivering = True
        try:
            while news := self._take_news(entry):
                for item in news:
                    if isinstance(item, Progress):
                        self._tell_progress(item)
                    else:
                        entry.promise.set(item)
        except BaseException:
            # A Ctrl-C in the listener must not leave the entry looking as if someone were still at it.
            entry.delivering = False
            raise

    def _take_news(self, entry: Entry) -> tuple[Progress | Outcome, ...]:
        with self._changed:
            news = tuple(entry.news)
            entry.news.clear()
            entry.delivering = bool(news)
        return news

    def _tell_progress(self, progress: Progress) -> None:
        try:
            self._progress(progress)
        except Exception:
            logger.exception("the progress listener raised at stage %s; it will be told of the next one all the same", progress.stage)


def _detail(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return f"{outcome.error} in {outcome.stage}"
    return ""
