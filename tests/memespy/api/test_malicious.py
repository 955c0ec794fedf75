"""Whatever is sent, in whichever part of a request: no crash, no word of what is inside, no forged line in the log."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import re
from contextlib import contextmanager
from functools import partial
from urllib.parse import quote

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.logs import JsonLines
from dspy_meme_gen.settings import Settings
from strategies import malicious
from strategies.classes import CLASSES, DOCUMENTS

INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|dspy_meme_gen|sqlalchemy|sqlite|psycopg|pydantic|starlette|Exception|\bat 0x|"
    r"(?:Value|Type|Key|Operational|Unicode\w*|Recursion|Assertion)Error|INSERT INTO|SELECT \w|password",
    re.IGNORECASE,
)
HOSTILE = (*malicious.MARKUP, *malicious.SQL, *malicious.TEMPLATES, *malicious.PATHS, *malicious.HEADERS, *malicious.PROMPTS)
THOROUGHLY = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


class Client:
    """Requests without an event loop of one's own."""

    def __init__(self, portal, app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._portal = portal
        self._client = httpx.AsyncClient(transport=transport, base_url="http://memespy.test")

    def get(self, path, **options):
        return self._portal.call(partial(self._client.get, path, **options))

    def post(self, path, **options):
        return self._portal.call(partial(self._client.post, path, **options))


@contextmanager
def service(folder):
    chosen = Settings(database_url=f"sqlite:///{folder / 'memes.db'}", user_burst=10**6, image_width=32, image_height=24, health_period_s=0)
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("memespy")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        with start_pipeline(chosen, configured_ports(chosen)) as pipeline, start_blocking_portal() as portal:
            yield Client(portal, create_app(pipeline, chosen))
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    for line in lines.getvalue().splitlines():
        entry = json.loads(line)
        assert entry["logger"].startswith("memespy"), "a line of ours"
        assert "traceback" not in entry


def unharmed(answer, *, brief=False):
    """An answer that shows nothing of the inside. `brief`: its deadline may have passed."""
    assert answer.status_code < 500 or (brief and answer.status_code == 504), (answer.status_code, answer.text)
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert not INSIDE.search(answer.text), answer.text
    assert "set-cookie" not in answer.headers
    return answer


def as_json(request):
    """A raw request as a body: what JSON has no word for is left as a text."""
    fields = {name: value for name, value in dataclasses.asdict(request).items() if name != "request_id"}
    return json.dumps(fields, default=repr).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("kind", CLASSES)
def test_no_field_of_a_body_does_harm(tmp_path, kind):
    with service(tmp_path) as client:

        @settings(THOROUGHLY, max_examples=15)
        @given(request=CLASSES[kind], later=st.booleans())
        def check(request, later):
            path = f"/api/v1/memes/{'async' if later else ''}"
            answer = unharmed(client.post(path, content=as_json(request), headers={"Content-Type": "application/json"}), brief=True)
            assert answer.status_code in {201, 202, 400, 413, 422, 504}

        check()


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_no_document_does_harm(tmp_path, kind):
    with service(tmp_path) as client:

        @settings(THOROUGHLY, max_examples=12)
        @given(document=DOCUMENTS[kind], path=st.sampled_from(("memes/", "memes/async", "analytics/search")))
        def check(document, path):
            answer = unharmed(
                client.post(f"/api/v1/{path}", content=document.encode("utf-8"), headers={"Content-Type": "application/json"})
            )
            assert answer.status_code in {400, 413, 422}

        check()


def test_no_path_and_no_query_does_harm(tmp_path):
    texts = st.one_of(st.sampled_from((*HOSTILE, *malicious.HOMOGLYPHS)), st.text(max_size=40), st.integers().map(str))
    with service(tmp_path) as client:

        @settings(THOROUGHLY, max_examples=150)
        @given(text=texts, whole=st.booleans())
        def check(text, whole):
            odd = quote(text.encode("utf-8", "surrogatepass"), safe="" if whole else "/")
            for path in (f"memes/{odd}", f"memes/{odd}/image", f"memes/status/{odd}", f"analytics/stats/{odd}", f"memes/?limit={odd}"):
                unharmed(client.get(f"/api/v1/{path}"))
            for path in (f"/problems/{odd}", f"/static/{odd}", f"/api/v1/memes/?start={odd}", f"/api/v1/analytics/trending?period={odd}"):
                unharmed(client.get(path))

        check()


def test_no_header_does_harm_and_none_comes_back(tmp_path):
    values = st.one_of(st.sampled_from(HOSTILE).map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=200))
    with service(tmp_path) as client:

        @settings(THOROUGHLY, max_examples=150)
        @given(
            value=values,
            name=st.sampled_from(("Idempotency-Key", "X-Request-Id", "If-None-Match", "Content-Length", "Content-Type", "Accept")),
        )
        def check(value, name):
            answer = unharmed(client.post("/api/v1/memes/", content=b'{"topic": "cats"}', headers=[*JSON, (name.encode(), value)]))
            assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answer.headers["x-request-id"])
            if answer.status_code == 201:
                unharmed(client.get(answer.json()["image"]["url"], headers=[(name.encode(), value)]))

        check()


JSON = [(b"Content-Type", b"application/json")]


def test_the_check_itself_finds_what_must_not_be_told():
    for text in ('{"detail": "sqlalchemy.exc.OperationalError"}', 'File "/srv/app.py", line 3', "ValueError: no", "<Meme at 0x7f>"):
        assert INSIDE.search(text)
