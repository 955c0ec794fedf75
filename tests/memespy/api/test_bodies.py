"""What the published schemas allow is taken, or refused for what no schema can say; what they forbid is refused and says where."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from strategies.bodies import BODIES
from tests.memespy.api.test_malicious import service, unharmed

PATHS = {"a wish": "/api/v1/memes/async", "a search": "/api/v1/analytics/search"}
THOROUGHLY = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck), max_examples=25)


@pytest.mark.parametrize("name", BODIES)
def test_the_service_judges_a_body_by_the_schema_that_it_publishes(tmp_path, name):
    path = PATHS[" ".join(name.split()[:2])]
    with service(tmp_path) as client:

        @THOROUGHLY
        @given(BODIES[name])
        def check(body):
            answer = unharmed(client.post(path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}))
            if "breaks" in name:
                assert answer.status_code == 422
                assert answer.json()["errors"], "it says which field is wrong"
            elif name == "a search by the schema":
                assert answer.status_code == 200
            else:
                assert answer.status_code in {202, 422}

        check()
