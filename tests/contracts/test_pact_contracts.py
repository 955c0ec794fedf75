"""Consumer-driven contracts: what the page and a script rely on is written down by running them, and the service is held against that.

A consumer's test runs the consumer against a stand-in that answers as agreed, and compares what that recorded with the committed pact; the
provider's test replays the committed pacts against the real service on a loopback port. ``python -m tests.contracts.test_pact_contracts``
writes the pacts anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import httpx
import pytest
import uvicorn
from pact import Pact, Verifier, match
from starlette.requests import Request
from starlette.responses import JSONResponse

from dspy_meme_gen.api.serving import listen

HERE = Path(__file__).parent
PACTS = HERE / "pacts"
PROVIDER = "memespy"
JSON, PROBLEM = "application/json", "application/problem+json"
NODE = shutil.which("node")
FORMATS = "classic|drake|two-buttons|distracted|expanding-brain"
TOPIC, UNFIT = "monday meetings", "how to murder a printer"
MEME_ID = "m-206a67a21749fb18"  # which meme a payload is, follows from the payload
MADE, MADE_LATER, REFUSED = "a meme about monday meetings was made", "a request for one was carried out", "a request was refused as unfit"
KEY_USED = "the script has used the key k1"


@pytest.fixture(autouse=True)
def _nobody_counts(monkeypatch):
    monkeypatch.setenv("PACT_DO_NOT_TRACK", "true")


def request_id(key):
    """Which request an idempotency key is, follows from the key and the user."""
    return hashlib.sha256(f"anonymous {key}".encode()).hexdigest()


def texts(example):
    """A list of texts, which may be empty."""
    return match.type([example], min=0)


def picture():
    """What every consumer reads of a picture."""
    url = match.regex(f"/api/v1/memes/{MEME_ID}/image", regex=r"^/api/v1/memes/m-[0-9a-f]{16}/image$")
    return {"url": url, "width": match.int(800), "height": match.int(600)}


def problem(title, **members):
    """What every consumer reads of a problem."""
    return {"title": match.str(title), **members}


# The page: its own script, run by node


def status(stage, reached, **members):
    return {"stage": stage, "stages": match.each_like(reached, min=1), "done": True, "reasons": [], "meme": None} | members


def page_expects():
    """What the page sends, and what it reads of the answers."""
    pact = Pact("page", PROVIDER)
    meme = {
        "text": {"top": match.str("I"), "bottom": match.str("3 am")},
        "image": picture(),
        "format": match.regex("classic", regex=FORMATS),
        "score": {"total": match.number(0.93)},
        "degraded": texts("image_placeholder"),
    }
    reason = {"field": match.str("topic"), "reason": match.str("no")}
    latest = {"memes": match.each_like({"topic": match.str(TOPIC), "image": picture()})}
    (
        pact.upon_receiving("the latest memes")
        .given(MADE)
        .with_request("GET", "/api/v1/memes/")
        .with_query_parameter("limit", "12")
        .will_respond_with(200)
        .with_body(latest, JSON)
    )
    for what, topic, key in (("a meme", TOPIC, "later"), ("a meme that is unfit", UNFIT, "unfit")):
        url = match.regex(f"/api/v1/memes/status/{request_id(key)}", regex=r"^/api/v1/memes/status/[0-9a-f]{32,64}$")
        (
            pact.upon_receiving(f"the wish for {what}")
            .with_request("POST", "/api/v1/memes/async")
            .with_body({"topic": topic, "format": "classic"}, JSON)
            .will_respond_with(202)
            .with_body({"status_url": url}, JSON)
        )
    for what, state, key, body in (
        ("is made", MADE_LATER, "later", status("completed", "routing", meme=meme)),
        ("is refused", REFUSED, "unfit", status("rejected", "routing", reasons=match.each_like("the text contains violence", min=1))),
    ):
        (
            pact.upon_receiving(f"the status of a wish that {what}")
            .given(state)
            .with_request("GET", f"/api/v1/memes/status/{request_id(key)}")
            .will_respond_with(200)
            .with_body(body, JSON)
        )
    (
        pact.upon_receiving("a wish without a topic")
        .with_request("POST", "/api/v1/memes/async")
        .with_body({"topic": " ", "format": "classic"}, JSON)
        .will_respond_with(422)
        .with_body(problem("The request breaks a rule", errors=match.each_like(reason)), PROBLEM)
    )
    (
        pact.upon_receiving("a picture")
        .given(MADE)
        .with_request("GET", f"/api/v1/memes/{MEME_ID}/image")
        .will_respond_with(200)
        .with_header("Content-Type", "image/png")
    )
    return pact


def page_runs(url):
    """The page for each wish: what it shows. The picture is fetched as a browser would."""
    script = resources.files("dspy_meme_gen.api") / "static" / "page.js"
    shown = []
    for topic in (TOPIC, UNFIT, " "):
        command = [NODE, str(HERE / "page_in_node.mjs"), str(script), url, topic, "classic"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        shown.append(json.loads(done.stdout))
    httpx.get(url + shown[0]["picture"]).raise_for_status()
    return shown


# A script: makes memes, waits for them, and reads what went wrong


def script_expects():
    """What a script sends, and what it reads of the answers."""
    pact = Pact("script", PROVIDER)
    document = {
        "id": match.regex(MEME_ID, regex=r"^m-[0-9a-f]{16}$"),
        "topic": match.str(TOPIC),
        "image": picture(),
        "degraded": texts("x"),
    }
    make = {"topic": TOPIC, "user_id": "script"}
    (
        pact.upon_receiving("a wish that is waited for")
        .with_request("POST", "/api/v1/memes/")
        .with_body(make, JSON)
        .will_respond_with(201)
        .with_header("Location", match.regex(f"/api/v1/memes/{MEME_ID}", regex=r"^/api/v1/memes/m-[0-9a-f]{16}$"))
        .with_body(document, JSON)
    )
    (
        pact.upon_receiving("a key that was used for another wish")
        .given(KEY_USED)
        .with_request("POST", "/api/v1/memes/")
        .with_header("Idempotency-Key", "k1")
        .with_body(make | {"topic": "something else"}, JSON)
        .will_respond_with(409)
        .with_body(problem("The idempotency key was used for another request", type="/problems/conflict", status=409), PROBLEM)
    )
    (
        pact.upon_receiving("a meme that is not there")
        .with_request("GET", "/api/v1/memes/m-0000000000000000")
        .will_respond_with(404)
        .with_body(problem("There is no such thing here", type="/problems/not-found", status=404), PROBLEM)
    )
    (
        pact.upon_receiving("whether the service is ready")
        .with_request("GET", "/api/health/ready")
        .will_respond_with(200)
        .with_body({"status": match.regex("ok", regex="^(ok|degraded)$")}, JSON)
    )
    return pact


def script_runs(url):
    """What the script understood."""
    with httpx.Client(base_url=url) as client:
        ready = client.get("/api/health/ready").json()["status"]
        made = client.post("/api/v1/memes/", json={"topic": TOPIC, "user_id": "script"})
        conflict = client.post("/api/v1/memes/", json={"topic": "something else", "user_id": "script"}, headers={"Idempotency-Key": "k1"})
        missing = client.get("/api/v1/memes/m-0000000000000000")
        return ready, made.headers["Location"], made.json()["id"], conflict.json()["type"], missing.json()["type"]


CONSUMERS = {"page": (page_expects, page_runs), "script": (script_expects, script_runs)}


def recorded(consumer, folder):
    """What the consumer says of the stand-in's answers; the pact is in the folder."""
    expects, runs = CONSUMERS[consumer]
    pact = expects().with_specification("V4")
    with pact.serve() as stand_in:
        said = runs(str(stand_in.url).rstrip("/"))
    pact.write_file(folder)
    return said


def agreed(path):
    """A pact without what depends on the release of Pact that wrote it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document.pop("metadata")
    return document


def file_of(consumer):
    return f"{consumer}-{PROVIDER}.json"


@pytest.mark.skipif(NODE is None, reason="no node on PATH: the page's own script is run by it (apt install nodejs)")
def test_the_page_understands_what_was_agreed_and_its_pact_is_the_published_one(tmp_path):
    made, unfit, without_topic = recorded("page", tmp_path)
    image = f"/api/v1/memes/{MEME_ID}/image"
    assert (made["picture"], made["alt"], made["trouble"]) == (image, "Meme: I / 3 am", None)
    assert made["caption"] == "classic, score 0.93, without: image placeholder"
    assert made["gallery"] == [image]
    assert unfit["trouble"] == "No text for this topic is fit to publish: the text contains violence"
    assert without_topic["trouble"] == "The request breaks a rule: topic no"
    assert agreed(tmp_path / file_of("page")) == agreed(PACTS / file_of("page")), "python -m tests.contracts.test_pact_contracts"


def test_a_script_understands_what_was_agreed_and_its_pact_is_the_published_one(tmp_path):
    said = recorded("script", tmp_path)
    assert said == ("ok", f"/api/v1/memes/{MEME_ID}", MEME_ID, "/problems/conflict", "/problems/not-found")
    assert agreed(tmp_path / file_of("script")) == agreed(PACTS / file_of("script")), "python -m tests.contracts.test_pact_contracts"


# The provider


async def make(client, topic=TOPIC, key=None, **fields):
    headers = {} if key is None else {"Idempotency-Key": key}
    await client.post("/api/v1/memes/", json={"topic": topic, **fields}, headers=headers)


STATES = {
    # How each state that a pact speaks of comes about: through the service itself.
    MADE: make,
    MADE_LATER: lambda client: make(client, key="later"),
    REFUSED: lambda client: make(client, UNFIT, key="unfit"),
    KEY_USED: lambda client: make(client, key="k1", user_id="script"),
}


def with_states(app):
    """The application, and beside it a path by which Pact brings a state about."""

    async def handler(scope, receive, send):
        if scope["path"] != "/_states":
            await app(scope, receive, send)
            return
        wanted = await Request(scope, receive).json()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://memespy.test") as client:
            if wanted["state"]:  # "" is Pact's own, for an interaction that needs none
                await STATES[wanted["state"]](client)
        await JSONResponse({})(scope, receive, send)

    return handler


@contextmanager
def on_loopback(app):
    """The application on a port of its own; its URL."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def verify(app, *pacts):
    """Replay pacts against the application; an AssertionError shows where it does not keep them."""
    with on_loopback(with_states(app)) as url:
        # Not a handler in Python: Pact 4.2 never closes the socket of the server that it makes for one.
        verifier = Verifier(PROVIDER, host="127.0.0.1").add_transport(url=url).state_handler(f"{url}/_states", body=True)
        verifier.set_coloured_output(enabled=False).set_error_on_empty_pact(enabled=True).set_request_timeout(60_000)
        for path in pacts:
            verifier.add_source(path)
        try:
            verifier.verify()
        except RuntimeError as error:
            raise AssertionError(verifier.output(strip_ansi=True)) from error


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_the_service_keeps_what_was_agreed(app, consumer):
    verify(app, PACTS / file_of(consumer))


BROKEN = {
    # By what breaks: the consumer that notices, what is done to each answer's body, and how it is told.
    "a field that the page reads is gone": ("page", b'"status_url"', b'"url"', "missing the following keys: status_url"),
    "a number is a text": ("page", b'"total":', b'"total":"","other":', "to be a number"),
    "a type of problem is renamed": ("script", b"/problems/conflict", b"/problems/clash", "/problems/clash"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_service_that_does_not_keep_it_is_found_out(app, what):
    consumer, before, after, complaint = BROKEN[what]

    async def tampered(scope, receive, send):
        async def change(message):
            if message["type"] == "http.response.start":
                kept = [(name, value) for name, value in message["headers"] if name != b"content-length"]
                message = {**message, "headers": [*kept, (b"connection", b"close")]}
            elif message["type"] == "http.response.body":
                message = {**message, "body": message["body"].replace(before, after)}
            await send(message)

        await app(scope, receive, change)

    with pytest.raises(AssertionError, match=complaint):
        verify(tampered, PACTS / file_of(consumer))


def main() -> None:
    """Write the pacts of all consumers into the folder pacts. Read the difference before committing it."""
    PACTS.mkdir(exist_ok=True)
    for consumer in CONSUMERS:
        with tempfile.TemporaryDirectory() as folder:
            recorded(consumer, folder)
            document = json.loads((Path(folder) / file_of(consumer)).read_text(encoding="utf-8"))
        (PACTS / file_of(consumer)).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
