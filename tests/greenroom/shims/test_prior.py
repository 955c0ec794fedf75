"""Primitives that were made before the stage opened work on it, each execution from the state they were in; none hangs the process."""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections import deque

import pykka
import pytest

import greenroom
from greenroom.shims.watchdog import watchdog
from tests.greenroom.racing import in_threads

LOCK = threading.Lock()
RLOCK = threading.RLock()
CONDITION = threading.Condition()
EVENT = threading.Event()
SEMAPHORE = threading.Semaphore(1)
BOUNDED = threading.BoundedSemaphore(1)
BARRIER = threading.Barrier(2)
QUEUE = queue.Queue(maxsize=1)
SIMPLE = queue.SimpleQueue()
LOCAL = threading.local()
LOCAL.value = "of the main thread"
FUTURE = pykka.ThreadingFuture()
DONE = pykka.ThreadingFuture()
DONE.set("long ago")


class Service:
    """A singleton with a lock, as applications have them."""

    shared = threading.RLock()

    def __init__(self):
        self.lock = threading.Lock()
        self.by_name = {"one": threading.RLock()}


SERVICE = Service()


@dataclasses.dataclass
class Box:
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)
    items: queue.Queue = dataclasses.field(default_factory=queue.Queue)


def excludes(guard):
    """Whether ``guard`` keeps two tasks apart that sleep inside it."""
    log = []

    def work():
        with guard:
            log.append("in")
            time.sleep(1)
            log.append("out")

    in_threads(work, work)
    return log == ["in", "out"] * 2


@pytest.mark.parametrize(
    "scenario",
    [
        lambda: excludes(LOCK),
        lambda: excludes(RLOCK),
        lambda: excludes(CONDITION),
        lambda: excludes(SEMAPHORE),
        lambda: excludes(BOUNDED),
        lambda: excludes(SERVICE.lock),
        lambda: excludes(Service.shared),
        lambda: excludes(SERVICE.by_name["one"]),
        lambda: excludes(Box().lock),
    ],
    ids=["lock", "rlock", "condition", "semaphore", "bounded", "attribute", "class attribute", "in a dict", "default factory"],
)
def test_a_lock_from_before_keeps_tasks_apart(outcomes, scenario):
    assert outcomes(scenario, executions=40) == {True}


def test_a_lock_in_the_closure_of_the_scenario_keeps_tasks_apart(outcomes):
    lock, plain = threading.RLock(), [threading.Lock()]
    assert outcomes(lambda: (excludes(lock), excludes(plain[0])), executions=40) == {(True, True)}


def test_a_lock_that_is_held_stays_held_and_is_named(failure_of):
    held = threading.Lock()
    held.acquire()

    def scenario():
        held.acquire()

    failure = failure_of(scenario)
    assert "main waits for held of" in str(failure.error)
    assert "made at import, before the stage opened" in str(failure.error)
    assert held.locked()


def test_an_event_from_before_is_as_it_was_in_each_execution(outcomes):
    def scenario():
        before = EVENT.is_set()
        setter = threading.Thread(target=EVENT.set)
        setter.start()
        result = EVENT.wait(), EVENT.is_set()
        setter.join()
        return before, *result

    assert outcomes(scenario) == {(False, True, True)}
    assert not EVENT.is_set()


def test_a_condition_from_before_wakes_those_who_wait(outcomes):
    def scenario():
        items = []

        def produce():
            with CONDITION:
                items.append(1)
                CONDITION.notify_all()

        def consume():
            with CONDITION:
                CONDITION.wait_for(lambda: items)

        in_threads(consume, produce, consume)

    assert outcomes(scenario) == {None}


def test_a_condition_shares_its_lock_with_the_program(outcomes):
    lock = threading.Lock()
    condition = threading.Condition(lock)

    def scenario():
        items = []

        def produce():
            with lock:
                items.append(1)
                condition.notify()

        def consume():
            with condition:
                while not items:
                    condition.wait()

        in_threads(consume, produce)

    assert outcomes(scenario) == {None}


def test_a_barrier_from_before_lets_both_through(outcomes):
    assert outcomes(lambda: in_threads(BARRIER.wait, BARRIER.wait)) == {None}


def test_queues_from_before_pass_items_on_and_start_with_what_they_hold(outcomes):
    SIMPLE.put("was there")
    try:

        def scenario():
            got = []
            in_threads(lambda: [QUEUE.put(number) for number in range(3)], lambda: [got.append(QUEUE.get()) for _ in range(3)])
            return tuple(got), SIMPLE.get(), SIMPLE.empty(), QUEUE.empty()

        assert outcomes(scenario) == {((0, 1, 2), "was there", True, True)}
    finally:
        assert SIMPLE.get_nowait() == "was there"


def test_a_local_from_before_has_one_value_for_each_task_and_the_main_threads_own(outcomes):
    def scenario():
        seen = []

        def work(value):
            seen.append(hasattr(LOCAL, "value"))
            LOCAL.value = value
            time.sleep(1)
            seen.append(LOCAL.value == value)

        in_threads(lambda: work("a"), lambda: work("b"))
        return tuple(sorted(seen)), LOCAL.value

    assert outcomes(scenario) == {((False, False, True, True), "of the main thread")}
    assert LOCAL.value == "of the main thread"


def test_futures_from_before_are_set_anew_in_each_execution(outcomes):
    def scenario():
        setter = threading.Thread(target=FUTURE.set, args=("now",))
        setter.start()
        result = FUTURE.get(), DONE.get(), FUTURE.map(str.upper).get()
        setter.join()
        return result

    assert outcomes(scenario) == {("now", "long ago", "NOW")}


def test_a_module_that_a_task_imports_gets_real_primitives_that_work(outcomes, tmp_path, monkeypatch):
    (tmp_path / "imported_by_a_task.py").write_text(
        "import threading\nfrom time import sleep\nLOCK = threading.Lock()\nEVENT = threading.Event()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def scenario():
        import imported_by_a_task  # noqa: PLC0415 - inside the task is the point

        return excludes(imported_by_a_task.LOCK), imported_by_a_task.EVENT.is_set()

    assert outcomes(scenario, executions=20) == {(True, False)}
    import imported_by_a_task  # noqa: PLC0415 - now it is there

    assert type(imported_by_a_task.LOCK) is type(threading.Lock())
    assert imported_by_a_task.sleep is time.sleep


def test_what_is_there_is_imported_as_ever_and_what_a_package_has_not_loaded_is_loaded(outcomes, tmp_path, monkeypatch):
    package = tmp_path / "package_of_a_task"
    package.mkdir()
    (package / "__init__.py").write_text("HERE = 1\n")
    (package / "later.py").write_text("from time import sleep\nimport threading\nLOCK = threading.Lock()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import package_of_a_task  # noqa: PLC0415, F401 - before the task does

    def scenario():
        from package_of_a_task import HERE, later  # noqa: PLC0415 - inside the task is the point

        with pytest.raises(ImportError, match="nowhere"):
            from package_of_a_task import nowhere  # noqa: PLC0415, F401
        return HERE, excludes(later.LOCK)

    assert outcomes(scenario, executions=20) == {(1, True)}
    from package_of_a_task import later  # noqa: PLC0415 - now it is there

    assert type(later.LOCK) is type(threading.Lock())
    assert later.sleep is time.sleep


@dataclasses.dataclass(frozen=True, slots=True)
class _Frozen:
    lock: object
    local: object


class _Hidden:
    __slots__ = ("lock",)

    def __init__(self):
        self.lock = threading.Lock()


HIDDEN = deque([_Hidden()])  # nothing looks into a deque
SLOTTED = (_Hidden(),)
FROZEN = {"service": _Frozen(threading.RLock(), threading.local())}


@pytest.mark.parametrize("lock", [lambda: SLOTTED[0].lock, lambda: FROZEN["service"].lock])
def test_a_lock_in_a_slot_keeps_tasks_apart(outcomes, lock):
    real = lock()
    assert outcomes(lambda: excludes(lock())) == {True}
    assert lock() is real


def test_a_local_in_a_slot_has_one_value_for_each_task(outcomes):
    def scenario():
        local, seen = FROZEN["service"].local, []

        def keep(value):
            local.value = value
            time.sleep(1)
            seen.append(local.value)

        threads = [threading.Thread(target=keep, args=(value,)) for value in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return tuple(sorted(seen)), hasattr(local, "value")

    assert outcomes(scenario) == {(("a", "b"), False)}


def test_a_hidden_lock_that_nobody_contends_does_no_harm(outcomes):
    def scenario():
        with HIDDEN[0].lock:
            return "held"

    assert outcomes(scenario, executions=20) == {"held"}


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="the watchdog lives in the main thread")
class TestWatchdog:
    """What blocks for real is named, and ends."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch):
        monkeypatch.setattr(watchdog, "patience_s", 1)
        monkeypatch.setattr(watchdog, "tick_s", 0.05)

    def test_a_hidden_lock_that_blocks_for_real_is_an_error_that_names_the_line(self):
        with pytest.raises(greenroom.GreenroomError, match=r"Thread-\d has taken no step .*test_prior\.py:\d+"):
            greenroom.run(lambda: excludes(HIDDEN[0].lock))
        assert not HIDDEN[0].lock.locked()

    def test_an_endless_computation_is_an_error_that_names_the_line(self):
        def scenario():
            flag = []
            threading.Thread(target=lambda: flag.append(1)).start()
            while not flag:
                pass

        with pytest.raises(greenroom.GreenroomError, match=r"main has taken no step .* scenario\(\) at "):
            greenroom.explore(scenario)
