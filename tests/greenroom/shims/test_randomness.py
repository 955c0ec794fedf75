"""Randomness inside tasks is the stage's: the same in every execution."""

from __future__ import annotations

import os
import random
import secrets
import uuid

import greenroom


def _draw():
    numbers = [
        random.random(),
        random.randint(1, 10**9),
        random.choice(range(10**9)),
        random.Random().random(),
        random.SystemRandom().random(),
    ]
    random.seed()
    numbers.append(random.random())
    items = list(range(20))
    random.shuffle(items)
    return numbers, items, str(uuid.uuid4()), str(uuid.uuid1()), os.urandom(8), secrets.token_hex(8)


def test_each_execution_draws_the_same():
    assert greenroom.run(_draw).result == greenroom.run(_draw).result


def test_a_seeded_generator_is_what_it_is_outside():
    assert greenroom.run(lambda: random.Random(7).random()).result == random.Random(7).random()

    def scenario():
        random.seed(7)
        return random.random()

    assert greenroom.run(scenario).result == random.Random(7).random()


def test_uuids_are_valid_and_differ():
    first, second, timed = greenroom.run(lambda: (uuid.uuid4(), uuid.uuid4(), uuid.uuid1())).result
    assert first != second
    assert (first.version, timed.version) == (4, 1)
    assert first.variant == uuid.RFC_4122


def test_the_programs_own_generator_outside_is_not_touched():
    random.seed(3)
    expected = [random.random(), random.random()]
    random.seed(3)
    before = random.random()
    greenroom.run(_draw)
    assert [before, random.random()] == expected


def test_what_asks_the_operating_system_is_drawn_by_the_stage():
    def scenario():
        system = random.SystemRandom()
        drawn = (system.random(), system.randint(1, 6), system.choice("abc"), random.SystemRandom().getrandbits(32))
        return drawn, secrets.token_hex(8), secrets.token_bytes(4), secrets.choice(range(100)), secrets.randbelow(10**9), os.urandom(3)

    first, again = greenroom.run(scenario).result, greenroom.run(scenario).result
    assert first == again
    assert first != scenario()
