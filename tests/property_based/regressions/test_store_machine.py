"""Programs that the store machine has failed at."""

from greenroom.programs import regression
from machines.store import StoreMachine


@regression(StoreMachine)
def test_a_record_is_asked_for_again_while_a_write_of_it_that_was_given_up_goes_on(state):
    """The model took the end of that write for an answer to the later request, which then had its own write to come."""
    state.choose_database(kind="memory", rest_s=0.0, opening=[])
    state.delay_write(how="slow")
    state.make_while_written(how="late", schedule=b"", which=2)
    state.make_while_written(how="hangs", schedule=b"", which=0)
    state.submit(client="ann", which=2)


@regression(StoreMachine)
def test_a_read_that_fails_brings_back_no_rest_that_is_over(state):
    """A database that had failed at a write, and was well since, was left alone for the rest of the old time when a read failed."""
    state.choose_database(kind="memory", rest_s=7.0, opening=[])
    state.outage_passes(schedule=b"", which=0)
    state.outage_passes(schedule=b"", which=0)
