"""Where names and primitives are found and replaced, and that all of it is undone."""

from __future__ import annotations

import functools
import sys
import threading
import time
import types
from typing import NamedTuple

import pytest

import greenroom
from greenroom.shims import install as installing
from greenroom.shims.sites import Site, is_program, sites_everywhere, sites_of_function


def wanted(value):
    return value is time.sleep


def found_in(**namespace):
    return sorted(site.label for site in sites_everywhere("m", namespace, wanted))


class Program:
    nap = time.sleep
    static = staticmethod(time.sleep)
    other = 3

    def __init__(self, sleep=time.sleep, *, pause=time.sleep):
        self.sleep = sleep
        self.pauses = {"long": pause, "list": [pause]}

    @classmethod
    def make(cls, sleep=time.sleep):
        return cls(sleep)


def closing_over(sleep):
    def inner():
        sleep(1)

    return inner


def test_names_are_found_wherever_programs_keep_them():
    assert found_in(sleep=time.sleep, time=time, number=3) == ["m.sleep"]
    assert found_in(Program=Program) == [
        "a default argument of m.Program.__init__",
        "a default argument of m.Program.make",
        "m.Program.__init__(pause)",
        "m.Program.nap",
        "m.Program.static",
    ]
    assert found_in(program=Program()) == ["m.program.pauses.list[0]", "m.program.pauses.long", "m.program.sleep"]
    assert found_in(inner=closing_over(time.sleep)) == ["sleep of m.inner"]
    assert found_in(table={"a": time.sleep}, pair=[time.sleep]) == ["m.pair[0]", "m.table.a"]
    assert [site.label for site in sites_of_function(closing_over(time.sleep), wanted)] == ["sleep of closing_over.<locals>.inner"]
    assert list(sites_of_function(functools.partial(int), wanted)) == []


def test_circles_and_large_data_are_no_trouble():
    circle = Program(sleep=None, pause=None)
    circle.me = circle
    circle.list = [circle, {"circle": circle}]
    assert found_in(circle=circle, data=dict.fromkeys(range(5000), time.sleep), empty=closing_over) == []


def test_libraries_are_not_searched_below_their_globals():
    assert is_program(sys.modules[__name__])
    assert not any(map(is_program, (time, threading, pytest, greenroom, types.ModuleType("nowhere"))))


@pytest.mark.parametrize(
    "site",
    [
        lambda: Site({"sleep": time.sleep}, "sleep", ""),
        lambda: Site([time.sleep], 0, ""),
        lambda: Site(closing_over(time.sleep).__closure__[0], "sleep", ""),
        lambda: Site(closing_over.__class__(closing_over.__code__, {}, "f", (time.sleep,)), 0, ""),
        lambda: Site(type("Fresh", (), {"sleep": time.sleep}), "sleep", ""),
        lambda: Site(type("Fresh", (), {"sleep": staticmethod(time.sleep)}), "sleep", ""),
    ],
)
def test_every_kind_of_site_is_read_written_and_put_back(site):
    def other(seconds):
        return seconds

    place = site()
    assert place.read() is time.sleep
    undo = place.write(other)
    assert place.read() is other
    undo()
    assert place.read() is time.sleep


def test_installing_nests_and_a_failure_leaves_nothing(monkeypatch):
    before = time.sleep
    installing.install()
    installing.install()
    installing.uninstall()
    assert installing.is_installed()
    assert time.sleep is not before
    installing.uninstall()
    assert time.sleep is before
    monkeypatch.setattr(installing.watchdog, "arm", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        installing.install()
    assert time.sleep is before
    assert not installing.is_installed()


def test_a_shim_passes_for_what_it_stands_for():
    def scenario():
        class Mine(threading.Event):
            pass

        optional = threading.Event | None
        return (
            isinstance(Mine(), threading.Event),
            isinstance(None, optional),
            threading.Lock.__name__,
            time.sleep.__name__,
            issubclass(Mine, threading.Event),
        )

    assert greenroom.run(scenario).result == (True, True, threading.Lock.__name__, "sleep", True)


def test_globals_that_change_between_explorations_are_looked_at_again(monkeypatch):
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "SERVICE", None, raising=False)
    greenroom.run(lambda: None)
    monkeypatch.setattr(module, "SERVICE", Program(), raising=False)
    assert greenroom.run(lambda: (module.SERVICE.sleep(5), time.monotonic())[1]).result == 100_005.0


class Point(NamedTuple):
    name: str
    sleep: object


LOCKS = (threading.Lock(), threading.Lock())
NESTED = {"real": [Point("time", time.sleep), ("deep", {"sleep": time.sleep})]}


def test_tuples_are_rebuilt_with_what_stands_in_and_put_back(outcomes):
    locks, point = LOCKS, NESTED["real"][0]

    def scenario():
        before = time.monotonic()
        NESTED["real"][0].sleep(2)
        NESTED["real"][1][1]["sleep"](3)
        assert type(NESTED["real"][0]) is Point
        held = []

        def other():
            with LOCKS[1], LOCKS[0]:
                held.append(len(held))

        thread = threading.Thread(target=other)
        with LOCKS[1]:
            thread.start()
            time.sleep(1)
            assert held == []
        thread.join()
        return time.monotonic() - before

    assert outcomes(scenario, executions=20) == {6.0}
    assert LOCKS is locks
    assert NESTED["real"][0] is point
