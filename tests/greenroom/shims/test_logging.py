"""Logging inside tasks: a handler's lock is a lock like any other."""

from __future__ import annotations

import logging
import queue
import threading
import time
from logging.handlers import QueueHandler, QueueListener

import pykka
import pytest


class Slow(logging.Handler):
    """Takes its time in the middle of each record, as a handler that writes to a file does."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(f"begin {record.getMessage()}")
        time.sleep(1)
        self.lines.append(f"end {record.getMessage()}")


class Speaker(pykka.ThreadingActor):
    def on_receive(self, message):
        logging.getLogger("program").warning("%s", message)


@pytest.fixture
def logger():
    logger = logging.getLogger("program")
    before = (list(logger.handlers), logger.level, logger.propagate)
    logger.propagate = False
    yield logger
    logger.handlers[:], logger.level, logger.propagate = before


def test_records_of_two_actors_do_not_mix_in_one_handler(logger, outcomes):
    def scenario():
        handler = Slow()
        logger.addHandler(handler)
        speakers = [Speaker.start() for _ in range(2)]
        pykka.get_all([speaker.ask(name, block=False) for speaker, name in zip(speakers, "ab", strict=True)])
        pykka.ActorRegistry.stop_all()
        logger.removeHandler(handler)
        return tuple(handler.lines)

    first = ("begin a", "end a", "begin b", "end b")
    assert outcomes(scenario, executions=100) == {first, (*first[2:], *first[:2])}


def test_a_record_knows_the_task_and_the_time(logger, outcomes):
    def scenario():
        records = []
        handler = Slow()
        handler.emit = records.append
        logger.addHandler(handler)
        speaker = Speaker.start()
        time.sleep(60)
        speaker.ask("hello")
        logger.warning("from the scenario")
        speaker.stop()
        logger.removeHandler(handler)
        return tuple((record.threadName, record.created - records[0].created) for record in records)

    assert outcomes(scenario, executions=20) == {(("Speaker-1", 0.0), ("MainThread", 0.0))}


def test_a_queue_listener_writes_in_a_thread_of_its_own(logger, same_on_threads):
    def scenario():
        lines, waiting = [], queue.Queue()
        handler = logging.Handler()
        handler.emit = lambda record: lines.append((record.getMessage(), threading.current_thread() is threading.main_thread()))
        listener = QueueListener(waiting, handler)
        logger.addHandler(QueueHandler(waiting))
        listener.start()
        logger.warning("one")
        logger.warning("two")
        listener.stop()
        logger.handlers.clear()
        return lines[0], lines[1]

    assert same_on_threads(scenario) == (("one", False), ("two", False))
