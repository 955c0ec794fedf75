"""Pictures drawn in processes of their own: the same bytes, and what becomes of a process that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import psutil
import pytest

from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.adapters.process_images import ProcessImageModel
from dspy_meme_gen.domain import FORMATS, MemeText

TEXT = MemeText("not sure if", "or just \ud800")


@pytest.fixture
def model():
    made = ProcessImageModel(2, 96, 72)
    yield made
    made.close()


def drawers():
    alive = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]  # other tests have children too
    return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]


def test_the_bytes_are_those_that_this_process_would_draw(model):
    here = PillowImageModel(96, 72)
    with ThreadPoolExecutor(4) as threads:
        elsewhere = list(threads.map(lambda name: model.render(TEXT, name), FORMATS))
    assert elsewhere == [here.render(TEXT, name) for name in FORMATS]
    assert model.placeholder(TEXT, "classic") == here.placeholder(TEXT, "classic")


def test_processes_that_are_prepared_for_are_there_before_the_first_picture(model):
    assert drawers() == []
    model.prepare()
    assert len(drawers()) == 2
    model.prepare()
    assert model.render(TEXT, "classic") == PillowImageModel(96, 72).render(TEXT, "classic")
    assert len(drawers()) == 2
    model.close()
    with pytest.raises(RuntimeError, match="have ended"):
        model.prepare()


def test_after_a_process_has_died_the_next_picture_has_a_new_one(model):
    before = model.render(TEXT, "classic")
    for child in drawers():
        child.send_signal(signal.SIGKILL)
        child.wait(10)
    with pytest.raises(BrokenProcessPool):
        model.render(TEXT, "classic")
    assert model.render(TEXT, "classic") == before


def test_closing_ends_the_processes_and_draws_no_more(model):
    model.render(TEXT, "classic")
    assert drawers()
    model.close()
    model.close()
    assert drawers() == []
    with pytest.raises(RuntimeError, match="have ended"):
        model.render(TEXT, "classic")


def test_whoever_draws_ends_with_the_process_that_it_draws_for():
    program = textwrap.dedent("""
        import psutil, time
        from dspy_meme_gen.adapters.process_images import ProcessImageModel
        from dspy_meme_gen.domain import MemeText

        if __name__ == "__main__":
            ProcessImageModel(1, 96, 72).render(MemeText("a", "b"), "classic")
            print(*[child.pid for child in psutil.Process().children(recursive=True)], flush=True)
            time.sleep(600)
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment, text=True) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()
    assert pids
    until = time.monotonic() + 30
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids) and time.monotonic() < until:
        time.sleep(0.01)
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
