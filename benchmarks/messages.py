"""What one delivered message costs: Pykka's own handling of it in line, without any scheduler, and one more message of a long execution."""

from __future__ import annotations

import time

import greenroom
from benchmarks.programs import Register, many_messages

IN_LINE = 10_000
SHORT, LONG = 500, 4_500


def in_line(how: str) -> float:
    """CPU microseconds for a message that goes through Pykka's reference, envelope, inbox, handler and future, all in one thread."""
    actor = Register()
    reference, inbox = actor.actor_ref, actor.actor_inbox
    started = time.process_time()
    for _ in range(IN_LINE):
        future = reference.ask(("get",), block=False) if how == "ask" else reference.tell(("get",))
        envelope = inbox.get()
        try:
            answer = actor._handle_receive(envelope.message)  # noqa: SLF001 - what Pykka's own loop calls
            if envelope.reply_to is not None:
                envelope.reply_to.set(answer)
        except Exception:  # noqa: TRY203 - what the loop pays for as well
            raise
        if future is not None:
            future.get()
    return (time.process_time() - started) / IN_LINE * 1e6


def on_stage(how: str, policy: str) -> float:
    """CPU microseconds for one more message of an execution under greenroom: a long one less a short one."""
    return (_execution(LONG, how, policy) - _execution(SHORT, how, policy)) / (LONG - SHORT) * 1e6


def _execution(count: int, how: str, policy: str) -> float:
    started = time.process_time()
    greenroom.explore(lambda: many_messages(count, how), executions=1, policy=policy, max_steps=10_000_000).raise_failure()
    return time.process_time() - started
