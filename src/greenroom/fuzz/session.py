"""The tests of a worker: one pytest session whose loop takes orders, so that fixtures, conftest files and plugins are as ever."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from greenroom import onlooker
from greenroom.fuzz.behaviours import Behaviours
from greenroom.fuzz.examples import can_be_fuzzed
from greenroom.fuzz.failures import FoundFailure, identified, leaves, replay_line, told
from greenroom.fuzz.plan import Batch
from greenroom.fuzz.watch import EndOfBatch, Watch

if TYPE_CHECKING:
    from collections.abc import Generator

    from greenroom.fuzz.channel import Channel, Message
    from greenroom.fuzz.examples import Watching
    from greenroom.fuzz.scenarios import Scenario


class FuzzSession:
    """A pytest plugin that runs no test by itself: it takes batches from the channel until it is told to end.

    Args:
        channel: to the coordinator.
        scenarios: what is explored without pytest, by place.
        watching: how tests of Hypothesis are run.
        memory_mb: the limit of this process.
    """

    def __init__(self, channel: Channel, scenarios: dict[str, Scenario], watching: Watching, *, memory_mb: float) -> None:
        self._channel = channel
        self._scenarios = scenarios
        self._memory_mb = memory_mb
        self._watching = watching
        self._items: dict[str, pytest.Item] = {}
        self._behaviours: dict[str, Behaviours] = {}
        self._errors: list[str] = []
        self._raised: list[tuple[str, BaseException, str]] = []
        self._skipped = ""
        self.served = False

    # -- hooks of pytest ---------------------------------------------------------------------------------------------

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what could not be collected."""
        if report.failed:
            self._errors.append(f"{report.nodeid}: {report.longreprtext}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve in place of running everything once."""
        if self._errors:
            self._channel.send({"say": "cannot", "text": "\n".join(self._errors)})
            self.served = True
            return True
        self.serve(session.items)
        session.shouldstop = False
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        """Inside Hypothesis's own hook: its statistics are wanted here."""
        with self._watching.events():
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Keep what was raised, which a report has only as text."""
        report = yield
        if report.skipped:
            self._skipped = str(call.excinfo.value) if call.excinfo is not None else "skipped"
        elif report.failed and call.excinfo is not None:
            self._raised.append((call.when, call.excinfo.value, report.longreprtext))
        return report

    # -- the loop ------------------------------------------------------------------------------------------------------

    def serve(self, items: list[pytest.Item]) -> None:
        """Say what there is, then run what is ordered, until the order to end, or nobody is left who orders."""
        self.served = True
        reasons = {item.nodeid: can_be_fuzzed(item) for item in items}
        self._items = {item.nodeid: item for item in items if not reasons[item.nodeid]}
        left_out = {test: reason for test, reason in reasons.items() if reason}
        self._channel.send({"say": "ready", "tests": [*self._items, *self._scenarios], "left_out": left_out})
        while not self._channel.closed:
            for order in self._channel.receive(None):
                if order["do"] == "end":
                    return
                if order["do"] == "batch":
                    self._channel.send(self._run(order))

    def _run(self, order: Message) -> Message:
        batch = Batch(**order["batch"])
        behaviours = self._behaviours.setdefault(batch.test, Behaviours())
        limit = None if batch.replays else order["seconds"]
        watch = Watch(self._channel, batch.test, known=order["known"], memory_mb=self._memory_mb, behaviours=behaviours, seconds=limit)
        self._raised, self._skipped = [], ""
        onlooker.install(watch)
        started = time.monotonic()
        try:
            if batch.test in self._scenarios:
                failures, broken = self._scenarios[batch.test].run(batch, watch), ""
            else:
                failures, broken = self._run_item(self._items[batch.test], batch, watch)
        finally:
            onlooker.install(None)
        watch.report()
        return {
            "say": "done",
            "number": batch.number,
            "test": batch.test,
            "examples": watch.examples,
            "seconds": time.monotonic() - started,
            "failures": [failure.to_json() for failure in failures],
            "known": watch.known_times,
            "unfinished": sorted(watch.seen) if watch.ended != "complete" else [],
            "ended": watch.ended,
            "broken": broken,
            "skipped": "" if batch.replays else self._skipped,  # Hypothesis skips a test for which nothing is saved
            "mb": watch.peak_mb,
        }

    def _run_item(self, item: pytest.Item, batch: Batch, watch: Watch) -> tuple[list[FoundFailure], str]:
        """The failures of the batch, and what else went wrong with the test, or ""."""
        with self._watching.batch(item, batch, watch):
            try:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            except EndOfBatch:
                item.session._setupstate.teardown_exact(None)
        reporter = item.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.stats.clear()
        failures: dict[str, FoundFailure] = {}
        broken = ""
        for when, error, text in self._raised:
            if when != "call":
                broken = f"its {'set-up' if when == 'setup' else when} failed: {text}"
                continue
            for leaf in leaves(error):
                failure = identified(batch.test, leaf)
                failure.text, failure.blob = told(leaf, error)
                failure.text = failure.text or text
                if type(error).__name__.startswith("Flaky"):
                    failure.text = f"It did not fail every time: {error}\n\n{failure.text}"
                failure.seed, failure.shrunk = batch.seed, True
                failure.replay = replay_line(batch.test, item.config.getoption("--hypothesis-profile", None))
                failures[failure.id] = failure
        sys.last_value = sys.last_traceback = None  # pytest keeps the last error for debuggers, and with it all that was alive
        return list(failures.values()), broken
