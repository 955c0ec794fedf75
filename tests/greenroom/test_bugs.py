"""Small programs with the bugs that actor programs have: each is found from every seed, and its correction is accepted."""

from __future__ import annotations

import contextlib
import threading
import time

import pykka
import pytest

import greenroom

get_all, stop_all = pykka.get_all, pykka.ActorRegistry.stop_all


class Calling(pykka.ThreadingActor):
    """Calls what it is sent, in its own thread."""

    def on_receive(self, function):
        return function()


class Kept(pykka.ThreadingActor):
    """Keeps one value; a function changes it."""

    def __init__(self, value=None):
        super().__init__()
        self.value = value

    def on_receive(self, message):
        if callable(message):
            self.value = message(self.value)
        return self.value


def both(*functions):
    callers = [Calling.start() for _ in functions]
    try:
        return get_all([caller.ask(function, block=False) for caller, function in zip(callers, functions, strict=True)])
    finally:
        for caller in callers:
            caller.stop()


def lost_update(correct):
    account = Kept.start(0)

    def deposit():
        if correct:
            account.ask(lambda balance: balance + 1)
        else:
            balance = account.ask("balance")
            account.ask(lambda _: balance + 1)

    both(deposit, deposit)
    balance = account.ask("balance")
    stop_all()
    assert balance == 2


def mutual_ask(correct):
    class Peer(pykka.ThreadingActor):
        def on_receive(self, other):
            if other is None:
                return "pong"
            if correct:
                other.tell(None)
                return "sent"
            return other.ask(None)

    one, two = Peer.start(), Peer.start()
    both(lambda: one.ask(two), lambda: two.ask(one))
    one.stop()
    two.stop()


def message_order(correct):
    class Printer(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.paper, self.early, self.printed = None, [], []

        def on_receive(self, message):
            if message[0] == "paper":
                self.paper = message[1]
                self.printed += [(self.paper, text) for text in self.early]
            elif message[0] == "text":
                if correct and self.paper is None:
                    self.early.append(message[1])
                else:
                    self.printed.append((self.paper, message[1]))
            return tuple(self.printed)

    printer = Printer.start()
    both(lambda: printer.tell(("paper", "A4")), lambda: printer.tell(("text", "hello")))
    printed = printer.ask(("look",))
    printer.stop()
    assert printed == (("A4", "hello"),)


def stop_race(correct):
    node = Kept.start(1)
    closer = Calling.start()
    stopping = closer.ask(node.stop, block=False)
    with contextlib.suppress(pykka.ActorDeadError, pykka.Timeout):
        node.ask("value", timeout=5 if correct else None)
    stopping.get()
    closer.stop()


def timeout_and_retry(correct):
    charges = []

    class Gateway(pykka.ThreadingActor):
        def on_receive(self, key):
            time.sleep(1)
            if key not in charges or not correct:
                charges.append(key)
            return "charged"

    gateway = Gateway.start()

    def shop(key):
        while True:
            try:
                return gateway.ask(key, timeout=2)
            except pykka.Timeout:
                continue

    def patient(key):
        return gateway.ask(key)

    both(lambda: shop("mine"), lambda: patient("other"), lambda: patient("third"))
    gateway.stop()
    assert charges.count("mine") == 1, charges


def stampede(correct):
    made = []

    class Cache(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.page = None

        def on_receive(self, message):
            if message == "make" and correct and self.page is None:
                made.append(1)
                self.page = "page"
            elif message not in ("look", "make"):
                self.page = message
            return self.page

    cache = Cache.start()

    def visit():
        page = cache.ask("look")
        if page is None and correct:
            cache.ask("make")
        elif page is None:
            made.append(1)
            cache.ask("page")

    both(visit, visit)
    cache.stop()
    assert len(made) == 1


def restart_race(correct):
    class Worker(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    class Supervisor(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.worker = Worker.start()

        def on_receive(self, message):
            if message == "restart":
                self.worker.stop()
                self.worker = Worker.start()
            elif message == "work":
                return self.worker.ask("done")
            return self.worker

        def on_stop(self):
            self.worker.stop()

    supervisor = Supervisor.start()

    def use():
        if correct:
            assert supervisor.ask("work") == "done"
        else:
            worker = supervisor.ask("worker")
            assert worker.ask("done") == "done"

    both(use, lambda: supervisor.ask("restart"))
    supervisor.stop()


def shared_mutable_reply(correct):
    class Basket(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.items = ["apple"]

        def on_receive(self, message):
            if message is not None:
                self.items.append(message)
            return list(self.items) if correct else self.items

    basket, prices = Basket.start(), Kept.start(5)

    def check_out():
        items = basket.ask(None)
        count = len(items)
        total = prices.ask("price") * count
        assert total == 5 * len(items)

    both(check_out, lambda: basket.ask("pear"))
    stop_all()


def lock_across_ask(correct):
    lock = threading.Lock()

    class Store(pykka.ThreadingActor):
        def on_receive(self, message):
            if message == "clean":
                with lock:
                    return "cleaned"
            return "value"

    store = Store.start()

    def read():
        if correct:
            store.ask("read")
            with lock:
                return
        with lock:
            store.ask("read")

    both(read, lambda: store.ask("clean"))
    store.stop()


def starvation_by_a_hog(correct):
    """The hog never leaves of itself: who is refused asks again at once, for ever."""
    seat = Kept.start("hog")
    freed = threading.Event()

    def ask_again():
        while seat.ask("who") == "hog":
            if correct:
                freed.wait()

    def leave():
        if correct or greenroom.choose(True, False):
            seat.ask(lambda _: None)
        freed.set()

    both(ask_again, leave)
    seat.stop()


def dies_by_a_tell(correct):
    class Parser(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.schema = None

        def on_receive(self, message):
            if message == "schema":
                self.schema = {"a": 1}
            elif not correct or self.schema is not None:
                self.parsed = self.schema["a"]

    parser = Parser.start()
    both(lambda: parser.tell("schema"), lambda: parser.tell("parse"))
    parser.stop()


def future_set_twice(correct):
    promise = pykka.ThreadingFuture()
    taken = Kept.start(None)

    def answer(name):
        if correct:
            if taken.ask(lambda who: who or name) == name:
                promise.set(name)
        elif taken.ask("who") is None:
            promise.set(name)
            taken.ask(lambda _: name)

    both(lambda: answer("one"), lambda: answer("two"))
    promise.get()
    taken.stop()


def promise_dropped_on_an_error_path(correct):
    class Desk(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.open = True

        def on_receive(self, message):
            if message == "close":
                self.open = False
            elif self.open:
                message.set("served")
            elif correct:
                message.set("closed")

    desk, promise = Desk.start(), pykka.ThreadingFuture()
    both(lambda: desk.tell("close"), lambda: desk.tell(promise))
    promise.get()
    desk.stop()


def publish_to_a_dead_subscriber(correct):
    class Topic(pykka.ThreadingActor):
        def __init__(self, subscribers):
            super().__init__()
            self.subscribers = subscribers

        def on_receive(self, event):
            for subscriber in self.subscribers:
                try:
                    subscriber.tell(event)
                except pykka.ActorDeadError:
                    if not correct:
                        raise

    subscribers = [Kept.start() for _ in range(2)]
    topic = Topic.start(subscribers)
    both(lambda: topic.tell("event"), subscribers[0].stop)
    topic.stop()
    subscribers[1].stop()


def nested_callbacks(correct):
    class Chain(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.value = 0

        def on_receive(self, message):
            kind, argument = message
            if kind == "add":
                self.value += argument
                return self.value
            if correct:
                return self.value
            return argument(self.actor_ref)

    chain = Chain.start()

    def through():
        return chain.ask(("call", lambda ref: ref.ask(("add", 1))))

    both(through, lambda: chain.ask(("add", 1)))
    chain.stop()


def check_then_lock(correct):
    made, lock = [], threading.Lock()

    def instance():
        if not made:
            with lock:
                if not (correct and made):
                    made.append(object())

    both(instance, instance)
    assert len(made) == 1


def two_locks(correct):
    one, two = threading.Lock(), threading.Lock()

    def move(first, second):
        with first, second:
            pass

    both(lambda: move(one, two), lambda: move(one, two) if correct else move(two, one))


def lost_notification(correct):
    condition, ready = threading.Condition(), []

    def wait():
        with condition:
            if correct:
                condition.wait_for(lambda: ready)
            else:
                condition.wait()

    def notify():
        with condition:
            ready.append(True)
            condition.notify()

    both(wait, notify)


def leak_on_a_fast_path(correct):
    class Session(pykka.ThreadingActor):
        pass

    gate = Kept.start("open")

    def log_in():
        session = Session.start()
        if gate.ask("state") == "open" or correct:
            session.stop()

    both(log_in, lambda: gate.ask(lambda _: "closed"))
    gate.stop()


BUGS = {
    lost_update: AssertionError,
    mutual_ask: greenroom.Deadlock,
    message_order: AssertionError,
    stop_race: greenroom.ReplyNeverComes,
    timeout_and_retry: AssertionError,
    stampede: AssertionError,
    restart_race: (pykka.ActorDeadError, greenroom.Deadlock),
    shared_mutable_reply: AssertionError,
    lock_across_ask: greenroom.Deadlock,
    starvation_by_a_hog: greenroom.Livelock,
    dies_by_a_tell: greenroom.ActorDied,
    future_set_twice: Exception,
    promise_dropped_on_an_error_path: greenroom.ReplyNeverComes,
    publish_to_a_dead_subscriber: (greenroom.ActorDied, greenroom.Deadlock),
    nested_callbacks: greenroom.SelfAsk,
    check_then_lock: AssertionError,
    two_locks: greenroom.Deadlock,
    lost_notification: greenroom.Deadlock,
    leak_on_a_fast_path: greenroom.LeftBehind,
}


@pytest.mark.parametrize("program", BUGS, ids=lambda program: program.__name__)
def test_the_bug_is_found_from_every_seed(program):
    for seed in range(5):
        report = greenroom.explore(lambda: program(correct=False), executions=2000, seed=seed, shrink=False, max_steps=3000)
        assert report.failure is not None, seed
        assert isinstance(report.failure.error, BUGS[program]), report.failure.headline


@pytest.mark.parametrize("program", BUGS, ids=lambda program: program.__name__)
def test_the_correction_is_accepted(program):
    report = greenroom.explore(lambda: program(correct=True), executions=2000, max_steps=3000)
    assert report.ok, report.failure.headline


@pytest.mark.parametrize("program", [timeout_and_retry, stop_race, stampede], ids=lambda program: program.__name__)
def test_the_correction_is_accepted_where_timeouts_strike_at_any_point(program):
    report = greenroom.explore(lambda: program(correct=True), executions=500, timers="explored", max_steps=3000)
    assert report.ok, report.failure.headline


@pytest.mark.parametrize("program", [lost_update, mutual_ask, message_order, lock_across_ask], ids=lambda program: program.__name__)
def test_what_was_found_is_shrunk_replayed_and_still_fails(program):
    def scenario():
        program(correct=False)

    failure = greenroom.explore(scenario, policy="random", seed=1).failure
    assert len(failure.schedule) <= 3
    assert greenroom.replay(scenario, str(failure.schedule)).failure.headline == failure.headline
