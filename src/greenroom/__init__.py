"""greenroom checks Pykka programs: every choice of the scheduler is ours, so every failure can be seen again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.choices import checkpoint, choose
from greenroom.determinism import Determinism, determinism
from greenroom.errors import (
    ActorDied,
    BlockedForReal,
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
    UsageError,
)
from greenroom.exhaust import Exhaustion, exhaust
from greenroom.explore import Execution, Report, explore, replay, run
from greenroom.failure import Failure
from greenroom.history import Event, History
from greenroom.policy import Policy
from greenroom.schedule import Schedule
from greenroom.stage import Stage

if TYPE_CHECKING:
    from greenroom.machine import ActorMachine
    from greenroom.policies.drawn import schedules

__all__ = [
    "ActorDied",
    "ActorMachine",
    "BlockedForReal",
    "Deadlock",
    "Determinism",
    "Event",
    "Execution",
    "Exhaustion",
    "Failure",
    "GreenroomError",
    "History",
    "LeftBehind",
    "Livelock",
    "NondeterminismEscaped",
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
    "Stage",
    "StageClosed",
    "StageError",
    "ThreadDied",
    "UsageError",
    "checkpoint",
    "choose",
    "determinism",
    "exhaust",
    "explore",
    "replay",
    "run",
    "schedules",
]

_NEEDS_HYPOTHESIS = {"ActorMachine": "greenroom.machine", "schedules": "greenroom.policies.drawn"}


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
