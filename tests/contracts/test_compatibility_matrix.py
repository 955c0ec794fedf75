"""The matrix says which consumers each version serves: it lets what works through, and finds what is planted."""

from __future__ import annotations

import copy
import json

import pytest

from machines import contract
from tests.contracts.compatibility import breaks
from tests.contracts.consumers import unmet
from tests.contracts.matrix import PACTS, PUBLISHED, as_table, broken, main, matrix


@pytest.fixture(scope="module")
def pacts():
    return {path.stem.partition("-")[0]: json.loads(path.read_text(encoding="utf-8")) for path in sorted(PACTS.glob("*.json"))}


def version(document, name):
    changed = copy.deepcopy(document)
    changed["info"]["version"] = name
    return changed


def operation(document, path, method):
    return document["paths"][path][method]


def test_the_service_serves_every_consumer_that_it_must(capsys):
    assert main([]) == 0
    table = capsys.readouterr().out
    assert "BREAKS" not in table
    assert table.count("ok") >= 3


def test_the_published_file_of_the_current_version_is_the_published_contract(published):
    path = PUBLISHED / f"{published['info']['version']}.json"
    assert json.loads(path.read_text(encoding="utf-8")) == published, "python -m tests.contracts.publish"
    for path in PUBLISHED.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["info"]["version"] == path.stem


UNSERVED = {
    # By what is done to the document: whom it breaks, and how that is told.
    "a path is gone": (lambda d: d["paths"].pop("/api/v1/memes/async"), "page", "POST /api/v1/memes/async is not there"),
    "a method is gone": (lambda d: d["paths"]["/api/v1/memes/"].pop("post"), "script", "POST /api/v1/memes/ is not there"),
    "a field that is read is gone": (
        lambda d: d["components"]["schemas"]["Accepted"]["properties"].pop("status_url"),
        "page",
        "POST /api/v1/memes/async 202 has no status_url",
    ),
    "a field that is read may be missing": (
        lambda d: d["components"]["schemas"]["Picture"]["required"].remove("url"),
        "script",
        "POST /api/v1/memes/ 201 image may come without url",
    ),
    "a field that is read is another type": (
        lambda d: d["components"]["schemas"]["Marks"]["properties"]["total"].update(type="string"),
        "page",
        "score total is no float, it is string",
    ),
    "a value is gone": (
        lambda d: d["components"]["schemas"]["MemeDocument"]["properties"]["format"]["enum"].remove("classic"),
        "page",
        "format is never 'classic'",
    ),
    "a request needs more": (
        lambda d: d["components"]["schemas"]["MemeWish"]["required"].append("style"),
        "script",
        "POST /api/v1/memes/ does not take the body: 'style' is a required property",
    ),
    "a request knows less": (
        lambda d: d["components"]["schemas"]["MemeWish"]["properties"].pop("user_id"),
        "script",
        "POST /api/v1/memes/ does not take the body",
    ),
    "a parameter is gone": (
        lambda d: operation(d, "/api/v1/memes/", "get")["parameters"].clear(),
        "page",
        "GET /api/v1/memes/ does not know limit",
    ),
    "a parameter is needed": (
        lambda d: operation(d, "/api/v1/memes/", "post")["parameters"][0].update(required=True),
        "script",
        "POST /api/v1/memes/ needs idempotency-key",
    ),
    "a header is no longer promised": (
        lambda d: operation(d, "/api/v1/memes/", "post")["responses"]["201"]["headers"].clear(),
        "script",
        "POST /api/v1/memes/ 201 does not promise location",
    ),
    "an answer is gone": (
        lambda d: operation(d, "/api/v1/memes/", "post")["responses"].pop("409"),
        "script",
        "POST /api/v1/memes/ does not answer 409",
    ),
    "a picture is another type": (
        lambda d: operation(d, "/api/v1/memes/{meme_id}/image", "get")["responses"]["200"]["content"].clear(),
        "page",
        "GET /api/v1/memes/{meme_id}/image 200 is not image/png",
    ),
}


@pytest.mark.parametrize("what", UNSERVED)
def test_what_a_consumer_needs_and_a_document_lacks_is_found(published, pacts, what):
    change, consumer, told = UNSERVED[what]
    changed = copy.deepcopy(published)
    change(changed)
    assert unmet(pacts[consumer], published) == []
    assert any(told in problem for problem in unmet(pacts[consumer], changed))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["paths"]["/api/v1/memes/"]["post"].pop("requestBody"), "POST /api/v1/memes/ no longer takes a body"),
        (lambda d: d["paths"]["/metrics"]["get"].update(requestBody={"required": True}), "GET /metrics now needs a body"),
        (
            lambda d: d["paths"]["/api/v1/memes/"]["post"]["responses"]["201"].pop("headers"),
            "POST /api/v1/memes/ 201 may come without Location",
        ),
        (lambda d: d["components"]["schemas"]["Marks"]["properties"]["total"].pop("type"), "score total may now be anything"),
    ],
)
def test_a_break_between_two_versions_is_found(published, change, told):
    changed = copy.deepcopy(published)
    change(changed)
    assert any(problem.endswith(told) for problem in breaks(published, changed))


def test_a_document_that_promises_more_than_before_breaks_nobody(published):
    vague = copy.deepcopy(published)
    vague["paths"]["/api/health"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {}
    assert breaks(vague, published) == []
    assert any("may now be anything" in problem for problem in breaks(published, vague))


def test_clients_of_a_version_are_asked_of_it_and_of_later_ones_and_count_within_the_same_first_number(published, pacts):
    first, second = version(published, "1.0.0"), version(published, "1.10.0")
    served = version(published, "2.0.0")
    served["paths"].pop("/api/v1/analytics/trending")
    cells = {(cell.consumer, cell.provider): cell for cell in matrix([first, second], list(pacts.values()), served)}
    assert ("clients of 1.10.0", "1.0.0") not in cells
    assert cells["clients of 1.0.0", "1.10.0"].text == "ok"
    assert cells["clients of 1.10.0", "now (2.0.0)"].text == "breaks (1)"
    assert broken(list(cells.values())) == []
    again = matrix([first, second], list(pacts.values()), version(served, "1.11.0"))
    assert {cell.consumer for cell in broken(again)} == {"clients of 1.0.0", "clients of 1.10.0"}
    assert "BREAKS (1)" in as_table(again)


@pytest.mark.parametrize("form", ["--json", "--markdown", None])
def test_a_break_ends_with_status_1_and_is_told_in_every_form(tmp_path, capsys, form):
    now = copy.deepcopy(contract.published())
    now["components"]["schemas"]["Accepted"]["properties"].pop("status_url")
    path = tmp_path / "now.json"
    path.write_text(json.dumps(now), encoding="utf-8")
    assert main(["--now", str(path), *([form] if form else [])]) == 1
    told = capsys.readouterr().out
    assert "POST /api/v1/memes/async 202 has no status_url" in told
    if form == "--json":
        document = json.loads(told)
        assert document["ok"] is False
        wrong = {cell["consumer"] for cell in document["cells"] if cell["must"] and cell["problems"]}
        assert wrong == {"page", f"clients of {now['info']['version']}"}
    elif form == "--markdown":
        assert told.splitlines()[1].replace(" ", "") == "|---|---|---|"
        assert "| page | ok | BREAKS (1) |" in told


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_files_that_cannot_be_read_are_named_and_end_with_status_2(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "1.0.0.json").write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["--published", str(tmp_path)])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "expected OpenAPI documents and pacts" in told
    assert str(tmp_path) in told
