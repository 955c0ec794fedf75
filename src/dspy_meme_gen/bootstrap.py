"""The only place that starts actors; which adapters they get is picked in `configured`."""

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import pykka  # noqa: TC002 - one import style for all files

from dspy_meme_gen import names
from dspy_meme_gen.actors.cache import Cache
from dspy_meme_gen.actors.event_bus import EventBus
from dspy_meme_gen.actors.health_monitor import HealthMonitor
from dspy_meme_gen.actors.image_generator import ImageGenerator
from dspy_meme_gen.actors.meme_generator import MemeGenerator, Surroundings
from dspy_meme_gen.actors.metrics import Metrics
from dspy_meme_gen.actors.refiner import Refiner
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.actors.scorer import Scorer
from dspy_meme_gen.actors.store import Store
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.supervisor import Supervisor
from dspy_meme_gen.actors.text_generator import TextGenerator
from dspy_meme_gen.actors.verifier import Verifier
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.address import Address
from dspy_meme_gen.admission import Admission
from dspy_meme_gen.configured import configured_ports, offline_ports
from dspy_meme_gen.domain import KINDS, Progress
from dspy_meme_gen.health import Checks
from dspy_meme_gen.lasting import Lasting
from dspy_meme_gen.ledger import Entry, Ledger
from dspy_meme_gen.measurements import Measurements
from dspy_meme_gen.memory import resident_bytes
from dspy_meme_gen.messages import DrainOutbox, Happened, Released
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.ports import MemeCache, Ports
from dspy_meme_gen.resilience.backoff import BackoffPolicy
from dspy_meme_gen.resilience.breakers import Breakers
from dspy_meme_gen.resilience.supervision import Supervision
from dspy_meme_gen.roster import Roster
from dspy_meme_gen.settings import Settings
from dspy_meme_gen.subscribers import Subscribers
from dspy_meme_gen.supervision_tree import flat_tree, pools_of, tree

__all__ = ["configured_ports", "offline_ports", "start_pipeline"]

StartActor: TypeAlias = Callable[[Identity], "pykka.ActorRef[Any]"]


def start_pipeline(settings: Settings, ports: Ports, *, flat: bool = False) -> Pipeline:
    """A running pipeline. The ports are its own from now on: `Pipeline.stop` closes those that can be closed.

    Its actors are supervised as `supervision_tree.tree` says, or, if `flat`, all in one group.

    Nothing is left behind if starting fails; what made it fail is raised.
    """
    if ports.chaos is not None:
        ports.chaos.announce()
    router, bus = (Address(name, limit=settings.inbox_limit) for name in (names.ROUTER, names.EVENT_BUS))
    admission = Admission(settings)
    lasting = Lasting(
        settings=settings,
        ports=ports,
        ledger=Ledger(
            partial(_tell_progress, ports.progress, bus),
            settings.recorded_outcomes,
            admission=admission,
            released=partial(_tell_released, router),
        ),
        outbox=MemoryOutbox() if ports.outbox is None else ports.outbox,
        roster=Roster(Supervision((flat_tree if flat else tree)(settings), BackoffPolicy(first_s=settings.restart_backoff_s))),
        breakers=Breakers(settings.breakers()),
        admission=admission,
        subscribers=Subscribers(),
        measurements=Measurements(),
        checks=Checks(stale_s=3 * settings.health_period_s),
    )
    pipeline = Pipeline(lasting)
    try:
        _start_actors(pipeline, lasting, router, bus)
    except BaseException:
        pipeline.stop(grace_s=0)
        raise
    return pipeline


def _start_actors(pipeline: Pipeline, lasting: Lasting, router: Address, bus: Address) -> None:
    """Supervisor, observers, workers, orchestrator, router: whoever is told something was started before whoever tells it."""
    settings, ports = lasting.settings, lasting.ports
    pools = pools_of(settings)
    known = {names.EVENT_BUS: bus, names.ROUTER: router}
    addresses = {name: known.get(name) or Address(name, limit=settings.inbox_limit) for name in flat_tree(settings).actors()}
    supervisor, orchestrator = addresses[names.SUPERVISOR], addresses[names.MEME_GENERATOR]
    surroundings = Surroundings(
        address=orchestrator,
        workers={kind: tuple(addresses[name] for name in pool) for kind, pool in pools.items()},
        breakers=lasting.breakers,
        ledger=lasting.ledger,
        outbox=lasting.outbox,
        timers=ports.timers,
        serials=count(1),
        settings=settings,
        placeholder=ports.image.placeholder,
    )
    starts: dict[str, StartActor] = {
        names.SUPERVISOR: partial(
            Supervisor.start, address=supervisor, roster=lasting.roster, timers=ports.timers, give_up=pipeline.give_up
        ),
        names.METRICS: partial(Metrics.start, measurements=lasting.measurements),
        names.EVENT_BUS: partial(EventBus.start, subscribers=lasting.subscribers, metrics=addresses[names.METRICS]),
        names.STORE: partial(
            Store.start,
            replies=orchestrator,
            address=addresses[names.STORE],
            store=ports.store,
            outbox=lasting.outbox,
            timers=ports.timers,
            drain_s=settings.outbox_drain_s,
        ),
        names.CACHE: lambda identity: Cache.start(identity, orchestrator, _cache(ports, settings)),
        **dict.fromkeys(pools[names.IMAGE_GENERATOR], partial(ImageGenerator.start, replies=orchestrator, model=ports.image)),
        names.REFINER: partial(Refiner.start, replies=orchestrator, refiner=ports.refiner),
        names.SCORER: partial(Scorer.start, replies=orchestrator, scorer=ports.scorer),
        **{kind: partial(Verifier.start, replies=orchestrator, verifier=ports.verifier(kind)) for kind in KINDS},
        **dict.fromkeys(pools[names.TEXT_GENERATOR], partial(TextGenerator.start, replies=orchestrator, model=ports.text)),
        names.MEME_GENERATOR: partial(MemeGenerator.start, surroundings=surroundings),
        names.ROUTER: partial(
            Router.start, address=router, orchestrator=orchestrator, ledger=lasting.ledger, timers=ports.timers, window=settings.window()
        ),
    }
    if settings.health_period_s:
        starts[names.HEALTH_MONITOR] = partial(
            HealthMonitor.start,
            address=addresses[names.HEALTH_MONITOR],
            probes=_probes(lasting),
            checks=lasting.checks,
            timers=ports.timers,
            period_s=settings.health_period_s,
        )
    for name, address in addresses.items():
        lasting.roster.add(address, partial(_start, starts[name], name, supervisor))
    if lasting.outbox.durable:
        # A pipeline before this one may have left something.
        addresses[names.STORE].tell(DrainOutbox())


def _cache(ports: Ports, settings: Settings) -> MemeCache:
    return MemoryCache(settings.cache_capacity, settings.cache_ttl_s) if ports.cache is None else ports.cache


def _probes(lasting: Lasting) -> dict[str, Callable[[], object]]:
    """What the health monitor looks at, in this order. Memory is not only told: it is pressure, and must wait for no store."""
    probes: dict[str, Callable[[], object]] = {}
    if lasting.settings.memory_limit_mb:
        probes["memory"] = partial(_look_at_memory, lasting.admission, lasting.settings.memory_limit_mb * 1_000_000)
    return probes | {"store": partial(lasting.ports.store.get, "health")}


def _look_at_memory(admission: Admission, limit_bytes: int) -> None:
    admission.memory_share = resident_bytes() / limit_bytes
    if admission.memory_share >= 1:
        raise MemoryError(f"the process takes more than its {limit_bytes:,} bytes")


def _tell_progress(listener: Callable[[Progress], None], bus: Address, progress: Progress) -> None:
    bus.tell(Happened(progress, time.monotonic()))
    listener(progress)


def _tell_released(router: Address, entry: Entry) -> None:
    latency_s = None if entry.routed_at_s is None else time.monotonic() - entry.routed_at_s
    router.tell(Released(entry.request.request_id, latency_s))


def _start(start: StartActor, name: str, supervisor: Address, incarnation: int) -> "pykka.ActorRef[Any]":
    return start(Identity(name, incarnation, supervisor))
