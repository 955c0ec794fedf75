"""The served program with a real PostgreSQL and a real Redis that are killed and paused under load: nothing is lost, nothing made up."""

from __future__ import annotations

import json
import math
import os
import signal
import time

import pytest

import greenroom
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import GenerateMeme, Meme
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import Script
from tests.resilience.served import PATIENCE_S, Load
from tests.variables import duration_s

pytestmark = pytest.mark.integration

AT_WORK = 8
"""So many memes are made between two events."""


def stored(url):
    store = SqlAlchemyStore(url, limit_s=PATIENCE_S)
    try:
        return [record.id for record in store.all()]
    finally:
        store.close()


def each_meme_is_stored_once(load, url):
    kept = stored(url)
    assert len(kept) == len(set(kept))
    assert set(kept) == load.ids


def what_was_put_off_is_written(load, service):
    assert load.failed == []
    assert any("store_deferred" in document["degraded"] for document in load.made), "there was an outage"
    service.wait_until("an empty outbox", lambda: status_of(service, "outbox") == "ok")


def status_of(service, part):
    return service.health()["checks"].get(part, {"status": "ok"})["status"]


def tell(outage, what, load, url):
    """For the summary: what the load came to, and what is stored in the end."""
    outage.report(what, requests=len(load.made) + len(load.failed), failed=len(load.failed), made=load.ids, stored=stored(url))


def strike(server, how):
    server.kill() if how == "killed" else server.pause()


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_an_outage_of_postgresql_loses_no_meme_and_doubles_none(served, postgres, postgres_url, outage, how):
    service = served(DATABASE_URL=postgres_url)
    with Load(service.url) as load:
        load.wait_for(AT_WORK)
        known = load.made[-1]
        service.client.get(f"/api/v1/memes/{known['id']}").raise_for_status()
        strike(postgres, how)
        outage.struck()
        load.wait_for(AT_WORK)
        service.wait_until("the word that the store is away", lambda: status_of(service, "store") == "degraded")
        assert service.client.get("/api/health").status_code == 200, "degraded, and at work"
        assert service.client.get("/api/health/ready").status_code == 200
        for path in (f"/api/v1/memes/{known['id']}", known["image"]["url"]):
            answer = service.client.get(path)
            assert (answer.status_code, answer.headers.get("x-degraded")) == (200, "store")
        assert service.client.get("/api/v1/memes/").status_code == 503
        postgres.restore()
        outage.restored()
        service.wait_until("recovery", lambda: service.health()["status"] == "ok")
        outage.recovered()
        load.wait_for(AT_WORK)
    what_was_put_off_is_written(load, service)
    tell(outage, f"PostgreSQL {how}", load, postgres_url)
    answer = service.client.get(f"/api/v1/memes/{known['id']}")
    assert "x-degraded" not in answer.headers
    each_meme_is_stored_once(load, postgres_url)


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_an_outage_of_redis_costs_time_and_nothing_else(served, redis_server, tmp_path, outage, how):
    database = f"sqlite:///{tmp_path / 'memes.db'}"
    service = served(REDIS_URL=redis_server.url, DATABASE_URL=database)
    with Load(service.url, distinct=5) as load:
        load.wait_for(AT_WORK)
        strike(redis_server, how)
        outage.struck()
        load.wait_for(AT_WORK)
        service.wait_until("the word that the cache is away", lambda: status_of(service, "cache") == "degraded")
        redis_server.restore()
        outage.restored()
        service.wait_until("recovery", lambda: service.health()["status"] == "ok")
        outage.recovered()
        load.wait_for(AT_WORK)
    tell(outage, f"Redis {how}", load, database)
    assert load.failed == []
    by_id = {document["id"]: document for document in load.made}
    assert all(document == by_id[document["id"]] for document in load.made), "with a cache or without, a meme is the same"
    each_meme_is_stored_once(load, database)


def test_what_waits_for_the_store_outlives_the_service_even_if_it_is_killed(served, postgres, postgres_url, outage):
    service = served(DATABASE_URL=postgres_url)
    made = [service.client.post("/api/v1/memes/", json={"topic": "before"}).json()]
    postgres.kill()
    outage.struck()
    made += [service.client.post("/api/v1/memes/", json={"topic": f"during {number}"}).json() for number in range(3)]
    assert [document["degraded"] for document in made] == [[]] + [["store_deferred"]] * 3
    server = int(json.loads(next(line for line in service.log.read_text().splitlines() if "is ready" in line))["message"].split()[1])
    service.process.kill()
    os.kill(server, signal.SIGKILL)
    postgres.restore()
    outage.restored()
    again = served(DATABASE_URL=postgres_url)
    again.wait_until("an empty outbox", lambda: again.health()["status"] == "ok" and len(stored(postgres_url)) == 4)
    outage.recovered()
    ids = [document["id"] for document in made]
    outage.report("PostgreSQL and the service killed", requests=len(made), failed=0, made=ids, stored=stored(postgres_url))
    assert stored(postgres_url) == [document["id"] for document in made]


def test_a_sigterm_drains_what_is_under_way_and_then_nobody_answers(served, tmp_path):
    database = f"sqlite:///{tmp_path / 'memes.db'}"
    service = served(DATABASE_URL=database)
    accepted = [service.client.post("/api/v1/memes/async", json={"topic": f"cats {number}"}).json() for number in range(20)]
    assert service.end() == 0
    assert len(set(stored(database))) == len(accepted) == 20


def test_a_new_server_takes_over_without_one_request_that_fails(served, tmp_path, outage):
    database = f"sqlite:///{tmp_path / 'memes.db'}"
    service = served(DATABASE_URL=database)

    def ready():
        return service.log.read_text().count("is ready")

    with Load(service.url) as load:
        for turn in (2, 3):
            load.wait_for(AT_WORK)
            service.signal(signal.SIGHUP)
            service.wait_until("a new server", lambda turn=turn: ready() == turn)
        load.wait_for(AT_WORK)
    tell(outage, "two new servers, by SIGHUP", load, database)
    assert load.failed == []
    assert service.end() == 0


def test_a_backup_of_postgresql_is_restored_whole_into_an_empty_database(served, postgres_url, tmp_path):
    service = served(DATABASE_URL=postgres_url)
    made = [service.client.post("/api/v1/memes/", json={"topic": f"cats {number}"}).json() for number in range(5)]
    pictures = [service.client.get(document["image"]["url"]).content for document in made]
    archive, other = tmp_path / "memes.zip", f"sqlite:///{tmp_path / 'other.db'}"
    service.run("backup", str(archive))
    service.run("restore", "--database", other, str(archive))
    assert stored(other) == stored(postgres_url) == [document["id"] for document in made]
    restored = served(DATABASE_URL=other)
    assert [restored.client.get(document["image"]["url"]).content for document in made] == pictures


def test_one_part_after_another_goes_and_none_takes_the_others_with_it(served, postgres, postgres_url, redis_server, outage):
    service = served(DATABASE_URL=postgres_url, REDIS_URL=redis_server.url)
    with Load(service.url, clients=1) as load:
        load.wait_for(AT_WORK)
        redis_server.kill()
        outage.struck()
        load.wait_for(AT_WORK)
        postgres.kill()
        load.wait_for(AT_WORK)
        service.wait_until("the word of both", lambda: {status_of(service, part) for part in ("store", "cache")} == {"degraded"})
        assert service.client.get("/api/health/ready").status_code == 200
        redis_server.restore()
        service.wait_until("the cache", lambda: status_of(service, "cache") == "ok")
        assert status_of(service, "store") == "degraded", "one that comes back says nothing about the other"
        postgres.restore()
        outage.restored()
        service.wait_until("recovery", lambda: service.health()["status"] == "ok")
        outage.recovered()
        load.wait_for(AT_WORK)
    what_was_put_off_is_written(load, service)
    tell(outage, "Redis, then PostgreSQL too", load, postgres_url)
    each_meme_is_stored_once(load, postgres_url)


def test_who_sends_too_much_is_told_when_to_come_back_and_then_is_served(served):
    service = served(MEMESPY_USER_BURST="2", MEMESPY_USER_RATE_PER_S="0.5")

    def wants(topic, user):
        return service.client.post("/api/v1/memes/async", json={"topic": topic, "user_id": user})

    answers = [wants(f"cats {number}", "eager") for number in range(12)]
    assert [answer.status_code for answer in answers[:2]] == [202, 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    assert wants("cats", "patient").status_code == 202, "others are not held up"
    service.wait_until("the next turn", lambda: wants("cats again", "eager").status_code == 202)


DAY_S = 24 * 3600.0


def test_a_day_of_outages_is_survived_with_every_request_answered(outage):
    """TEST_DURATION virtual seconds (a day), a request every ten minutes: every hour something else is away, and comes back."""
    lasting_s = duration_s(DAY_S)
    away = [("store", ConnectionError), ("image", TimeoutError), ("scorer", MemoryError), ("factuality", ConnectionError)]

    def scenario():
        script, outcomes = Script(), []
        # No limit of memory: this process has that of all other tests too.
        chosen = Settings(database_url="sqlite://", outbox_drain_s=60.0, recorded_outcomes=20, memory_limit_mb=0)
        with start_pipeline(chosen, script.ports(ThreadedTimers())) as pipeline:
            began_s = time.monotonic()
            while time.monotonic() < began_s + lasting_s:
                hour, minute = divmod(int(time.monotonic() - began_s) // 60, 60)
                script.before.clear()
                if minute < 30:
                    port, error = away[hour % len(away)]
                    script.always_fail(port, error())
                outcomes.append(pipeline.submit(GenerateMeme.create(request_id=f"r{len(outcomes)}", topic=f"cats {len(outcomes)}")).get())
                time.sleep(600)
            script.before.clear()
            time.sleep(600)
            last = pipeline.submit(GenerateMeme.create(request_id="last", topic="the day after")).get()
            return outcomes, last, list(script.records), pipeline.deferred(), pipeline.health().status

    outcomes, last, stored_ids, deferred, status = greenroom.run(scenario, max_steps=10_000_000).result
    memes = [outcome for outcome in outcomes if isinstance(outcome, Meme)]
    outage.report(
        f"{lasting_s / 3600:g} virtual hours, half of them outages",
        requests=len(outcomes),
        failed=len(outcomes) - len(memes),
        made=[meme.id for meme in memes],
        stored=stored_ids,
    )
    assert len(memes) > 0.999 * len(outcomes), "the seed's availability"
    flags = ("store_deferred", "image_placeholder", "score_default", "factuality_unverified")
    assert {flag for meme in memes for flag in meme.degraded} == set(flags[: math.ceil(lasting_s / 3600)])
    assert {meme.id for meme in memes} <= set(stored_ids)
    assert (deferred, last.degraded, status) == ((), (), "ok")
