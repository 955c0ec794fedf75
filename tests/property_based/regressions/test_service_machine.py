"""Programs that the service machine has failed at."""

from greenroom.programs import regression
from machines.service import ServiceMachine


@regression(ServiceMachine)
def test_who_brings_an_odd_x_request_id_may_leave(state):
    """The machine took the request for one that nobody had taken back: the service knows it by an id of its own making."""
    state.choose_world(cached=True, strange=[], odd=[], opening=0, slow=False)
    state.delay(seconds=0.3)
    state.send_odd(which=17)
    state.run(schedule=b"")
    state.leave(which=0)
