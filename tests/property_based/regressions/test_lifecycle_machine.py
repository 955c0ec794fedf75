"""Programs that the lifecycle machine has failed at."""

from unittest.mock import patch

from dspy_meme_gen import bootstrap
from greenroom.programs import regression
from machines.lifecycle import LifecycleMachine


@patch.object(bootstrap, "resident_bytes", lambda: 1 << 50)
@regression(LifecycleMachine)
def test_the_memory_of_the_process_that_runs_it_is_no_pressure(state):
    """Where the tests' own process had grown beyond the limit, the health monitor saw to it that requests were shed."""
    state.begin(requests=1, seconds=2.0, deaths=1, port="text")
    state.choose_ending(schedule=b"F&")
    state.advance(schedule=b"", seconds=1.0)
    state.submit_and_cancel(client="ann", schedule=b"")
