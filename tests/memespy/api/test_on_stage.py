"""The application on a stage: clients, event loop, routes and actors under every schedule that is tried, with no server and no socket."""

from __future__ import annotations

import asyncio
import threading

import httpx

import greenroom
from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.settings import Settings
from machines.world import ScriptedPorts

TOPICS = ("cats", "rude dogs")


def served(use):
    """What ``use`` makes of the application and its pipeline, and the topics that were stored."""
    scripted = ScriptedPorts(lambda _: None)
    settings = Settings(user_burst=10_000, health_period_s=0, cache_ttl_s=0)
    with start_pipeline(settings, scripted.ports()) as pipeline:
        used = use(create_app(pipeline, settings), pipeline)
    return used, sorted(record.topic for record in scripted.records.values())


def client_of(app):
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://memespy.test")


async def post(client, topic):
    return await client.post("/api/v1/memes/", json={"topic": topic})


def judge(made, stored):
    assert [response.status_code for response in made] == [201, 201]
    assert [response.json()["topic"] for response in made] == list(TOPICS)
    assert ["attempt 1" in response.json()["text"]["bottom"] for response in made] == [False, True], "the rude one is written again"
    assert stored == sorted(TOPICS)


def test_two_requests_at_once_in_one_loop():
    async def both(app):
        async with client_of(app) as client:
            return await asyncio.gather(*(post(client, topic) for topic in TOPICS))

    def scenario():
        judge(*served(lambda app, _: asyncio.run(both(app))))

    report = greenroom.explore(scenario, executions=10)
    report.raise_failure()
    assert report.distinct > 5


def test_two_clients_in_threads_and_loops_of_their_own():
    async def one(app, topic):
        async with client_of(app) as client:
            return await post(client, topic)

    def both(app, _):
        made = {}
        threads = [threading.Thread(target=lambda topic=topic: made.update({topic: asyncio.run(one(app, topic))})) for topic in TOPICS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [made[topic] for topic in TOPICS]

    report = greenroom.explore(lambda: judge(*served(both)), executions=10)
    report.raise_failure()
    assert report.distinct > 5


def test_a_client_that_gives_up_takes_its_request_with_it():
    async def impatient(app, pipeline):
        async with client_of(app) as client:
            task = asyncio.ensure_future(post(client, "cats"))
            await asyncio.sleep(0.1)  # of virtual time: the request waits for a text
            task.cancel()
            await asyncio.wait([task])
            return task.cancelled()

    def scenario():
        scripted = ScriptedPorts(lambda _: None)
        scripted.naps["text"] = 1.0
        settings = Settings(user_burst=10_000, health_period_s=0, cache_ttl_s=0)
        with start_pipeline(settings, scripted.ports()) as pipeline:
            assert asyncio.run(impatient(create_app(pipeline, settings), pipeline))
        assert not scripted.records

    greenroom.explore(scenario, executions=10).raise_failure()
