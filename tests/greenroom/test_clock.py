from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greenroom.clock import Clock, to_ns


class Sleeper:
    timer = 0


def test_seconds_become_whole_nanoseconds():
    assert to_ns(0.1) + to_ns(0.2) == to_ns(0.3)
    assert to_ns(1) == 10**9


@given(st.lists(st.integers(0, 5), max_size=12), st.sets(st.integers(0, 11)))
def test_timers_expire_by_instant_and_then_in_the_order_of_setting(instants, cleared):
    clock, sleepers = Clock(), [Sleeper() for _ in instants]
    for sleeper, instant in zip(sleepers, instants, strict=True):
        clock.set_timer(sleeper, instant)
    for index in cleared & set(range(len(sleepers))):
        sleepers[index].timer = 0
    order = []
    while (earliest := clock.earliest()) is not None:
        for sleeper in clock.expiring():
            order.append((earliest, sleepers.index(sleeper)))
            sleeper.timer = 0
        clock.jump(earliest)
    assert order == sorted((instant, index) for index, instant in enumerate(instants) if index not in cleared)


def test_time_never_goes_back():
    clock = Clock()
    clock.jump(5)
    clock.jump(3)
    assert clock.now_ns == 5
