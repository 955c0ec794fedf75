"""The durable outbox under every schedule that is tried: a store that fails, or writes and fails to say so, loses and doubles nothing."""

import itertools
import time
from dataclasses import replace
from pathlib import Path

import pytest

import greenroom
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import GenerateMeme, Meme, MemeRecord, Progress
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.ports import Ports
from dspy_meme_gen.settings import Settings
from greenroom.errors import ActorDied
from machines.troubled import TroubledPorts
from machines.world import ScriptedPorts


class Flaky:
    """A store that keeps what it is given, and raises on every other call: before it writes, or after."""

    def __init__(self, *, after: bool) -> None:
        self.after, self.calls, self.reliable = after, 0, False
        self.records: dict[str, MemeRecord] = {}
        self.writes: list[str] = []

    def put(self, record: MemeRecord) -> None:
        self.calls += 1
        fails = self.calls % 2 == 1 and not self.reliable
        if fails and not self.after:
            raise ConnectionError("down")
        self.records[record.id] = record
        self.writes.append(record.id)
        if fails:
            raise ConnectionError("the reply was lost")

    def get(self, meme_id: str) -> MemeRecord | None:
        return self.records.get(meme_id)

    def all(self) -> tuple[MemeRecord, ...]:
        return tuple(self.records.values())


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("crash", [False, True])
def test_every_meme_is_stored_once_whatever_the_schedule(tmp_path: Path, after: bool, crash: bool) -> None:
    runs = itertools.count()

    def scenario() -> None:
        store, outbox = Flaky(after=after), SqliteOutbox(tmp_path / f"{next(runs)}.db")
        scripted = ScriptedPorts(_silent).ports()
        ports = Ports(**{**{name: getattr(scripted, name) for name in Ports.__slots__}, "store": store, "outbox": outbox})
        with start_pipeline(Settings(image_width=64, image_height=48, outbox_drain_s=0.5, health_period_s=0), ports) as pipeline:
            futures = [pipeline.submit(GenerateMeme(f"r{number}", f"cats {number}")) for number in range(3)]
            if crash:
                pipeline.addresses["store"].tell(Crash())
            outcomes = [future.get() for future in futures]
        store.reliable = True  # what a last try at the stop could not write is for the next life
        outbox.drain(store.put)
        assert all(isinstance(outcome, Meme) for outcome in outcomes)
        expected = sorted(outcome.id for outcome in outcomes)
        assert sorted(store.records) == expected
        assert after or sorted(store.writes) == expected, "a record that the outbox gave out once was written twice"
        assert len(outbox) == 0
        outbox.close()

    report = greenroom.explore(scenario, executions=15, seed=1)
    assert report.failure is None


class Hanging(Flaky):
    """Its first write takes long, and then fails."""

    def put(self, record: MemeRecord) -> None:
        self.calls += 1
        if self.calls == 1:
            time.sleep(25.7)
            raise ConnectionError("down")
        self.records[record.id] = record
        self.writes.append(record.topic)


def test_a_write_that_its_request_has_given_up_does_not_undo_a_newer_one() -> None:
    store = Hanging(after=False)

    def scenario() -> None:
        script = TroubledPorts(_silent)
        settings = Settings(image_width=64, image_height=48, health_period_s=0, cache_ttl_s=0, restart_backoff_s=0)
        with start_pipeline(settings, replace(script.ports(), store=store)) as pipeline:
            first = pipeline.submit(GenerateMeme("r1", "tea"))
            while not store.calls:
                time.sleep(0.01)
            script.fail["image"] = 1
            older = pipeline.submit(GenerateMeme("r2", "cats")).get()
            pipeline.addresses["store"].tell(Crash())  # with it goes what is asked of the store after this
            newer = pipeline.submit(GenerateMeme("r3", "cats")).get()
            time.sleep(20)
            assert isinstance(first.get(), Meme)
            assert older.degraded == ("image_placeholder", "store_deferred")
            assert newer.degraded == ("store_deferred",)
            assert store.records[newer.id].meme == replace(newer, degraded=()), "the older meme was written over the newer one"
            assert store.writes == ["tea", "cats"]

    greenroom.run(scenario, ignore=(ActorDied,))


def _silent(progress: Progress) -> None:
    pass
