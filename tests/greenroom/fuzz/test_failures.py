"""Which failures are one: the same test, the same class, the same line."""

from __future__ import annotations

import random

import greenroom
from greenroom.fuzz.failures import FoundFailure, identified, leaves, replay_line, told


def raised(function, *arguments):
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001 - any
        return error
    raise AssertionError


def odd(number):
    if number > 5:
        raise ValueError(f"{number} is odd")
    raise ValueError(f"{number} is small")


def fails(number):
    if number >= 0:
        raise AssertionError


def asks_a_library():
    random.choice([])


def of(error, test="t.py::test"):
    return identified(test, error).id


def test_the_same_line_is_the_same_failure_whatever_the_message():
    assert of(raised(odd, 7)) == of(raised(odd, 9))


def test_another_line_another_class_or_another_test_is_another_failure():
    one = raised(odd, 7)
    assert len({of(one), of(raised(odd, 1)), of(raised(fails, 1)), of(one, "t.py::other")}) == 4


def test_the_line_is_the_programs_own_also_where_a_library_raised():
    failure = identified("t.py::test", raised(asks_a_library))
    assert "test_failures.py:" in failure.place
    assert failure.headline.startswith("IndexError: ")


def test_a_promise_that_was_broken_has_no_line():
    def deadlock():
        raise greenroom.errors.Deadlock("a waits for b")

    failure = identified("t.py::test", raised(deadlock))
    assert failure.place == ""
    assert failure.headline == "Deadlock: a waits for b"


def test_an_error_without_a_message_is_told_by_its_source():
    assert "AssertionError: raise AssertionError (" in identified("t.py::test", raised(fails, 1)).headline


def test_several_failures_at_once_are_told_apart():
    inner = ExceptionGroup("inner", [ValueError("b"), TypeError("c")])
    assert [str(error) for error in leaves(ExceptionGroup("outer", [KeyError("a"), inner]))] == ["'a'", "b", "c"]


def test_notes_are_what_is_shown_and_the_blob_is_kept_apart():
    error = ValueError("odd")
    error.add_note("Failing test case: test(a=1)")
    error.add_note(
        "\nYou can reproduce this test case by temporarily adding @reproduce_failure('6.1', b'AEMB') as a decorator on your test case"
    )
    assert told(error, error) == ("Failing test case: test(a=1)", "AEMB")


def test_a_failure_is_read_back_as_it_was_written():
    failure = identified("t.py::test", raised(odd, 7))
    assert FoundFailure.from_json({**failure.to_json(), "of a later version": 1}) == failure


def test_a_replay_line_is_one_for_a_shell():
    assert replay_line("t.py::test[a b]", None) == "pytest 't.py::test[a b]'"
    assert replay_line("t.py::test", "fuzz") == "pytest t.py::test --hypothesis-profile fuzz"
