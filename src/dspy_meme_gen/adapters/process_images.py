"""Memes drawn in processes of their own, beside the one that serves: Python draws on one processor at a time."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.domain import FORMATS, MemeText, RenderedImage

__all__ = ["ProcessImageModel"]


class ProcessImageModel:
    """Gives each picture to one of `processes` processes, each with a model made of the same arguments: the bytes are the same as here.

    A process that dies takes the pictures with it that were under way in the pool: these calls raise BrokenProcessPool, and the next
    one has a new pool. Any thread may call. `close` ends the processes.
    """

    def __init__(self, processes: int, width: int, height: int, *, fallback_font: str | None = None) -> None:
        self._processes = processes
        self._arguments = (width, height, fallback_font)
        self._here = PillowImageModel(width, height, fallback_font=fallback_font)
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start the processes, and wait for none, so that the first picture need not wait for long. Raises RuntimeError after `close`."""
        pool = self._current()
        for _ in range(self._processes):
            pool.submit(_render, MemeText("", ""), FORMATS[0])  # one that fails will be seen by the next picture

    def render(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's name
        """The finished picture. Raises BrokenProcessPool if its process died, RuntimeError after `close`."""
        pool = self._current()
        try:
            return pool.submit(_render, text, format).result()
        except BrokenProcessPool:
            self._drop(pool)
            raise

    def placeholder(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's name
        """Drawn here: it must not fail."""
        return self._here.placeholder(text, format)

    def close(self) -> None:
        """End the processes; a second call does nothing."""
        with self._lock:
            self._closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _current(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise RuntimeError("the pictures' processes have ended; make a new model")
            if self._pool is None:
                # Not forked: a fork copies locks that other threads hold.
                context = multiprocessing.get_context("spawn")
                self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_begin, initargs=self._arguments)
            return self._pool

    def _drop(self, broken: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is broken:
                self._pool = None
        broken.shutdown(wait=False)


_model: PillowImageModel | None = None  # of the process that draws


def _begin(width: int, height: int, fallback_font: str | None) -> None:
    global _model  # noqa: PLW0603 - a process has one
    # Ctrl-C goes to all processes of a terminal: the one that serves says when it is over.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _model = PillowImageModel(width, height, fallback_font=fallback_font)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A server that is killed cannot close its pool: whoever draws for it must see that."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a pool begins here"
    parent.join()
    os._exit(1)


def _render(text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's name
    assert _model is not None, "the process has begun"
    return _model.render(text, format)
