"""Flow in small scopes: who is taken at which rate, who is next, and how many are at work, for every sequence of a few calls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from model import flow
from model.flow import Flow, Limits, Period
from model.reachable import ClaimBroken, Reached, explore, watched

LIMITS = Limits(most_waiting=20, burst=2, rate_per_s=1.0, first=2, least=1, most=3, period_s=2.0, target_s=1.0)
PATIENCE = 1
"""In place of the eight of the contract: whoever is passed over eight times is out of reach of a small scope."""


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch):
    monkeypatch.setattr(flow, "PATIENCE", PATIENCE)


def key(pair):
    state, memory = pair
    passed, due = tuple(sorted(state.passed.items())), tuple(sorted(state.due_s.items()))
    return (state.size, state.period, state.waiting, state.line, tuple(sorted(state.at_work)), passed, due, memory)


# Who is taken


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of a user, half a second after the one before or at once."""

    user: str
    priority: str
    now_s: float


@dataclass(frozen=True, slots=True)
class Door:
    """When whose requests were taken."""

    now_s: float = 0.0
    taken: tuple[tuple[str, float], ...] = ()


def arrivals(pair):
    now_s = pair[1].now_s
    return [Arrival(user, "high", now_s + wait_s) for user in ("ann", "bob") for wait_s in (0.0, 0.5, 1.0)]


def let_in(state, call):
    return flow.arrive(state, str(len(state.waiting)), call.user, call.priority, call.now_s)


def at_the_door(memory, call, result):
    return Door(call.now_s, (*memory.taken, (call.user, call.now_s)) if result[0] == "accepted" else memory.taken)


def nobody_is_taken_above_the_rate(move):
    """In any time, what may be sent at once and what the rate grants in that time."""
    for user in ("ann", "bob"):
        times_s = [at_s for name, at_s in move.after[1].taken if name == user]
        for first, begin_s in enumerate(times_s):
            for last, end_s in enumerate(times_s[first:], first):
                if last - first + 1 > LIMITS.burst + (end_s - begin_s) * LIMITS.rate_per_s + 1e-9:
                    return False
    return True


def who_is_refused_is_told_when_to_come(move):
    if move.result[0] != "rate limited":
        return True
    then_s = move.call.now_s + move.result[1]
    return move.result[1] > 0 and any(
        verdict[0] == "accepted" for verdict, _ in flow.arrive(move.after[0], "x", move.call.user, "high", then_s)
    )


def users_do_not_pay_for_one_another(move):
    """With requests of the others left out, the answer would have been the same."""
    alone = flow.init(LIMITS, 0.0)
    for user, at_s in move.before[1].taken:
        if user == move.call.user:
            alone = flow.arrive(alone, "x", user, "high", at_s)[0][1]
    return move.result in [verdict for verdict, _ in flow.arrive(alone, "x", move.call.user, "high", move.call.now_s)]


def a_refusal_changes_nothing(move):
    return move.result[0] == "accepted" or move.before[0] is move.after[0]


DOOR = [nobody_is_taken_above_the_rate, who_is_refused_is_told_when_to_come, users_do_not_pay_for_one_another, a_refusal_changes_nothing]


def reach_door(claims, *, step=let_in, most_calls=5):
    return explore((flow.init(LIMITS, 0.0), Door()), arrivals, watched(step, at_the_door), claims, most_calls=most_calls, key=key)


def test_every_sequence_of_five_arrivals_keeps_every_claim():
    assert reach_door(DOOR) == Reached(states=7_057, moves=8_070, all_there_is=False)


def one_more_at_once(state, call):
    return [(verdict, replace(after, limits=LIMITS)) for verdict, after in let_in(replace(state, limits=replace(LIMITS, burst=3)), call)]


def told_too_little(state, call):
    return [((word, early_s / 2), after) for (word, early_s), after in let_in(state, call)]


def all_from_one_purse(state, call):
    return let_in(state, replace(call, user="everybody"))


def a_refusal_costs_something(state, call):
    due_s = {user: at_s + 1 for user, at_s in state.due_s.items()}
    return [(verdict, after if verdict[0] == "accepted" else replace(after, due_s=due_s)) for verdict, after in let_in(state, call)]


WRONG_DOORS = [
    (one_more_at_once, nobody_is_taken_above_the_rate),
    (told_too_little, who_is_refused_is_told_when_to_come),
    (all_from_one_purse, users_do_not_pay_for_one_another),
    (a_refusal_costs_something, a_refusal_changes_nothing),
]


@pytest.mark.parametrize(("step", "claim"), WRONG_DOORS)
def test_a_wrong_door_breaks_the_claim(step, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach_door([claim], step=step)


@pytest.mark.parametrize("length", range(22))
def test_the_line_is_never_longer_than_it_may_be_and_low_is_refused_first(length):
    state = Flow(LIMITS, 2, Period(0.0), waiting=tuple(map(str, range(length))))
    taken = [flow.arrive(state, "x", "ann", priority, 0.0)[0][0][0] == "accepted" for priority in ("high", "normal", "low")]
    assert taken == sorted(taken, reverse=True)
    assert not any(taken) or length < LIMITS.most_waiting


# Who is next, and how many at once


@dataclass(frozen=True, slots=True)
class Hall:
    """Who waits since how many turns, with which priority, in the order in which they came; how many came at all."""

    waiting: tuple[tuple[str, str, int], ...] = ()
    came: int = 0


def hall_calls(pair):
    state, memory = pair
    if memory.came < 8:
        yield from (("comes", str(memory.came), priority) for priority in flow.PRIORITIES)
    yield ("turn",)
    yield from (("ends", request) for request in sorted(state.at_work)[:1])
    yield from (("leaves", request) for _, request in state.line[:1])


def hall(state, call):
    """The router's functions as one; the result of a turn is who gets it, None if nobody does."""
    match call:
        case ("comes", request, priority):
            return [(None, flow.join(replace(state, waiting=(*state.waiting, request)), request, priority))]
        case ("turn",):
            request, after = flow.take(state)
            begun = None if request is None else flow.begin(after, request, 0.0)
            return [(None, state) if begun is None else (request, begun)]
        case ("ends", request):
            return [(None, flow.end(state, request))]
        case ("leaves", request):
            return [(None, flow.end(flow.leave(state, request), request))]


def in_the_hall(memory, call, result):
    waiting, came = memory.waiting, memory.came
    if call[0] == "comes":
        return Hall((*waiting, (call[1], call[2], 0)), came + 1)
    if call[0] == "turn" and result is not None:
        waiting = tuple((request, priority, turns + 1) for request, priority, turns in waiting if request != result)
    elif call[0] == "leaves":
        waiting = tuple(each for each in waiting if each[0] != call[1])
    return Hall(waiting, came)


def turn(move):
    """Who got a turn, with which priority; None if the move is no turn."""
    return next((each for each in move.before[1].waiting if each[0] == move.result), None) if move.call[0] == "turn" else None


def no_more_are_at_work_than_there_are_places(move):
    return len(move.after[0].at_work) <= move.after[0].size


def a_turn_is_given_where_there_is_a_place(move):
    state = move.before[0]
    return move.call[0] != "turn" or (move.result is None) == (not state.line or len(state.at_work) == state.size)


def who_came_first_is_first_among_equals(move):
    chosen = turn(move)
    return chosen is None or chosen == next(each for each in move.before[1].waiting if each[1] == chosen[1])


def a_lower_one_is_next_only_when_it_was_passed_over_too_often(move):
    chosen = turn(move)
    if chosen is None:
        return True
    higher = flow.PRIORITIES[: flow.PRIORITIES.index(chosen[1])]
    return not any(each[1] in higher for each in move.before[1].waiting) or move.before[0].passed.get(chosen[1], 0) >= PATIENCE


def nobody_is_passed_over_for_long(move):
    """The first of each priority: its patience, and a turn for each other priority that has lost its own meanwhile."""
    firsts = {priority: turns for _, priority, turns in reversed(move.after[1].waiting)}
    since = dict.fromkeys(firsts, 0) | dict(move.after[0].passed)
    return all(since[priority] <= PATIENCE + len(flow.PRIORITIES) - 1 for priority in firsts)


def nobody_waits_in_two_places(move):
    state = move.after[0]
    names = [*state.waiting, *state.at_work]
    return len(set(names)) == len(names) and [each[0] for each in move.after[1].waiting] == list(state.waiting)


HALL = [
    no_more_are_at_work_than_there_are_places,
    a_turn_is_given_where_there_is_a_place,
    who_came_first_is_first_among_equals,
    a_lower_one_is_next_only_when_it_was_passed_over_too_often,
    nobody_is_passed_over_for_long,
    nobody_waits_in_two_places,
]


CROWD = ("low", "normal", "high", "high", "high", "high")


def reach_hall(claims, *, step=hall, came=(), most_calls=7):
    """From an empty hall, or from one where some have come already."""
    state, memory = flow.init(LIMITS, 0.0), Hall()
    for number, priority in enumerate(came):
        call = ("comes", str(number), priority)
        ((result, state),) = step(state, call)
        memory = in_the_hall(memory, call, result)
    return explore((state, memory), hall_calls, watched(step, in_the_hall), claims, most_calls=most_calls, key=key)


@pytest.mark.parametrize(
    ("came", "reached"),
    [((), Reached(states=12_291, moves=17_487, all_there_is=False)), (CROWD, Reached(states=3_441, moves=6_307, all_there_is=False))],
)
def test_every_sequence_of_calls_keeps_every_claim(came, reached):
    assert reach_hall(HALL, came=came) == reached


def one_place_too_many(state, call):
    ((result, after),) = hall(replace(state, size=state.size + 1), call)
    return [(result, replace(after, size=state.size))]


def a_lost_place(state, call):
    return [(None, state)] if call[0] == "turn" and len(state.at_work) == state.size - 1 else hall(state, call)


def last_in_first_out(state, call):
    if call[0] == "turn":
        ((result, after),) = hall(replace(state, line=state.line[::-1]), call)
        return [(result, replace(after, line=tuple(each for each in state.line if each in after.line)))]
    return hall(state, call)


def low_goes_first(state, call):
    low = tuple(each for each in state.line if each[0] == "low")
    if call[0] == "turn" and low and len(state.at_work) < state.size:
        request = low[0][1]
        return [(request, flow.begin(flow.leave(state, request), request, 0.0))]
    return hall(state, call)


def no_patience_is_needed(state, call):
    """Strictly by priority, but told of how many turns went to others."""
    if call[0] == "turn" and state.line and len(state.at_work) < state.size:
        first = min(state.line, key=lambda each: flow.PRIORITIES.index(each[0]))
        after = flow.begin(flow.leave(state, first[1]), first[1], 0.0)
        passed = {priority: state.passed.get(priority, 0) + 1 for priority, _ in after.line if priority != first[0]}
        return [(first[1], replace(after, passed=passed))]
    return hall(state, call)


def at_work_and_still_waiting(state, call):
    ((result, after),) = hall(state, call)
    return [(result, replace(after, waiting=state.waiting) if call[0] == "turn" else after)]


WRONG_HALLS = [
    (one_place_too_many, no_more_are_at_work_than_there_are_places),
    (a_lost_place, a_turn_is_given_where_there_is_a_place),
    (last_in_first_out, who_came_first_is_first_among_equals),
    (low_goes_first, a_lower_one_is_next_only_when_it_was_passed_over_too_often),
    (no_patience_is_needed, nobody_is_passed_over_for_long),
    (at_work_and_still_waiting, nobody_waits_in_two_places),
]


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in (*WRONG_DOORS, *WRONG_HALLS)} == {*DOOR, *HALL}


@pytest.mark.parametrize(("step", "claim"), WRONG_HALLS)
def test_a_wrong_hall_breaks_the_claim(step, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach_hall([claim], step=step, came=CROWD)


# The window


def test_the_window_keeps_its_bounds_whatever_is_heard():
    """Fast and slow ends, full or not, a second apart: all sequences until no new state comes."""

    def ends(state):
        now_s = state.period.since_s
        return [(latency_s, full, now_s + wait_s) for latency_s in (0.5, 1.5) for full in (False, True) for wait_s in (1.0, 2.0)]

    def heard(state, call):
        latency_s, full, now_s = call
        after = flow.finished(replace(state, period=replace(state.period, full=full)), latency_s, now_s)
        return [(after.size, replace(after, period=Period(0.0)))]

    def within_bounds_and_by_one(move):
        return LIMITS.least <= move.result <= LIMITS.most and abs(move.result - move.before.size) <= 1

    found = explore(flow.init(LIMITS, 0.0), ends, heard, [within_bounds_and_by_one], most_calls=9, key=lambda state: state.size)
    assert found == Reached(states=3, moves=24, all_there_is=True)

    def unbounded(state, call):
        result, after = heard(replace(state, limits=replace(LIMITS, most=9)), call)[0]
        return [(result, replace(after, limits=LIMITS))]

    with pytest.raises(ClaimBroken, match="within_bounds"):
        explore(flow.init(LIMITS, 0.0), ends, unbounded, [within_bounds_and_by_one], most_calls=9, key=lambda state: state.size)
