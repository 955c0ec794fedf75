"""How Hypothesis's tests are made to run in batches: settings and a seed for each, and every example watched."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import hypothesis.stateful
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, is_hypothesis_test, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.statistics import collector

from greenroom.fuzz.stored import KeepingDatabase, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hypothesis.database import ExampleDatabase

    from greenroom.fuzz.plan import Batch
    from greenroom.fuzz.watch import Watch

_FAILURES: Final = (Exception, SystemExit, GeneratorExit, pytest.fail.Exception)
_OF_HYPOTHESIS: Final = ("Retried draw from ", "invalid because: ", "Aborted test because ")
_MOST_REPLAYED: Final = 10_000
_original: Final = "_greenroom_fuzz_settings"
_watched: Final = "_greenroom_fuzz_watched"


class Watching:
    """Runs tests under the eyes of the watch that is set; without one they run as ever."""

    def __init__(self, shared: ExampleDatabase | None, folder: Path) -> None:
        self._shared = shared
        self._folder = folder
        self.watch: Watch | None = None

    @contextmanager
    def batch(self, item: pytest.Item, batch: Batch, watch: Watch) -> Iterator[None]:
        """Inside, running ``item`` runs this batch of its examples."""
        function = _function_of(item)
        machine = getattr(function, "_hypothesis_state_machine_class", None)
        make = hypothesis.stateful.get_state_machine_test
        self.watch = watch
        try:
            if machine is None:
                self._prepare(function, batch)
                yield
            else:
                # The test of a machine is made anew whenever it is run; this is where.
                hypothesis.stateful.get_state_machine_test = lambda *arguments, **options: self._prepare(make(*arguments, **options), batch)
                yield
        finally:
            self.watch = None
            hypothesis.stateful.get_state_machine_test = make

    def events(self) -> Any:
        """A context in which the events of Hypothesis's statistics become behaviours."""
        context: Any = collector  # it is typed by its first value, which is None
        return context.with_value(self._note)

    def _note(self, statistics: dict[str, Any]) -> None:
        watch = self.watch
        phase = statistics.get("generate-phase", {})
        cases = phase.get("test-cases", ()) if isinstance(phase, dict) else ()
        if watch is not None:
            for event in sorted({event for case in cases for event in case.get("events", ())}):
                if not event.startswith(_OF_HYPOTHESIS):
                    watch.event(f"event: {event[:120]}")

    def _prepare(self, test: Any, batch: Batch) -> Any:
        if not hasattr(test, _original):
            setattr(test, _original, getattr(test, "_hypothesis_internal_use_settings", None) or settings())
        own: settings = getattr(test, _original)
        seed(batch.seed)(test)  # which takes the database away from a test: its settings come after that
        test._hypothesis_internal_use_settings = settings(
            own,
            max_examples=_MOST_REPLAYED if batch.replays else batch.examples,
            phases=[Phase.reuse, Phase.shrink] if batch.replays else [Phase.generate, Phase.target, Phase.shrink],
            database=KeepingDatabase(joined(own.database, self._shared), self._folder, replays=batch.replays),
            deadline=None,
            derandomize=False,
            print_blob=True,
            report_multiple_bugs=True,
            verbosity=Verbosity.normal,
            suppress_health_check=list(HealthCheck),
        )
        handle = test.hypothesis
        if not getattr(handle.inner_test, _watched, False):
            handle.inner_test = self._over(handle.inner_test)
        return test

    def _over(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        """The body of a test, watched; it has the name and source of the body, and so the same place in the database."""
        if inspect.iscoroutinefunction(inner):

            @wraps(inner)
            async def watched(*arguments: Any, **named: Any) -> Any:
                watch = self.watch
                if watch is None:
                    return await inner(*arguments, **named)
                watch.example_begins()
                try:
                    return await inner(*arguments, **named)
                except _FAILURES as error:
                    if not _counts_as_passed(error, watch):
                        raise
        else:

            @wraps(inner)
            def watched(*arguments: Any, **named: Any) -> Any:
                watch = self.watch
                if watch is None:
                    return inner(*arguments, **named)
                watch.example_begins()
                try:
                    return inner(*arguments, **named)
                except _FAILURES as error:
                    if not _counts_as_passed(error, watch):
                        raise

        setattr(watched, _watched, True)
        return watched


def _counts_as_passed(error: BaseException, watch: Watch) -> bool:
    if isinstance(error, HypothesisException | pytest.skip.Exception) or type(error).__name__ == "SkipTest":
        return False
    return watch.example_failed(error)


def can_be_fuzzed(item: pytest.Item) -> str:
    """Why not, in a few words; "" for a test of Hypothesis that means to pass."""
    if not is_hypothesis_test(getattr(item, "obj", None)):
        return "no test of Hypothesis"
    if any(item.iter_markers(name="skip")) or any(item.iter_markers(name="xfail")):
        return "marked as skip or xfail"
    return ""


def _function_of(item: pytest.Item) -> Any:
    function = item.obj  # type: ignore[attr-defined]  # every test of Hypothesis is a function
    return getattr(function, "__func__", function)
