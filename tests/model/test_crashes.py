"""What a crash may do to the calls of a port: nothing, waste one, or count as an error the second time."""

from model.crashes import disturbed, outages, suffixes
from model.world import Fault, Faults

DOWN, CRASHED = Fault("PortDown"), Fault("ActorCrashed")


def scorer_queues(faults, *crashes):
    return {met.scorer for met in disturbed(faults, crashes)}


def test_no_crash_changes_nothing():
    assert disturbed(Faults(scorer=(DOWN,)), ()) == (Faults(scorer=(DOWN,)),)


def test_one_crash_may_waste_one_entry_whichever():
    assert scorer_queues(Faults(scorer=(None, DOWN)), "scorer") == {(None, DOWN), (DOWN,), (None,)}


def test_one_crash_where_nothing_fails_changes_nothing():
    assert scorer_queues(Faults(), "scorer") == {()}


def test_two_crashes_may_be_one_error_at_any_call():
    found = scorer_queues(Faults(), "scorer", "scorer")
    assert () in found
    assert {queue.index(CRASHED) for queue in found if queue} == {0, 1, 2, 3, 4, 5}
    assert all(queue.count(CRASHED) == 1 for queue in found if queue)


def test_four_crashes_may_be_two_errors():
    assert max(queue.count(CRASHED) for queue in scorer_queues(Faults(), *["scorer"] * 4)) == 2


def test_a_crash_stays_with_its_port():
    assert {met.text for met in disturbed(Faults(text=(DOWN,)), ("scorer", "scorer"))} == {(DOWN,)}


def test_an_earlier_run_may_have_met_any_number_of_faults():
    assert {(met.text, met.image) for met in suffixes(Faults(text=(None, DOWN), image=(DOWN,)))} == {
        (text, image) for text in ((None, DOWN), (DOWN,), ()) for image in ((DOWN,), ())
    }


def test_a_write_fails_in_each_condition_in_which_the_database_was_away():
    assert outages(Faults(), (True,)) == (Faults(),)
    assert [bool(met.store) for met in outages(Faults(), (True, False))] == [False, True]
