"""The supervision machine: any actor dies at any message, under every strategy, in a tree that grants few restarts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pykka
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen import bootstrap, names
from dspy_meme_gen.actors.supervised import SupervisedActor
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import KINDS
from dspy_meme_gen.messages import Happened
from dspy_meme_gen.resilience.restarts import RestartPolicy, Strategy
from dspy_meme_gen.resilience.supervision import Group, Plan
from dspy_meme_gen.roster import Roster
from greenroom.policies.drawn import schedule_bytes
from greenroom.task import current_task
from machines.part import CLIENTS, PartMachine, on_stage
from machines.places import supervision as places
from machines.statistics import Statistics
from model import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.task import Task
    from machines.taps import Taps

LIMITS: Final = {"few": tree.Limits(most=2, window_s=20.0), "more": tree.Limits(most=4, window_s=20.0)}
PAUSES_S: Final = (3.0, 6.0, 15.0, 0.5)
INSPECTS_S: Final = 1.5
"""A new supervisor looks for those who are overdue after a second."""
IMAGES: Final = ("image_generator", "image_generator-2")
TEXTS: Final = ("text_generator", "text_generator-2")


def planted(
    *,
    root: tree.Strategy = "one_for_one",
    pools: tree.Strategy = "one_for_one",
    workers: tree.Strategy = "one_for_one",
    core: tree.Strategy,
) -> tree.Group:
    """The service's tree with other strategies."""
    work = (
        "store",
        "cache",
        tree.Group("image_generator pool", pools, IMAGES),
        "refiner",
        "scorer",
        *KINDS,
        tree.Group("text_generator pool", pools, TEXTS),
    )
    return tree.Group(
        "pipeline",
        root,
        (
            tree.Group("supervisors", "one_for_one", ("supervisor",)),
            tree.Group("observers", "one_for_one", ("metrics", "event_bus")),
            tree.Group("workers", workers, work),
            tree.Group("core", core, ("meme_generator", "router")),
        ),
    )


SERVICE: Final = planted(core="rest_for_one")
"""What the service does by itself: of all trees this one alone is not handed to it."""
TREES: Final = {
    "the service's own": SERVICE,
    "flat": tree.Group("pipeline", "one_for_one", tree.actors(SERVICE)),
    "all": planted(pools="one_for_all", core="one_for_all"),
    "rest": planted(workers="rest_for_one", core="rest_for_one"),
    "escalating": planted(pools="escalate", core="escalate"),
    "everybody": planted(root="one_for_all", core="escalate"),
}
ACTORS: Final = tree.actors(SERVICE)
HALFWAY: Final = (names.SUPERVISOR, names.MEME_GENERATOR, names.ROUTER, *ACTORS)


class DiedHalfway(RuntimeError):
    """An actor has died in the middle of a message."""


class SupervisionMachine(PartMachine):
    """Who is started again, when, and when it is too much, is the model's to say."""

    statistics: ClassVar[Statistics] = Statistics()
    places = staticmethod(places.places)
    starts_late = True
    waits = False
    settings: ClassVar[dict[str, Any]] = {"restart_window_s": LIMITS["few"].window_s}

    @initialize(
        name=st.sampled_from(sorted(TREES)),
        most=st.sampled_from(sorted(LIMITS)),
        requests=st.integers(0, 3),
        victim=st.sampled_from(ACTORS),
        deaths=st.lists(st.sampled_from(PAUSES_S), max_size=6),
    )
    def plant(self, name: str, most: str, requests: int, victim: str, deaths: list[float]) -> None:
        """Start the service with a tree; one actor may have died a few times already, with so many seconds after each death."""
        self.victim = victim
        limits = LIMITS[most]
        self.tree = tree.Tree(TREES[name], limits)
        self.incarnations = dict.fromkeys(ACTORS, 0)
        self.paused_s = 0.0
        self.pause_ends_s = 0.0
        self.supervisor_died = False
        self.stopping: list[str] = []
        self.halfway: dict[str, int] = {}
        self.at_it: set[Any] = set()
        if TREES[name] is not SERVICE:
            self.taps.replace(bootstrap, "tree", lambda _: _group(TREES[name], limits))
        self.perform(self.start_service, {"restart_limit": limits.most, "restart_backoff_s": 0.001 if self.on_threads else limits.first_s})
        for number in range(requests):
            self.submit(CLIENTS[number])
        for seconds in deaths if not self.on_threads else ():
            self.kill_again(b"")
            self.advance(seconds, b"")

    def set_taps(self, taps: Taps) -> None:
        """What the supervisor learns of deaths, under the roster's lock, and whom a name stands for from then on."""
        taps.after(Roster, "failed", self._on_plan)
        taps.before(Address, "point_at", self._on_start)
        taps.before(pykka.ActorRef, "stop", self._on_stop)
        taps.before(Address, "tell", self._on_tell)
        taps.replace(SupervisedActor, "on_receive", self._noted(SupervisedActor.on_receive))
        taps.after(Roster, "start_awaited", lambda started, *_: self.note("started", [name for name, _ in started]))

    def _noted(self, original: Callable[[SupervisedActor, object], None]) -> Callable[[SupervisedActor, object], None]:
        """While an actor handles a message it is known to be at it: what it tells when it dies is something else."""

        def on_receive(actor: SupervisedActor, message: object) -> None:
            task = current_task()
            self.at_it.add(task)
            try:
                original(actor, message)
            finally:
                self.at_it.discard(task)

        return on_receive

    def _on_tell(self, _: Address, message: object) -> None:
        task = current_task()
        if task not in self.at_it or isinstance(message, Happened):  # what a listener raises, the bus too, kills nobody
            return
        name = task.actor.identity.name
        left = self.halfway.pop(name, 0)
        if left > 1:
            self.halfway[name] = left - 1
        elif left:
            raise DiedHalfway(*self._on_crash(task).args)

    def _died_of_fault(self, task: Task) -> bool:
        return isinstance(task.died_of, DiedHalfway) or super()._died_of_fault(task)

    def _on_plan(self, plan: Any, _: Roster, name: str, incarnation: int) -> None:
        self.note("learns", name, incarnation)
        if isinstance(plan, Plan) and plan.delay_s > 0:
            self.pause_ends_s = self.now_s + plan.delay_s

    def _on_stop(self, ref: Any, **_: Any) -> None:
        task = current_task()
        if task is not None and task.actor is not None:  # else it is the end of all
            self.note("stops", next(name for name, address in self.service.addresses.items() if address.ref == ref))

    def _on_start(self, address: Address, _: object, incarnation: int) -> None:
        self.note("starts", address.name, incarnation, address.ref is not None and address.ref.is_alive())
        if address.name == names.MEME_GENERATOR:
            self.reruns = max(self.reruns, incarnation - 1)

    def whereabouts(self, now_s: float) -> dict[str, str]:
        """Where the tree is."""
        return {"tree": places.label(self.tree, now_s)}

    # -- rules ---------------------------------------------------------------------------------------------------------------------

    @rule(client=st.sampled_from(CLIENTS))
    def submit(self, client: str) -> None:
        """A new request."""
        self.submit_request(client, f"stubborn cats {len(self.requests)}")

    @precondition(on_stage)
    @rule(actor=st.sampled_from(ACTORS), client=st.sampled_from(CLIENTS))
    def kill(self, actor: str, client: str) -> None:
        """An actor dies of a message of its own."""
        address = self.service.addresses[actor]
        if address.ref is not None and self.crash(address.ref, self._on_crash):
            self.client(client).call("kill", address.tell, "a message that no actor knows")

    @precondition(on_stage)
    @rule(schedule=schedule_bytes())
    def kill_again(self, schedule: bytes) -> None:
        """The one that has the worst of it dies once more."""
        self.kill(self.victim, CLIENTS[0])
        self.run(schedule)

    @precondition(lambda self: not self.on_threads and self.pause_ends_s > self.now_s)
    @rule(schedule=schedule_bytes())
    def kill_the_supervisor_as_a_pause_ends(self, schedule: bytes) -> None:
        """The supervisor dies in the very moment in which it is to be told that a pause is over."""
        address = self.service.addresses[names.SUPERVISOR]
        left_s = self.pause_ends_s - self.now_s
        if address.ref is not None and self.crash(address.ref, self._on_crash):
            self.client(CLIENTS[1]).call("kill", self._tell_later, left_s, address)
            self.run(b"")
            self.advance(left_s, schedule)
            self.advance(INSPECTS_S, b"")

    def _tell_later(self, seconds: float, address: Address) -> None:
        time.sleep(seconds)
        address.tell("a message that no actor knows")

    @precondition(on_stage)
    @rule(actor=st.sampled_from(ACTORS), at=st.integers(1, 5))
    def crash_later(self, actor: str, at: int) -> None:
        """An actor dies of one of its next messages, whatever that is."""
        ref = self.service.addresses[actor].ref
        if ref is not None:
            self.crash(ref, self._on_crash, at=at)

    @precondition(on_stage)
    @rule(actor=st.sampled_from(HALFWAY), at=st.integers(1, 3))
    def crash_halfway(self, actor: str, at: int) -> None:
        """An actor dies in the middle of a message: it has told some what came of it, and others not."""
        self.halfway[actor] = at

    # -- the model's say -----------------------------------------------------------------------------------------------------------

    def patience_of(self, request_id: str) -> float:  # noqa: ARG002 - as in the base class
        """A pause before a restart explains a wait, also past the deadline: it may be the router's."""
        return self.explained_s + self.paused_s + (1.0 if self.supervisor_died else 0.0) + 1e-6

    def follow(self) -> None:
        """Each start is one that the model asks for, and each that it asks for is made."""
        for now_s, what, *rest in self.fresh():
            if what == "learns":
                self.stopping = []
                self._learns(now_s, *rest)
            elif what == "stops":
                self.stopping.append(rest[0])
                backwards = sorted(self.stopping, key=ACTORS.index, reverse=True)
                assert self.stopping == backwards, f"stopped together, and not from the last started on: {self.stopping}"
            elif what == "starts":
                self._starts(now_s, *rest)
            elif what == "started":
                assert rest[0] == sorted(rest[0], key=ACTORS.index), f"started together, and not in order: {rest[0]}"
        if self._at_rest():
            self._nobody_is_missing()

    def _learns(self, now_s: float, name: str, incarnation: int) -> None:
        self.supervisor_died = self.supervisor_died or name == names.SUPERVISOR
        if incarnation != self.incarnations[name]:
            return  # its successor is there already
        before = self.tree
        self.tree = tree.dies(before, name, now_s)
        self.paused_s += max((to_s - now_s for actor, (_, to_s) in self.tree.due_s.items() if actor not in before.due_s), default=0.0)

    def _starts(self, now_s: float, name: str, incarnation: int, predecessor_lives: bool) -> None:
        assert not predecessor_lives, f"{name} {incarnation} was started beside its predecessor"
        assert incarnation == self.incarnations[name] + 1, f"{name}: incarnation {incarnation} follows {self.incarnations[name]}"
        self.incarnations[name] = incarnation
        if incarnation == 1:
            return
        known = self.tree
        if name == names.SUPERVISOR and name in known.due_s:
            now_s = max(now_s, known.due_s[name][0])  # nobody else could start it: it does not wait for its pause
        after = tree.starts(known, name, now_s)
        assert after is not None, (
            f"{name} was started again at {now_s:g} s, and awaited are {dict(known.due_s)}, given up: {known.given_up}"
        )
        self.tree = after

    def _nobody_is_missing(self) -> None:
        now_s, check = self.perform(lambda: (time.monotonic(), self.service.health().checks.get("actors")))
        if self.tree.given_up:
            pending = [request_id for request_id in self.futures if request_id not in self.ended]
            assert not pending, f"the service has given up, and {pending} wait for ever"
            return
        late = tree.overdue(self.tree, now_s + 2e-6, grace_s=1.0 if self.supervisor_died else 0.0)
        assert not late, f"{late} should have been started again by now"
        down = [name for name in ACTORS if self.live(self.service.addresses[name].ref) is None]
        dead = [name for name in down if name not in self.tree.due_s]
        assert not dead, f"dead, and nobody is about to start them again: {dead}"
        told = [] if check is None or check.status == "ok" else check.detail.partition(": ")[2].split(", ")
        assert set(told) == set(down), f"health says of the actors {check}, and dead are {down}"


def _group(model: tree.Group, limits: tree.Limits) -> Group:
    """The service's value of a model's tree."""
    children = tuple(child if isinstance(child, str) else _group(child, limits) for child in model.children)
    return Group(model.name, children, Strategy(model.strategy), RestartPolicy(limits.most, limits.window_s))
