"""The pipeline machine finds planted faults, and a summary says what was done."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from dspy_meme_gen import ledger
from dspy_meme_gen.actors import meme_generator, worker
from dspy_meme_gen.domain import payload_key
from dspy_meme_gen.messages import WorkDone
from machines import __main__ as command
from machines.pipeline import PipelineMachine

# Found, not shrunk: shrinking is Hypothesis's own, and would take most of the time.
FINDING = settings(
    max_examples=200, stateful_step_count=30, database=None, phases=[Phase.generate], deadline=None, report_multiple_bugs=False
)


def finds_a_failure() -> bool:
    try:
        run_state_machine_as_test(PipelineMachine, settings=FINDING)
    except Exception:  # noqa: BLE001 - whichever claim breaks first
        return True
    return False


def test_state_of_a_request_kept_on_the_orchestrator_is_found(monkeypatch):
    generate, handle = meme_generator.MemeGenerator._generate, meme_generator.MemeGenerator.handle

    def remembering(self, message):
        generate(self, message)
        job = self._jobs.get(message.request.request_id)
        if job is not None:
            self.latest = job.generation

    def mixing_up(self, message):
        if isinstance(message, WorkDone) and message.request_id in self._jobs:
            self._jobs[message.request_id].generation = self.latest
        handle(self, message)

    monkeypatch.setattr(meme_generator.MemeGenerator, "_generate", remembering)
    monkeypatch.setattr(meme_generator.MemeGenerator, "handle", mixing_up)
    assert finds_a_failure()


def test_a_reply_dropped_when_the_scorer_raises_is_found(monkeypatch):
    handle = worker.Worker.handle

    def dropping(self, message):
        if self.identity.name != "scorer" or not isinstance(message, worker.Work):
            handle(self, message)
            return
        try:
            value = self.perform(message.task)
        except Exception:  # noqa: BLE001 - the planted fault
            return
        self._replies.tell(WorkDone(message.request_id, message.serial, value))

    monkeypatch.setattr(worker.Worker, "handle", dropping)
    assert finds_a_failure()


def test_a_key_without_the_style_is_found(monkeypatch):
    monkeypatch.setattr(ledger, "payload_key", lambda request: payload_key(dataclasses.replace(request, style=None)))
    assert finds_a_failure()


def test_the_command_sums_up_what_held(capsys, monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    assert command.main(["pipeline", "--examples", "5", "--seed", "1"]) == 0
    out = capsys.readouterr().out
    for row in ("pipeline: held", "examples", "distinct schedules", "operations checked", "deepest inbox", "worst latency", "peak memory"):
        assert row in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["nosuch"], "there is no machine 'nosuch'"), (["pipeline", "--replay", "!!"], "machines:")],
)
def test_a_command_that_makes_no_sense_says_so(arguments, complaint, capsys, monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    assert command.main(arguments) == 2
    assert complaint in capsys.readouterr().err


def test_the_machine_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(PipelineMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
