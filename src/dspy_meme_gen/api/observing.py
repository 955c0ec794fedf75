"""Health, readiness and metrics."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from dspy_meme_gen.address import InboxReport
from dspy_meme_gen.api.contract_counts import ContractCounts
from dspy_meme_gen.api.envelope import Draining
from dspy_meme_gen.api.schemas import CheckDocument, HealthReport, Liveness
from dspy_meme_gen.api.turns import Turns
from dspy_meme_gen.health import Check, Health
from dspy_meme_gen.measurements import BOUNDS_S, Histogram
from dspy_meme_gen.memory import resident_bytes
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.resilience.chaos import Chaos

__all__ = ["observing_routes"]

_METRICS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/plain": {"example": 'memespy_requests_total{outcome="completed"} 12.0\nmemespy_in_flight 1.0\n'}}}
}
_STATES = {"closed": 0, "half-open": 1, "open": 2}


def observing_routes(pipeline: Pipeline, turns: Turns, draining: Draining, watched: ContractCounts | None = None) -> APIRouter:
    """The routes, over one pipeline. None of them waits for anybody. `watched` is what is known of the contract, where it is watched."""
    routes = APIRouter()
    registry = CollectorRegistry()
    registry.register(_Collector(pipeline, turns, watched))

    @routes.get("/api/health", tags=["health"], responses=_reports("it is down"))
    async def health() -> Response:
        """How the service is, in all its parts. 200 while it makes memes, degraded or not; 503 when it makes none."""
        return _report(pipeline.health())

    @routes.get("/api/health/live", tags=["health"])
    async def live() -> Liveness:
        """Whether the process answers at all: if not, start it again."""
        return Liveness(status="ok")

    @routes.get("/api/health/ready", tags=["health"], responses=_reports("send it nothing now"))
    async def ready() -> Response:
        """Whether to send it requests: not while it stops, has given up, or is full."""
        health = pipeline.health()
        return _report(Health({**health.checks, "server": Check("down", "is about to end")}) if draining.begun else health)

    @routes.get("/metrics", tags=["health"], response_class=PlainTextResponse, responses=_METRICS)
    async def metrics() -> Response:
        """The numbers, for Prometheus."""
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def _reports(down: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": HealthReport}, 503: {"model": HealthReport, "description": down}}


def _report(health: Health) -> Response:
    checks = {name: CheckDocument(status=check.status, detail=check.detail) for name, check in health.checks.items()}
    report = HealthReport(status=health.status, checks=checks)
    return JSONResponse(report.model_dump(), 503 if health.status == "down" else 200, {"Cache-Control": "no-store"})


class _Collector:
    """Reads the pipeline's numbers when Prometheus asks."""

    def __init__(self, pipeline: Pipeline, turns: Turns, watched: ContractCounts | None) -> None:
        self._pipeline = pipeline
        self._turns = turns
        self._watched = watched

    def describe(self) -> Iterable[Any]:
        """Nothing beforehand: the numbers are read when they are wanted."""
        return ()

    def collect(self) -> Iterable[Any]:
        """Every number."""
        pipeline = self._pipeline
        numbers = pipeline.measurements()
        ended = CounterMetricFamily("memespy_requests", "Requests that ended, by how.", labels=["outcome"])
        for outcome, count in sorted(numbers.ended.items()):
            ended.add_metric([outcome], count)
        refused = CounterMetricFamily("memespy_refused", "Requests that were not taken, by why.", labels=["reason"])
        for reason, count in sorted(pipeline.refused().items()):
            refused.add_metric([reason], count)
        stages = HistogramMetricFamily("memespy_stage_seconds", "How long stages took.", labels=["stage"])
        for stage, histogram in sorted(numbers.stages.items()):
            stages.add_metric([stage], _buckets(histogram), histogram.total_s)
        latency = HistogramMetricFamily("memespy_request_seconds", "How long requests took, from their turn to their end.")
        latency.add_metric([], _buckets(numbers.latency), numbers.latency.total_s)
        breakers = GaugeMetricFamily("memespy_breaker", "0 closed, 1 half-open, 2 open.", labels=["work"])
        for name, state in sorted(pipeline.breakers().items()):
            breakers.add_metric([name], _STATES[state])
        yield from (ended, refused, stages, latency, breakers, *_inboxes(pipeline.inboxes()))
        if self._watched is not None:
            yield from _contract(self._watched)
        if (chaos := pipeline.chaos()) is not None:
            yield from _chaos(chaos)
        for name, what, value in (
            ("in_flight", "Requests without an outcome yet.", len(pipeline.in_flight())),
            ("outbox", "Memes that wait for the store.", pipeline.deferred_count()),
            ("pressure", "0 none to 4 full.", int(pipeline.pressure())),
            ("http_in_line", "HTTP requests that wait for their turn.", len(self._turns)),
            ("resident_bytes", "Memory of the process.", resident_bytes()),
        ):
            yield GaugeMetricFamily(f"memespy_{name}", what, value=value)


def _inboxes(reports: Mapping[str, InboxReport]) -> Iterable[Any]:
    waiting = GaugeMetricFamily("memespy_inbox", "Messages that wait for an actor.", labels=["actor"])
    crowded = GaugeMetricFamily("memespy_inbox_crowded", "1 from 80 % of the limit on, until under 20 %.", labels=["actor"])
    refused = CounterMetricFamily("memespy_inbox_refused", "Messages that found the inbox of an actor full.", labels=["actor"])
    for name, report in reports.items():
        waiting.add_metric([name], report.waiting)
        crowded.add_metric([name], report.crowded)
        refused.add_metric([name], report.refused)
    return waiting, crowded, refused


def _contract(counts: ContractCounts) -> Iterable[Any]:
    broken = CounterMetricFamily(
        "memespy_contract_breaks", "Answers that were not as published, by what was not.", labels=["method", "route", "kind"]
    )
    for labels, count in sorted(counts.broken.items()):
        broken.add_metric(labels, count)
    yield broken
    yield CounterMetricFamily("memespy_contract_checked", "Answers that were held against the contract.", value=counts.checked)
    yield CounterMetricFamily("memespy_contract_unread", "Of these, answers whose body was not read: too large.", value=counts.unread)


def _chaos(chaos: Chaos) -> Iterable[Any]:
    share = 0.0 if chaos.is_off() else chaos.policy.share
    yield GaugeMetricFamily("memespy_chaos_share", "Which share of calls is spoiled on purpose, 0 while switched off.", value=share)
    spoiled = CounterMetricFamily("memespy_chaos_spoiled", "Calls of ports that were spoiled on purpose.", labels=["port", "kind"])
    for labels, count in sorted(chaos.spoiled().items()):
        spoiled.add_metric(labels, count)
    yield spoiled


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    counts, total = [], 0
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), histogram.buckets, strict=True):
        total += count
        counts.append((bound, float(total)))
    return counts
