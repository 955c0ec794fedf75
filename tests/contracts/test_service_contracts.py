"""The service keeps its published contract: in thousands of generated requests, and from one release to the next."""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter

import httpx
import pytest
import schemathesis
from hypothesis import core
from hypothesis.vendor import pretty
from schemathesis import engine
from schemathesis.engine import events

from tests.contracts.compatibility import breaks

CHECKS = {
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "unsupported_method",
}
SLOW_S = 1.0
"""A deadline shorter than this may pass on a busy machine."""


@pytest.fixture(autouse=True)
def _hypothesis_prints_again():
    """Schemathesis replaces Hypothesis's printer by one that prints nothing, for the whole process: the other tests want it back."""
    yield
    core.RepresentationPrinter = pretty.RepresentationPrinter


core.RepresentationPrinter = pretty.RepresentationPrinter


class Findings:
    """What schemathesis sent, and what it did not like."""

    def __init__(self, app, max_examples, seed):
        configuration = {
            "seed": seed,
            "generation": {"max-examples": max_examples, "deterministic": True},
            # Documented, and checked below: 503 and 504 are told apart from crashes.
            "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503", "504"]}},
        }
        self.statuses = Counter()
        self.checks = Counter()
        self.failures = []
        self.phases = Counter()
        schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=schemathesis.Config.from_dict(configuration))
        for event in engine.from_schema(schema).execute():
            if isinstance(event, events.NonFatalError | events.FatalError):
                self.failures.append(str(event))
            elif isinstance(event, events.ScenarioFinished):
                self._read(event)

    def _read(self, event):
        recorder = event.recorder
        for identifier, exchange in recorder.interactions.items():
            self.phases[event.phase.value] += 1
            case, response = recorder.cases[identifier].value, exchange.response
            self.statuses[response.status_code] += 1
            if response.status_code >= 500 and not (response.status_code == 504 and case.body["deadline_s"] < SLOW_S):
                self.failures.append(f"{case.method} {case.formatted_path} {case.body!r}: {response.status_code} {response.content!r}")
            for check in recorder.checks.get(identifier, ()):
                self.checks[check.name] += 1
                if check.failure_info is not None:
                    sent = f"{case.method} {case.formatted_path} {case.query} {case.headers} {case.body!r}"
                    self.failures.append(
                        f"{check.name}: {check.failure_info.failure} for {sent}: {response.status_code} {response.content!r}"
                    )


@pytest.mark.parametrize(
    ("max_examples", "least", "seed"),
    [pytest.param(8, 300, 1, id="short"), pytest.param(95, 2_000, 2, id="long", marks=[pytest.mark.slow])],
)
def test_no_generated_request_breaks_the_contract(app, max_examples, least, seed):
    found = Findings(app, max_examples, seed)
    assert found.failures == []
    assert found.statuses.total() >= least
    assert set(found.checks) >= CHECKS, "each of these had something to look at"
    assert {"coverage", "fuzzing", "stateful"} <= set(found.phases)
    assert {200, 201, 202, 400, 404, 405, 422} <= set(found.statuses), "good, bad and unknown were all sent"
    watched = asyncio.run(watched_by_the_service(app))
    assert watched["memespy_contract_checked_total"] >= least / 2
    assert [name for name in watched if "breaks" in name] == [], "the service's own watch sees what schemathesis sees"


async def watched_by_the_service(app):
    """What the service says of its own contract."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://memespy.test") as client:
        lines = (await client.get("/metrics")).text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line.startswith("memespy_contract"))}


def test_schemathesis_finds_a_broken_contract_where_there_is_one(app):
    async def broken(scope, receive, send):
        async def tampered(message):
            if message["type"] == "http.response.start" and scope["path"] == "/api/health/live":
                message = {**message, "status": 418}
            await send(message)

        await app(scope, receive, tampered)

    found = Findings(broken, 1, 1)
    assert any("status_code_conformance" in failure and "/api/health/live" in failure for failure in found.failures)


async def test_the_published_contract_is_the_one_that_is_served(app, published):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://memespy.test") as client:
        served = (await client.get("/openapi.json")).json()
    assert breaks(published, served) == [], "give consumers what they rely on, or publish a new version of the API"
    assert strip(served) == strip(published), "write what is served into openapi.json: python -m tests.contracts.publish"


def strip(document):
    """Without the version, which is the program's."""
    return {name: value for name, value in document.items() if name != "info"}


def wish(document):
    return document["components"]["schemas"]["MemeWish"]


BREAKING = {
    "a path is gone": lambda d: d["paths"].pop("/api/v1/memes/async"),
    "a field of an answer is gone": lambda d: d["components"]["schemas"]["MemeDocument"]["properties"].pop("text"),
    "a field of an answer may be missing": lambda d: d["components"]["schemas"]["MemeDocument"]["required"].remove("id"),
    "a field deep in a list is another type": lambda d: d["components"]["schemas"]["Verdict"]["properties"]["passed"].update(type="string"),
    "a request needs more": lambda d: wish(d)["required"].append("style"),
    "a request takes less": lambda d: wish(d)["properties"]["topic"].update(maxLength=50),
    "a value is gone": lambda d: wish(d)["properties"]["format"]["enum"].remove("drake"),
    "a success is another": lambda d: d["paths"]["/api/v1/memes/"]["post"]["responses"].pop("201"),
    "a parameter is gone": lambda d: d["paths"]["/api/v1/memes/"]["get"]["parameters"].pop(),
    "a picture is no longer a PNG": lambda d: d["paths"]["/api/v1/memes/{meme_id}/image"]["get"]["responses"]["200"]["content"].clear(),
}
HARMLESS = {
    "another path": lambda d: d["paths"].update({"/api/v2/memes/": {"get": {"responses": {"200": {}}}}}),
    "another field of an answer": lambda d: d["components"]["schemas"]["MemeDocument"]["properties"].update(likes={"type": "integer"}),
    "another field that need not be sent": lambda d: wish(d)["properties"].update(language={"type": "string"}),
    "a request takes more": lambda d: wish(d)["properties"]["topic"].update(maxLength=200),
    "another value": lambda d: wish(d)["properties"]["priority"]["enum"].append("urgent"),
    "another description": lambda d: d["paths"]["/api/v1/memes/"]["post"].update(description="Make one."),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_breaks_consumers_is_found(published, change):
    changed = copy.deepcopy(published)
    BREAKING[change](changed)
    assert len(breaks(published, changed)) >= 1


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_breaks_nobody_is_let_through(published, change):
    changed = copy.deepcopy(published)
    HARMLESS[change](changed)
    assert breaks(published, changed) == []


CONSUMERS = {
    # By consumer: what it sends, and what it reads of the answer. The values are examples; their types are what counts.
    "the page": [
        ("POST", "/api/v1/memes/async", {"topic": "monday", "format": "drake"}, 202, {"request_id": "r", "status_url": "/api"}),
    ],
    "a script that waits": [
        (
            "POST",
            "/api/v1/memes/",
            {"topic": "monday"},
            201,
            {
                "id": "m-",
                "topic": "monday",
                "text": {"top": "", "bottom": ""},
                "image": {"url": "/api", "sha256": "", "size_bytes": 1, "width": 1, "height": 1},
                "score": {"total": 0.5},
                "degraded": [],
                "refinement_count": 0,
            },
        ),
        ("POST", "/api/v1/memes/", {"topic": ""}, 422, {"type": "/problems/invalid", "title": "", "status": 422, "errors": []}),
    ],
    "a load balancer": [("GET", "/api/health/ready", None, 200, {"status": "ok"})],
    "a dashboard": [("GET", "/api/v1/analytics/stats/day", None, 200, {"memes": 1, "by_format": {}, "degraded": 0, "complete": True})],
}


@pytest.mark.parametrize("consumer", CONSUMERS)
async def test_every_consumer_gets_what_it_reads(app, consumer):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://memespy.test") as client:
        for method, path, body, status, reads in CONSUMERS[consumer]:
            answer = await client.request(method, path, json=body) if body is not None else await client.request(method, path)
            assert answer.status_code == status
            assert lacking(reads, answer.json()) == []


def lacking(reads, document, where="answer"):
    """What is read and is not there, or is of another type."""
    if type(reads) is not type(document) and not {type(reads), type(document)} <= {int, float}:
        return [f"{where} is {json.dumps(document)}"]
    if not isinstance(reads, dict):
        return []
    return [
        problem
        for name, value in reads.items()
        for problem in (lacking(value, document[name], f"{where}.{name}") if name in document else [f"{where} has no {name}"])
    ]


def test_what_a_consumer_lacks_is_found():
    assert lacking({"a": 1, "b": {"c": ""}}, {"a": 2.5, "b": {}}) == ["answer.b has no c"]
    assert lacking({"a": 1}, {"a": "1"}) == ['answer.a is "1"']
