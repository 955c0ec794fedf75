"""The only place that picks adapters and starts actors."""

import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, TypeAlias

import pykka  # noqa: TC002 - one import style for all files

from dspy_meme_gen import names
from dspy_meme_gen.actors.cache import Cache
from dspy_meme_gen.actors.image_generator import ImageGenerator
from dspy_meme_gen.actors.meme_generator import MemeGenerator, Surroundings
from dspy_meme_gen.actors.refiner import Refiner
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.actors.scorer import Scorer
from dspy_meme_gen.actors.store import Store
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.supervisor import Supervisor
from dspy_meme_gen.actors.text_generator import TextGenerator
from dspy_meme_gen.actors.verifier import Verifier
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.adapters.offline_refiner import OfflineRefiner
from dspy_meme_gen.adapters.offline_scorer import OfflineScorer
from dspy_meme_gen.adapters.offline_text import OfflineTextModel
from dspy_meme_gen.adapters.offline_verifiers import AppropriatenessVerifier, FactualityVerifier, InstructionsVerifier
from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.address import Address
from dspy_meme_gen.admission import Admission
from dspy_meme_gen.domain import KINDS, Progress
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.lasting import Lasting
from dspy_meme_gen.ledger import Entry, Ledger
from dspy_meme_gen.messages import Released
from dspy_meme_gen.outbox import Outbox
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.ports import Ports, no_progress
from dspy_meme_gen.resilience.breakers import Breakers
from dspy_meme_gen.roster import Roster
from dspy_meme_gen.settings import Settings

__all__ = ["offline_ports", "start_pipeline"]

StartActor: TypeAlias = Callable[[Identity], "pykka.ActorRef[Any]"]


def offline_ports(settings: Settings, progress: Callable[[Progress], None] = no_progress) -> Ports:
    """Adapters that need nothing but this machine: templates, word lists, Pillow, SQLite. Raises InvalidSettings (database URL, font)."""
    try:
        image = PillowImageModel(settings.image_width, settings.image_height, fallback_font=settings.fallback_font)
    except OSError as error:
        raise InvalidSettings(f"fallback_font is {settings.fallback_font!r}; expected the path of a font file ({error})") from error
    return Ports(
        text=OfflineTextModel(),
        appropriateness=AppropriatenessVerifier(),
        factuality=FactualityVerifier(),
        instructions=InstructionsVerifier(),
        scorer=OfflineScorer(),
        refiner=OfflineRefiner(),
        image=image,
        store=SqlAlchemyStore(settings.database()),
        timers=ThreadedTimers(),
        progress=progress,
    )


def start_pipeline(settings: Settings, ports: Ports) -> Pipeline:
    """A running pipeline. The ports are its own from now on: `Pipeline.stop` closes those that can be closed.

    Nothing is left behind if starting fails; what made it fail is raised.
    """
    router, admission = Address(names.ROUTER), Admission(settings)
    lasting = Lasting(
        settings=settings,
        ports=ports,
        ledger=Ledger(ports.progress, settings.recorded_outcomes, admission=admission, released=partial(_tell_released, router)),
        outbox=Outbox(),
        roster=Roster(settings.restart_limit, settings.restart_window_s),
        breakers=Breakers(settings.breakers()),
        admission=admission,
    )
    pipeline = Pipeline(lasting)
    try:
        _start_actors(pipeline, lasting, router)
    except BaseException:
        pipeline.stop(grace_s=0)
        raise
    return pipeline


def _start_actors(pipeline: Pipeline, lasting: Lasting, router: Address) -> None:
    """Supervisor, workers, orchestrator, router: whoever is told something was started before whoever tells it."""
    settings, ports = lasting.settings, lasting.ports
    sizes = {names.TEXT_GENERATOR: settings.text_workers, names.IMAGE_GENERATOR: settings.image_workers}
    pools = {kind: names.pool(kind, sizes.get(kind, 1)) for kind in names.WORKERS}
    workers = [name for pool in pools.values() for name in pool]
    addresses = {name: Address(name) for name in (names.SUPERVISOR, *workers, names.MEME_GENERATOR)}
    addresses[names.ROUTER] = router
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
        names.SUPERVISOR: partial(Supervisor.start, roster=lasting.roster, give_up=pipeline.give_up),
        names.STORE: partial(
            Store.start,
            replies=orchestrator,
            address=addresses[names.STORE],
            store=ports.store,
            outbox=lasting.outbox,
            timers=ports.timers,
            drain_s=settings.outbox_drain_s,
        ),
        names.CACHE: lambda identity: Cache.start(identity, orchestrator, MemoryCache(settings.cache_capacity, settings.cache_ttl_s)),
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
    for name, address in addresses.items():
        lasting.roster.add(address, partial(_start, starts[name], name, supervisor))


def _tell_released(router: Address, entry: Entry) -> None:
    latency_s = None if entry.routed_at_s is None else time.monotonic() - entry.routed_at_s
    router.tell(Released(entry.request.request_id, latency_s))


def _start(start: StartActor, name: str, supervisor: Address, incarnation: int) -> "pykka.ActorRef[Any]":
    return start(Identity(name, incarnation, supervisor))
