"""Programs that the pipeline machine has failed at."""

from greenroom.programs import regression
from machines.pipeline import PipelineMachine


@regression(PipelineMachine)
def test_nobody_waits_behind_three_naps(state):
    """Whoever came third waited for longer than a call may take; the model has no worker that keeps others waiting."""
    state.choose_world(strange=[], memory=0, opening=["slips cats", "absurd rough cats"])
    state.slow_port(port="factuality")
    state.run(schedule=b"")
    state.slow_port(port="factuality")
    state.submit_failing_later(port="scorer", wish="cats")
    state.advance(schedule=b"", seconds=5.0)
    state.slow_port(port="factuality")


@regression(PipelineMachine)
def test_a_listener_that_dawdles_is_waited_for_before_the_news_are_judged(state):
    """A subscriber was said to have missed what the bus had yet to tell it."""
    state.choose_world(opening=[], strange=[], memory=0)
    state.trouble_news(who="subscriber dawdles")
    state.dawdle_at_the_end(client="ann", wish="cats")
