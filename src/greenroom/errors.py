"""Every error of greenroom has one root, and one class has one meaning.

GreenroomError
├── UsageError                 the caller asked for something that makes no sense
│   ├── ScheduleSyntaxError    a text that is no schedule
│   ├── ScenarioNotFound       a FILE.py::function that cannot be loaded
│   └── ProgramInvalid         a machine's steps cannot be taken as they stand
├── StageError                 a stage was used in a way that cannot work
│   ├── StageClosed            a primitive outlived its stage
│   ├── OutsideStage           a simulated primitive would have to wait, outside every task
│   └── BlockedForReal         a task waits for something that the stage does not control
├── ReplayMismatch             the program no longer takes the recorded path
├── NondeterminismEscaped      the same schedule gave two different executions
├── Undecided                  a checker ran out of budget, or failed itself: nothing is known
└── PromiseBroken              the program under test broke a promise that holds for every program
    ├── Deadlock               tasks wait, and no task can ever wake them
    │   ├── SelfAsk            an actor waits for its own reply
    │   └── ReplyNeverComes    a reply is awaited that nobody is left to give
    ├── Livelock               the program goes on without getting anywhere
    ├── ActorDied              an actor ended by an exception that nobody saw
    ├── ThreadDied             a thread ended by an exception that nobody saw
    ├── AsyncioTaskDied        an asyncio task or future failed, and nobody retrieved the exception
    ├── CallbackRaised         a callback of an event loop raised, and nobody saw it
    ├── LeftBehind             actors or threads outlive the scenario
    └── ClaimBroken            what a checker claims does not hold of the history
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenroom.checker import Judgement


class GreenroomError(Exception):
    """The root of all errors that greenroom raises."""


class UsageError(GreenroomError, ValueError):
    """An argument makes no sense; the message says what does."""


class ScheduleSyntaxError(UsageError):
    """A text does not read as a schedule."""


class ScenarioNotFound(UsageError):
    """A scenario named on the command line cannot be loaded."""


class ProgramInvalid(UsageError):
    """A machine's steps cannot be taken as they stand."""


class StageError(GreenroomError, RuntimeError):
    """A stage was used in a way that cannot work."""


class StageClosed(StageError):
    """A simulated primitive was used after its stage had been closed."""


class OutsideStage(StageError):
    """Code outside every task would have to wait for a simulated primitive."""


class BlockedForReal(StageError):
    """A task has taken no step for many real seconds: it waits for what the stage does not control, or computes without end."""


class ReplayMismatch(GreenroomError):
    """The program no longer takes the path that the schedule recorded."""


class NondeterminismEscaped(GreenroomError):
    """The same schedule gave two different executions."""


class Undecided(GreenroomError):
    """A checker could not decide whether its claim holds; that is no pass."""


class PromiseBroken(GreenroomError, AssertionError):
    """The program under test broke a promise that every program makes.

    An ``AssertionError``, so that test runners report it as a failure and not as an error of the tool. ``about`` names the tasks that it
    is about; nobody where that is not known.
    """

    about: tuple[str, ...] = ()


class Deadlock(PromiseBroken):
    """Tasks wait for one another, or for what no task will ever do."""


class SelfAsk(Deadlock):
    """An actor waits for a reply that only itself could give."""


class ReplyNeverComes(Deadlock):
    """A reply is awaited, and the actor that owed it is gone or has dropped it."""


class Livelock(PromiseBroken):
    """The program keeps taking steps without coming to an end."""


class ActorDied(PromiseBroken):
    """An actor ended by an exception that nobody saw."""


class ThreadDied(PromiseBroken):
    """A thread ended by an exception that nobody saw."""


class AsyncioTaskDied(PromiseBroken):
    """A task or a future of asyncio ended by an exception that nobody retrieved."""


class CallbackRaised(PromiseBroken):
    """A callback of an event loop raised an exception that nobody saw."""


class LeftBehind(PromiseBroken):
    """Actors or threads were still alive when the scenario was over."""


class ClaimBroken(PromiseBroken):
    """A claim that a checker makes does not hold of an execution; ``judgement`` is what the checker found."""

    def __init__(self, text: str, judgement: Judgement) -> None:
        super().__init__(text)
        self.judgement = judgement
        self.about = judgement.about
