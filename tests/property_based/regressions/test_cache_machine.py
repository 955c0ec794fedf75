"""Programs that the cache machine has failed at."""

from greenroom.programs import regression
from machines.cache import CacheMachine


@regression(CacheMachine)
def test_who_was_with_the_store_when_the_orchestrator_died_may_wait_for_another_in_its_next_life(state):
    """The machine wanted each that had once been given to the store to be kept; this one was then served with another's meme."""
    state.choose_cache(opening=[], given=False, wish=0, capacity=2, ttl_s=5.5)
    state.fail(calls=1, port="appropriateness")
    state.take_back_at_the_end(port="store", schedule=b"", which=0)
    state.make_later(schedule=b"", which=0)
    state.stampede(which=0)
    state.crash_actor(actor="generator")
    state.advance(schedule=b"\x00\x00\x00\x01", seconds=0.1)
