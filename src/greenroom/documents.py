"""Reports as JSON documents: what ``--json`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.confirm import Confirmation
    from greenroom.execution import Execution
    from greenroom.exhaust import Exhaustion
    from greenroom.explore import Report
    from greenroom.failure import Failure


def report_document(report: Report) -> dict[str, Any]:
    """An exploration."""
    return {
        "scenario": report.scenario,
        "executions": report.executions,
        "distinct": report.distinct,
        "steps": report.steps,
        "elapsed_s": round(report.elapsed_s, 3),
        "cpu_s": round(report.cpu_s, 3),
        "policy": report.policy,
        "seed": report.seed,
        "executions_to_failure": report.executions_to_failure,
        "covered": report.covered,
        "undecided": report.undecided,
        "failure": failure_document(report.failure),
    }


def exhaustion_document(report: Exhaustion) -> dict[str, Any]:
    """An exhaustive search."""
    return {
        "scenario": report.scenario,
        "exhausted": report.exhausted,
        "why_not": report.why_not,
        "undecided": report.undecided,
        "executions": report.executions,
        "redundant": report.redundant,
        "waiting": report.waiting,
        "estimate": report.estimate,
        "steps": report.steps,
        "elapsed_s": round(report.elapsed_s, 3),
        "cpu_s": round(report.cpu_s, 3),
        "failure": failure_document(report.failure),
    }


def execution_document(execution: Execution) -> dict[str, Any]:
    """One execution, with every event."""
    return {
        "schedule": str(execution.schedule),
        "steps": execution.steps,
        "decisions": execution.decisions,
        "virtual_s": execution.virtual_s,
        "failure": failure_document(execution.failure),
        "undecided": [f"{judgement.claim}: {judgement.reason}" for judgement in execution.undecided],
        "events": [event._asdict() for event in execution.history],
    }


def confirmation_document(confirmation: Confirmation) -> dict[str, Any]:
    """What real threads did."""
    return {
        "scenario": confirmation.scenario,
        "schedule": str(confirmation.schedule),
        "confirmed": confirmation.confirmed,
        "said": confirmation.said,
        "forced": confirmation.forced,
        "operations": confirmation.operations,
        "threads": confirmation.threads,
        "failure": failure_document(confirmation.failure),
    }


def failure_document(failure: Failure | None) -> dict[str, Any] | None:
    """A failure, or null."""
    if failure is None:
        return None
    return {
        "error": type(failure.error).__name__,
        "message": str(failure.error),
        "schedule": str(failure.schedule),
        "replay": failure.replay_line,
    }
