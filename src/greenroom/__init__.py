"""greenroom checks Pykka programs: every choice of the scheduler is ours, so every failure can be seen again."""

from __future__ import annotations

from greenroom.choices import checkpoint, choose
from greenroom.errors import (
    ActorDied,
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
from greenroom.explore import Execution, Report, explore, replay, run
from greenroom.failure import Failure
from greenroom.history import Event, History
from greenroom.policy import Policy
from greenroom.schedule import Schedule
from greenroom.stage import Stage

__all__ = [
    "ActorDied",
    "Deadlock",
    "Event",
    "Execution",
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
    "explore",
    "replay",
    "run",
]
