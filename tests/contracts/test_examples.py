"""Every field, parameter and body of the published contract has an example that fits, and what the examples say is true."""

from __future__ import annotations

import copy

import anyio
import httpx
import pytest

from tests.contracts.examples import field_troubles, whole_troubles


async def test_every_field_has_an_example_and_every_body_a_whole_one(app):
    document = app.openapi()
    assert field_troubles(document) == []
    assert whole_troubles(document) == []


def schemas(document):
    return document["components"]["schemas"]


def answer(document, path, method, status):
    return document["paths"][path][method]["responses"][status]


FIELDS = {
    "a field without": lambda d: schemas(d)["Marks"]["properties"]["humor"].pop("examples"),
    "a field whose example is of another type": lambda d: schemas(d)["Marks"]["properties"]["humor"].update(examples=["much"]),
    "a reference whose example lacks a field": lambda d: schemas(d)["Captions"]["examples"][0].pop("top"),
    "a second example that does not fit": lambda d: schemas(d)["MemeList"]["properties"]["next"]["examples"].append("more"),
    "a parameter without": lambda d: d["paths"]["/api/v1/memes/"]["get"]["parameters"][0]["schema"].pop("examples"),
    "a parameter out of range": lambda d: d["paths"]["/api/v1/memes/"]["get"]["parameters"][0]["schema"].update(examples=[101]),
    "a header without": lambda d: answer(d, "/api/v1/memes/", "post", "201")["headers"]["Location"]["schema"].pop("examples"),
    "a problem's field without": lambda d: answer(d, "/api/v1/memes/", "post", "409")["content"]["application/problem+json"]["schema"][
        "properties"
    ]["title"].pop("examples"),
}
WHOLES = {
    "a request without": lambda d: schemas(d)["MemeWish"].pop("examples"),
    "a request that would be refused": lambda d: schemas(d)["MemeWish"]["examples"][0].update(topic=""),
    "an answer without": lambda d: schemas(d)["Trends"].pop("examples"),
    "an answer that lacks a field": lambda d: schemas(d)["Accepted"]["examples"][0].pop("status_url"),
    "a text without": lambda d: answer(d, "/metrics", "get", "200")["content"]["text/plain"].pop("example"),
    "a problem that is none": lambda d: answer(d, "/api/v1/memes/", "post", "409")["content"]["application/problem+json"].update(
        example={"type": 409}
    ),
}


@pytest.mark.parametrize(
    ("troubles", "change"),
    [
        *(pytest.param(field_troubles, change, id=name) for name, change in FIELDS.items()),
        *(pytest.param(whole_troubles, change, id=name) for name, change in WHOLES.items()),
    ],
)
def test_an_example_that_is_missing_or_wrong_is_found(published, troubles, change):
    # No two places of the copy are one object, as they would be after a deepcopy of what FastAPI makes.
    changed = copy.deepcopy(published)
    change(changed)
    assert troubles(published) == []
    assert len(troubles(changed)) >= 1


def without_size(meme):
    """What does not depend on how large this service's pictures are."""
    image = {name: value for name, value in meme["image"].items() if name == "url"}
    return {**meme, "image": image}


async def test_the_examples_are_what_the_service_answers(app):
    examples = {name: schema["examples"][0] for name, schema in schemas(app.openapi()).items()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://memespy.test") as client:
        made = await client.post("/api/v1/memes/", json=examples["MemeWish"])
        later = await client.post("/api/v1/memes/async", json=examples["MemeWish"], headers={"Idempotency-Key": "k1"})
        while not (told := (await client.get(examples["Accepted"]["status_url"])).json())["done"]:
            await anyio.sleep(0.01)
        live, kind = await client.get("/api/health/live"), await client.get("/problems/invalid")
        missing = await client.get("/api/v1/memes/m-0000000000000000")
        found = await client.post("/api/v1/analytics/search", json=examples["SearchWish"])
    assert without_size(made.json()) == without_size(examples["MemeDocument"])
    assert later.json() == examples["Accepted"]
    assert (told["stage"], without_size(told["meme"])) == ("completed", without_size(examples["StatusDocument"]["meme"]))
    assert (live.json(), kind.json()) == (examples["Liveness"], examples["ProblemKind"])
    documented = answer(app.openapi(), "/api/v1/memes/{meme_id}", "get", "404")["content"]["application/problem+json"]["example"]
    assert {name: missing.json()[name] for name in documented} == documented
    assert examples["MemeDocument"]["id"] in {meme["id"] for meme in found.json()["memes"]}
