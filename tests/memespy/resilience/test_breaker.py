"""The breaker: what it counts, what it lets through, and that nothing wedges it."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from dspy_meme_gen.resilience.breaker import Breaker, BreakerPolicy

POLICY = BreakerPolicy(failures=3, recovery_s=30.0, successes=2)


def opened(at_s: float = 0.0) -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(POLICY.failures):
        breaker, ticket = breaker.admit(at_s)
        breaker = breaker.failure(ticket, at_s)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row():
    breaker = Breaker(POLICY)
    for failures in range(1, 4):
        assert breaker.state(0.0) == "closed"
        _, ticket = breaker.admit(0.0)
        breaker = breaker.failure(ticket, 0.0)
        assert (breaker.state(0.0) == "open") is (failures == 3)


def test_a_success_in_between_begins_the_count_anew():
    breaker = Breaker(POLICY)
    _, ticket = breaker.admit(0.0)
    for outcome in ("failure", "failure", "success", "failure", "failure"):
        breaker = breaker.failure(ticket, 0.0) if outcome == "failure" else breaker.success(ticket)
    assert breaker.state(0.0) == "closed"


def test_an_open_one_refuses_and_refusals_do_not_keep_it_open():
    breaker = opened()
    for now_s in (0.0, 10.0, 29.9):
        same, ticket = breaker.admit(now_s)
        assert same is breaker
        assert ticket is None
    assert breaker.retry_after_s(10.0) == 20.0
    assert breaker.admit(30.0)[1] is not None


def test_half_open_lets_one_probe_through_at_a_time_and_two_successes_close_it():
    breaker, probe = opened().admit(30.0)
    assert breaker.admit(30.0)[1] is None
    breaker = breaker.success(probe)
    assert breaker.state(30.0) == "half-open"
    breaker, second = breaker.admit(31.0)
    assert breaker.admit(31.0)[1] is None
    assert breaker.success(second).state(31.0) == "closed"


def test_a_failed_probe_opens_it_for_the_whole_time_again():
    breaker, probe = opened().admit(30.0)
    breaker = breaker.failure(probe, 31.0)
    assert breaker.admit(60.9)[1] is None
    assert breaker.admit(61.0)[1] is not None


def test_a_probe_that_is_given_up_leaves_its_place():
    breaker, probe = opened().admit(30.0)
    assert breaker.given_up(probe).admit(30.0)[1] is not None


def test_calls_that_began_before_it_opened_say_nothing_any_more():
    _, early = Breaker(POLICY).admit(0.0)
    breaker = opened()
    assert breaker.failure(early, 20.0) is breaker
    assert breaker.success(early) is breaker
    breaker, probe = breaker.admit(30.0)
    assert breaker.success(early) is breaker
    breaker = breaker.success(probe)
    breaker, second = breaker.admit(30.0)
    closed = breaker.success(second)
    assert closed.failure(early, 30.0) is closed
    assert closed.failed == 0


class BreakerMachine(RuleBasedStateMachine):
    """Calls that begin and end in any order: never two probes at once, and never closed for ever to everybody."""

    tickets = Bundle("tickets")

    def __init__(self):
        super().__init__()
        self.breaker = Breaker(POLICY)
        self.now_s = 0.0
        self.probes = set()

    @rule(target=tickets)
    def call(self):
        before = self.breaker
        self.breaker, ticket = before.admit(self.now_s)
        if ticket is None:
            assert self.breaker is before
        elif ticket.probe:
            assert not {era for era in self.probes if era == ticket.era}, "two probes at once"
            self.probes.add(ticket.era)
        return ticket

    @rule(ticket=consumes(tickets), end=st.sampled_from(("success", "failure", "given up")))
    def end(self, ticket, end):
        if ticket is None:
            return
        if ticket.probe:
            self.probes.discard(ticket.era)
        if end == "failure":
            self.breaker = self.breaker.failure(ticket, self.now_s)
        else:
            self.breaker = self.breaker.success(ticket) if end == "success" else self.breaker.given_up(ticket)

    @rule(seconds=st.sampled_from((1.0, 30.0)))
    def wait(self, seconds):
        self.now_s += seconds

    @invariant()
    def it_lets_somebody_through_in_the_end(self):
        later = self.now_s + POLICY.recovery_s
        assert self.breaker.probing or self.breaker.admit(later)[1] is not None
        if self.breaker.probing:
            assert self.breaker.era in self.probes


TestBreakerMachine = BreakerMachine.TestCase
