"""Valid requests shrink to the simplest, and small pools make duplicates."""

from hypothesis import find, given

from dspy_meme_gen.domain import GenerateMeme, payload_key, validate
from model.validation import Fit, judge
from strategies.requests import plain_requests, pools, requests


@given(requests())
def test_every_request_is_valid(request):
    assert isinstance(judge(request), Fit)


def test_requests_shrink_to_the_simplest():
    assert find(requests(), lambda _: True) == GenerateMeme("r1", "cats")
    assert find(plain_requests(), lambda _: True) == GenerateMeme("r1", "cats")


@given(pools())
def test_a_pool_has_at_most_two_payloads(pool):
    assert len({payload_key(validate(request)) for request in pool}) <= 2


def test_pools_hold_equal_payloads_under_two_ids():
    pool = find(pools(), lambda pool: len(pool) == 2 and pool[0].request_id != pool[1].request_id)
    assert pool == (GenerateMeme("r1", "cats"), GenerateMeme("r2", "cats"))


def test_pools_hold_conflicts():
    def conflicts(pool):
        return any(a.request_id == b.request_id and payload_key(validate(a)) != payload_key(validate(b)) for a in pool for b in pool)

    one, other = find(pools(), conflicts)
    assert one.request_id == other.request_id == "r1"
