"""Pykka on a stage is Pykka: the same programs give the same results as on its own threads."""

from __future__ import annotations

import queue
import sys
import threading
import time

import pykka
import pytest

import greenroom


class Echo(pykka.ThreadingActor):
    """Answers what it is asked, raises what it is told to raise."""

    def __init__(self, name="echo"):
        super().__init__()
        self.name = name
        self.got = []

    def on_receive(self, message):
        self.got.append(message)
        if isinstance(message, Exception):
            raise message
        return message

    def everything(self):
        return tuple(self.got)

    def double(self, number, *, times=2):
        return number * times

    def fail(self):
        raise KeyError("no such thing")


class Part:
    """Something an actor lets others reach through its proxy."""

    pykka_traversable = True

    def __init__(self):
        self.level = 3

    def raised(self, by):
        return self.level + by


class Whole(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.part = Part()
        self.title = "whole"

    def me(self):
        return self.actor_ref.proxy()


def test_an_ask_gives_the_answer(same_on_threads):
    def scenario():
        echo = Echo.start()
        answers = (echo.ask("one"), echo.ask({"two": 2})["two"], echo.ask("three", block=False).get(timeout=5))
        echo.stop()
        return answers

    assert same_on_threads(scenario) == ("one", 2, "three")


def test_tells_of_one_sender_arrive_in_order(same_on_threads):
    def scenario():
        proxy = Echo.start().proxy()
        for number in range(5):
            proxy.actor_ref.tell(number)
        got = proxy.everything().get()
        proxy.stop().get()
        return got

    assert same_on_threads(scenario) == (0, 1, 2, 3, 4)


def test_a_proxy_calls_reads_and_writes(same_on_threads):
    def scenario():
        proxy = Echo.start("old").proxy()
        before = proxy.name.get()
        proxy.name = "new"
        result = (before, proxy.name.get(), proxy.double(4).get(), proxy.double(4, times=3).get())
        proxy.stop().get()
        return result

    assert same_on_threads(scenario) == ("old", "new", 8, 12)


def test_a_traversable_attribute_is_reached_through_the_proxy(same_on_threads):
    def scenario():
        proxy = Whole.start().proxy()
        proxy.part.level = 10
        proxy.title = "changed"
        result = (proxy.part.level.get(), proxy.part.raised(5).get(), proxy.me().get().title.get())
        proxy.stop().get()
        return result

    assert same_on_threads(scenario) == (10, 15, "changed")


def test_an_unknown_attribute_of_a_proxy_raises_at_once(same_on_threads):
    def scenario():
        proxy = Whole.start().proxy()
        try:
            return getattr(proxy, "nothing", "missing")
        finally:
            proxy.stop().get()

    assert same_on_threads(scenario) == "missing"


def test_the_asker_gets_the_exception_and_the_actor_lives_on(same_on_threads):
    def scenario():
        echo = Echo.start()
        try:
            echo.ask(ValueError("bad"))
            raised = None
        except ValueError as error:
            raised = str(error)
        try:
            echo.proxy().fail().get()
            failed = None
        except KeyError as error:
            failed = error.args
        alive = echo.ask("still here")
        echo.stop()
        return raised, failed, alive

    assert same_on_threads(scenario) == ("bad", ("no such thing",), "still here")


def test_the_exception_shows_the_line_that_raised_it_in_the_actor():
    def scenario():
        echo = Echo.start()
        try:
            echo.ask(ValueError("bad"))
        except ValueError as error:
            trace = error.__traceback__
            names = []
            while trace is not None:
                names.append(trace.tb_frame.f_code.co_name)
                trace = trace.tb_next
        echo.stop()
        return names

    assert "on_receive" in greenroom.run(scenario).result


def test_future_map_filter_join_reduce_and_get_all(same_on_threads):
    def scenario():
        echo = Echo.start()
        one, numbers = echo.ask(1, block=False), echo.ask([1, 2, 3, 4], block=False)
        result = (
            one.map(lambda value: value + 10).get(),
            tuple(numbers.filter(lambda value: value % 2).get()),
            tuple(map(str, one.join(numbers).get())),
            numbers.reduce(lambda total, value: total + value, 100).get(),
            tuple(pykka.get_all([echo.ask(i, block=False) for i in range(3)])),
            one.map(lambda value: value + 1).map(lambda value: value * 2).get(timeout=1),
        )
        echo.stop()
        return result

    assert same_on_threads(scenario) == (11, (1, 3), ("1", "[1, 2, 3, 4]"), 110, (0, 1, 2), 4)


def test_a_future_is_set_once_and_read_often(same_on_threads):
    def scenario():
        future = pykka.ThreadingFuture()
        future.set("first")
        for set_again in (lambda: future.set("second"), lambda: future.set_exception((ValueError, ValueError(), None))):
            with pytest.raises(queue.Full):
                set_again()
        with pytest.raises(queue.Full):
            future.set_get_hook(lambda timeout: timeout)
        return future.get(), future.get(timeout=0)

    assert same_on_threads(scenario) == ("first", "first")


def test_a_future_holds_an_exception(same_on_threads):
    def scenario():
        raised = []
        given, current, bare = pykka.ThreadingFuture(), pykka.ThreadingFuture(), pykka.ThreadingFuture()
        given.set_exception((ValueError, ValueError("given"), None))
        try:
            raise LookupError("current")  # noqa: TRY301 - raised to be caught
        except LookupError:
            current.set_exception()
        bare.set_exception((OSError, None, None))
        for future in (given, current, bare, given):
            try:
                future.get()
            except Exception as error:  # noqa: BLE001 - its type is the point
                raised.append((type(error).__name__, str(error)))
        return tuple(raised)

    assert same_on_threads(scenario) == (("ValueError", "given"), ("LookupError", "current"), ("OSError", ""), ("ValueError", "given"))


def test_a_get_hook_runs_once_and_refuses_a_value(same_on_threads):
    def scenario():
        calls = []
        future = pykka.ThreadingFuture()
        future.set_get_hook(lambda timeout: calls.append(timeout) or "hooked")
        with pytest.raises(queue.Full):
            future.set("value")
        return future.get(timeout=3), future.get(), tuple(calls)

    assert same_on_threads(scenario) == ("hooked", "hooked", (3,))


def test_two_readers_of_a_hooked_future_run_the_hook_once(outcomes):
    def scenario():
        calls = []
        echo = Echo.start()
        source = echo.ask("value", block=False)
        future = source.map(lambda value: calls.append(value) or value)
        readers = [threading.Thread(target=future.get) for _ in range(2)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        echo.stop()
        return tuple(calls)

    assert outcomes(scenario) == {("value",)}


def test_a_timeout_is_raised_when_the_reply_is_late_and_the_reply_can_still_be_got(outcomes):
    class Slow(pykka.ThreadingActor):
        def on_receive(self, message):
            time.sleep(2)
            return message

    def scenario():
        slow = Slow.start()
        reply = slow.ask("late", block=False)
        with pytest.raises(pykka.Timeout, match=r"0\.5 seconds"):
            reply.get(timeout=0.5)
        with pytest.raises(pykka.Timeout):
            slow.ask("later", timeout=1)
        late = reply.get(timeout=10)
        slow.stop()
        return late

    assert outcomes(scenario, executions=30) == {"late"}


def test_a_future_can_be_awaited(same_on_threads):
    def scenario():
        echo = Echo.start()
        steps = echo.ask("awaited", block=False).__await__()
        next(steps)
        try:
            next(steps)
            value = None
        except StopIteration as stop:
            value = stop.value
        echo.stop()
        return value

    assert same_on_threads(scenario) == "awaited"


def test_stop_says_whether_the_actor_was_alive(same_on_threads):
    def scenario():
        echo = Echo.start()
        first = echo.stop()
        second = echo.stop()
        third = echo.stop(block=False).get(timeout=1)
        return first, second, third, echo.is_alive()

    assert same_on_threads(scenario) == (True, False, False, False)


def test_a_dead_actor_refuses(same_on_threads):
    def scenario():
        echo = Echo.start()
        proxy = echo.proxy()
        echo.stop()
        refused = []
        for use in (
            lambda: echo.tell("x"),
            lambda: echo.ask("x"),
            echo.proxy,
            lambda: proxy.name.get(),  # noqa: PLW0108 - the name is looked up when it is used
            lambda: echo.ask("x", block=False).get(),
        ):
            try:
                use()
            except pykka.ActorDeadError as error:
                refused.append("not found" in str(error))
        return tuple(refused)

    assert same_on_threads(scenario) == (True,) * 5


def test_messages_behind_a_stop_are_answered_with_actor_dead_error(same_on_threads):
    class Busy(pykka.ThreadingActor):
        def on_receive(self, message):
            message.wait()

    def scenario():
        gate = threading.Event()
        busy = Busy.start()
        busy.tell(gate)
        stopping = busy.stop(block=False)
        late = busy.ask("late", block=False)
        again = busy.stop(block=False)
        gate.set()
        result = stopping.get()
        try:
            late.get()
            outcome = "answered"
        except pykka.ActorDeadError as error:
            outcome = "stopped before handling the message" in str(error)
        return result, outcome, again.get()

    assert same_on_threads(scenario) == (True, True, True)


def test_the_hooks_of_an_actors_life_run_in_order(same_on_threads):
    def scenario():
        log = []

        class Living(pykka.ThreadingActor):
            def on_start(self):
                log.append("start")

            def on_receive(self, message):
                log.append(message)

            def on_stop(self):
                log.append("stop")

        living = Living.start()
        living.tell("message")
        living.stop()
        return tuple(log)

    assert same_on_threads(scenario) == ("start", "message", "stop")


def test_on_failure_sees_the_exception_of_a_tell_and_the_actor_is_gone(same_on_threads):
    def scenario():
        seen = pykka.ThreadingFuture()

        class Failing(Echo):
            def on_failure(self, exception_type, exception_value, traceback):
                seen.set((exception_type.__name__, str(exception_value), traceback is not None))

        failing = Failing.start()
        failing.tell(ValueError("told"))
        result = seen.get()
        return *result, failing.is_alive(), len(pykka.ActorRegistry.get_by_class(Failing))

    assert same_on_threads(scenario) == ("ValueError", "told", True, False, 0)


def test_an_actor_that_fails_in_on_start_is_stopped(outcomes):
    class Stillborn(pykka.ThreadingActor):
        def on_start(self):
            raise OSError("no port")

    def scenario():
        ref = Stillborn.start()
        try:
            ref.ask("anyone?", timeout=5)
        except (pykka.ActorDeadError, pykka.Timeout) as error:
            return type(error).__name__

    # The ask may come before the failure (and be answered by the teardown) or after it (and be refused), or fall between.
    assert outcomes(scenario, ignore=[greenroom.ActorDied]) == {"ActorDeadError", "Timeout"}


def test_an_actor_that_fails_in_on_stop_still_answers_the_stop(same_on_threads):
    class Messy(pykka.ThreadingActor):
        def on_stop(self):
            raise OSError("cannot clean up")

    def scenario():
        return Messy.start().stop()

    assert same_on_threads(scenario, ignore=[greenroom.ActorDied]) is True


def test_actors_start_actors_and_stop_them(same_on_threads):
    class Parent(pykka.ThreadingActor):
        def on_start(self):
            self.child = Echo.start("child")

        def on_receive(self, message):
            return self.child.ask(("from the parent", message))

        def on_stop(self):
            self.child.stop()

    def scenario():
        parent = Parent.start()
        answer = parent.ask("hello")
        parent.stop()
        return answer, len(pykka.ActorRegistry.get_all())

    assert same_on_threads(scenario) == (("from the parent", "hello"), 0)


def test_an_actor_tells_itself(same_on_threads):
    class Counting(pykka.ThreadingActor):
        def __init__(self, done):
            super().__init__()
            self.done = done
            self.actor_ref.tell(3)

        def on_receive(self, left):
            if left:
                self.actor_ref.tell(left - 1)
            else:
                self.done.set("counted down")
                self.stop()

    def scenario():
        done = pykka.ThreadingFuture()
        Counting.start(done)
        return done.get()

    assert same_on_threads(scenario) == "counted down"


def test_stop_all_stops_the_youngest_first(same_on_threads):
    def scenario():
        log = []

        class Logged(Echo):
            def on_stop(self):
                log.append(self.name)

        for name in ("a", "b", "c"):
            Logged.start(name)
        results = tuple(pykka.ActorRegistry.stop_all())
        return results, tuple(log)

    assert same_on_threads(scenario) == ((True, True, True), ("c", "b", "a"))


def test_the_registry_knows_the_actors_of_its_own_world(same_on_threads):
    class Other(Echo):
        pass

    def scenario():
        echo, other = Echo.start(), Other.start()
        registry = pykka.ActorRegistry
        found = (
            [ref.actor_class.__name__ for ref in registry.get_all()] == ["Echo", "Other"],
            registry.get_by_class(Echo) == [echo, other],
            registry.get_by_class_name("Other") == [other],
            registry.get_by_urn(echo.actor_urn) == echo,
            registry.get_by_urn("urn:uuid:nobody") is None,
        )
        registry.broadcast("to all")
        registry.broadcast("to others", Other)
        registry.broadcast("by name", "Echo")
        got = (echo.proxy().everything().get(), other.proxy().everything().get())
        registry.stop_all()
        return found, got, registry.get_all() == []

    assert same_on_threads(scenario) == ((True,) * 5, (("to all", "by name"), ("to all", "to others")), True)


@pytest.mark.parametrize("signal", [SystemExit, KeyboardInterrupt])
def test_system_exit_in_a_handler_stops_all_actors(same_on_threads, signal):
    class Quitting(pykka.ThreadingActor):
        def on_receive(self, message):
            raise message

    def scenario():
        gone = threading.Event()

        class Bystander(Echo):
            def on_stop(self):
                gone.set()

        bystander, quitting = Bystander.start(), Quitting.start()
        quitting.tell(signal())
        gone.wait()
        while pykka.ActorRegistry.get_all():
            time.sleep(0.01)
        return bystander.is_alive(), quitting.is_alive()

    assert same_on_threads(scenario) == (False, False)


def test_an_actor_whose_class_is_a_daemon_may_be_left(same_on_threads):
    class Background(Echo):
        use_daemon_thread = True

    def scenario():
        return Background.start().ask("left running")

    assert same_on_threads(scenario) == "left running"


def test_an_actor_with_a_bounded_inbox_of_its_own_makes_its_senders_wait(same_on_threads):
    class Bounded(Echo):
        @staticmethod
        def _create_actor_inbox():
            return queue.Queue(maxsize=2)

    def scenario():
        ref = Bounded.start()
        for number in range(6):
            ref.tell(number)
        got = ref.proxy().everything().get()
        return got, ref.stop()

    assert same_on_threads(scenario) == ((0, 1, 2, 3, 4, 5), True)


def test_a_bounded_inbox_that_its_own_reader_fills_is_a_deadlock(failure_of):
    class Bounded(pykka.ThreadingActor):
        @staticmethod
        def _create_actor_inbox():
            return queue.Queue(maxsize=1)

        def on_receive(self, message):
            self.actor_ref.tell("one")
            self.actor_ref.tell("two")

    def scenario():
        ref = Bounded.start()
        ref.ask("go")
        ref.stop()

    assert isinstance(failure_of(scenario).error, greenroom.Deadlock)


def test_an_idle_actor_with_an_inbox_of_its_own_is_left_behind_and_not_stuck(failure_of):
    class Own(pykka.ThreadingActor):
        @staticmethod
        def _create_actor_inbox():
            return queue.Queue()

    def scenario():
        Own.start()

    assert type(failure_of(scenario).error) is greenroom.LeftBehind


def test_a_handler_sees_how_full_its_inbox_is(outcomes):
    class Loaded(pykka.ThreadingActor):
        def on_receive(self, message):
            return self.actor_inbox.qsize()

    def scenario():
        loaded = Loaded.start()
        depths = pykka.get_all([loaded.ask(number, block=False) for number in range(2)])
        loaded.stop()
        return tuple(depths)

    assert outcomes(scenario) == {(0, 0), (1, 0)}


def test_the_thread_of_an_actor_bears_its_name(outcomes):
    class Named(pykka.ThreadingActor):
        def on_receive(self, message):
            return threading.current_thread().name

    def scenario():
        names = []
        for _ in range(2):
            ref = Named.start()
            names.append(ref.ask("name"))
            ref.stop()
        return threading.current_thread() is threading.main_thread(), *names

    assert outcomes(scenario, executions=20) == {(True, "Named-1", "Named-2")}


def test_an_actor_that_was_started_before_the_stage_is_refused_by_name():
    echo = Echo.start()
    try:
        with pytest.raises(greenroom.StageError, match=r"Echo was started before the stage opened.*hello"):
            greenroom.run(lambda: echo.ask("hello"))
    finally:
        echo.stop()


def test_a_reference_that_outlives_its_execution_is_no_puzzle():
    kept = []

    def scenario():
        if not kept:
            kept.append(Echo.start())
        ref = kept[0]
        ref.ask("hello")

    greenroom.run(scenario, ignore=[greenroom.LeftBehind])
    with pytest.raises(greenroom.StageClosed, match=r"Echo-1 was started in an earlier execution"):
        greenroom.run(scenario, ignore=[greenroom.LeftBehind])


def test_the_log_of_pykka_stays_quiet_inside_and_speaks_outside(caplog):
    def scenario():
        Echo.start().tell(ValueError("inside"))

    greenroom.run(scenario, ignore=[greenroom.ActorDied])
    assert not caplog.records
    scenario()
    deadline = time.monotonic() + 10
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.001)
    assert "Unhandled exception" in caplog.text


def test_an_exception_in_flight_is_not_mixed_up_between_tasks(outcomes):
    def scenario():
        class Raising(pykka.ThreadingActor):
            def on_receive(self, message):
                try:
                    raise ValueError(message)  # noqa: TRY301 - raised to be caught
                except ValueError:
                    time.sleep(1)
                    return str(sys.exc_info()[1])

        refs = [Raising.start() for _ in range(2)]
        texts = pykka.get_all([ref.ask(name, block=False) for ref, name in zip(refs, "ab", strict=True)])
        for ref in refs:
            ref.stop()
        return tuple(texts)

    assert outcomes(scenario, executions=40) == {("a", "b")}
