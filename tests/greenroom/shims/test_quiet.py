"""What Pykka logs inside a task: the program's own handlers see it, the terminal and the test runner do not."""

from __future__ import annotations

import logging

import pykka
import pytest

import greenroom


class Failing(pykka.ThreadingActor):
    def on_receive(self, message):
        raise ValueError(message)


class Kept(logging.Handler):
    def __init__(self, level=logging.NOTSET):
        super().__init__(level)
        self.messages = []

    def emit(self, record):
        self.messages.append((record.levelname, record.getMessage()))


def fail_once():
    ref = Failing.start()
    ref.tell("on purpose")
    while ref.is_alive():
        pass


@pytest.fixture
def pykka_logger():
    logger = logging.getLogger("pykka")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield logger
    logger.handlers[:], logger.level, logger.propagate = before


def run(scenario):
    greenroom.run(scenario, ignore=[greenroom.ActorDied])


def test_the_terminal_and_the_test_runner_get_nothing(caplog, capsys):
    run(fail_once)
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


def test_a_handler_that_the_scenario_attaches_gets_it(pykka_logger):
    def scenario():
        handler, deaf = Kept(), Kept(logging.CRITICAL)
        pykka_logger.addHandler(handler)
        pykka_logger.addHandler(deaf)
        fail_once()
        pykka_logger.removeHandler(handler)
        pykka_logger.removeHandler(deaf)
        assert deaf.messages == []
        return handler.messages

    [(level, message)] = greenroom.run(scenario, ignore=[greenroom.ActorDied]).result
    assert level == "ERROR"
    assert message.startswith("Unhandled exception in Failing")


def test_a_handler_of_a_class_of_the_program_gets_it_wherever_it_was_attached(pykka_logger):
    handler, foreign = Kept(), logging.NullHandler()
    pykka_logger.addHandler(handler)
    logging.getLogger().addHandler(foreign)
    try:
        run(fail_once)
    finally:
        logging.getLogger().removeHandler(foreign)
    assert len(handler.messages) == 1


def test_propagation_ends_where_the_program_ended_it(pykka_logger):
    handler = Kept()
    logging.getLogger().addHandler(handler)
    try:
        run(fail_once)
        pykka_logger.propagate = False
        run(fail_once)
    finally:
        logging.getLogger().removeHandler(handler)
    assert len(handler.messages) == 1


def test_outside_a_task_all_is_as_ever(pykka_logger, caplog):
    with greenroom.Stage(greenroom.policies.policy_named("fifo", 0)):
        pykka_logger.warning("from outside")
    assert caplog.messages == ["from outside"]
