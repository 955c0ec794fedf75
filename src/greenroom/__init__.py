"""greenroom checks Pykka programs: every choice of the scheduler is ours, so every failure can be seen again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.checker import Checker, Judgement, Spec, Verdict
from greenroom.checkers import (
    causal_order,
    compose,
    deterministic,
    every_ask_is_answered,
    exactly_once,
    fifo_per_sender,
    latency,
    linearizable,
    no_leak,
    sequentially_consistent,
    serializable,
)
from greenroom.choices import checkpoint, choose
from greenroom.client import client
from greenroom.confirm import Confirmation, confirm
from greenroom.determinism import Determinism, determinism
from greenroom.errors import (
    ActorDied,
    AsyncioTaskDied,
    BlockedForReal,
    CallbackRaised,
    ClaimBroken,
    Deadlock,
    GreenroomError,
    LeftBehind,
    Livelock,
    NondeterminismEscaped,
    OutsideStage,
    PromiseBroken,
    ReplayMismatch,
    ReplyNeverComes,
    ScenarioNotFound,
    ScheduleSyntaxError,
    SelfAsk,
    StageClosed,
    StageError,
    ThreadDied,
    Undecided,
    UsageError,
)
from greenroom.execution import Execution
from greenroom.exhaust import Exhaustion, exhaust
from greenroom.explore import Report, explore, replay, run
from greenroom.failure import Failure
from greenroom.history import Event, History, Operation
from greenroom.operations import recording_into
from greenroom.policy import Policy
from greenroom.schedule import Schedule
from greenroom.stage import Stage

if TYPE_CHECKING:
    from greenroom.machine import ActorMachine
    from greenroom.machine_run import run_machine
    from greenroom.policies.drawn import schedules

__all__ = [
    "ActorDied",
    "ActorMachine",
    "AsyncioTaskDied",
    "BlockedForReal",
    "CallbackRaised",
    "Checker",
    "ClaimBroken",
    "Confirmation",
    "Deadlock",
    "Determinism",
    "Event",
    "Execution",
    "Exhaustion",
    "Failure",
    "GreenroomError",
    "History",
    "Judgement",
    "LeftBehind",
    "Livelock",
    "NondeterminismEscaped",
    "Operation",
    "OutsideStage",
    "Policy",
    "PromiseBroken",
    "ReplayMismatch",
    "ReplyNeverComes",
    "Report",
    "ScenarioNotFound",
    "Schedule",
    "ScheduleSyntaxError",
    "SelfAsk",
    "Spec",
    "Stage",
    "StageClosed",
    "StageError",
    "ThreadDied",
    "Undecided",
    "UsageError",
    "Verdict",
    "causal_order",
    "checkpoint",
    "choose",
    "client",
    "compose",
    "confirm",
    "determinism",
    "deterministic",
    "every_ask_is_answered",
    "exactly_once",
    "exhaust",
    "explore",
    "fifo_per_sender",
    "latency",
    "linearizable",
    "no_leak",
    "recording_into",
    "replay",
    "run",
    "run_machine",
    "schedules",
    "sequentially_consistent",
    "serializable",
]

_NEEDS_HYPOTHESIS = {"ActorMachine": "greenroom.machine", "run_machine": "greenroom.machine_run", "schedules": "greenroom.policies.drawn"}


def __getattr__(name: str) -> Any:
    """``schedules`` and ``ActorMachine`` need Hypothesis, and are loaded when first asked for."""
    if name not in _NEEDS_HYPOTHESIS:
        raise AttributeError(f"module 'greenroom' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only here, so that greenroom itself does not need Hypothesis

    try:
        module = importlib.import_module(_NEEDS_HYPOTHESIS[name])
    except ModuleNotFoundError as error:
        raise ImportError(f"greenroom.{name} needs Hypothesis: pip install 'greenroom[hypothesis]'") from error
    return getattr(module, name)
