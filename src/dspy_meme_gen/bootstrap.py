"""The only place that picks adapters and starts actors."""

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
from dspy_meme_gen.domain import KINDS, Progress
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.ledger import Ledger
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
    ledger, outbox = Ledger(ports.progress, settings.recorded_outcomes), Outbox()
    roster = Roster(settings.restart_limit, settings.restart_window_s)
    breakers = Breakers(settings.breakers())
    pipeline = Pipeline(settings, ports, ledger, outbox, roster, breakers)
    try:
        _start_actors(pipeline, settings=settings, ports=ports, ledger=ledger, outbox=outbox, roster=roster, breakers=breakers)
    except BaseException:
        pipeline.stop(grace_s=0)
        raise
    return pipeline


def _start_actors(  # noqa: PLR0913 - bootstrap hands round everything there is
    pipeline: Pipeline, *, settings: Settings, ports: Ports, ledger: Ledger, outbox: Outbox, roster: Roster, breakers: Breakers
) -> None:
    """Supervisor, workers, orchestrator, router: whoever is told something was started before whoever tells it."""
    sizes = {names.TEXT_GENERATOR: settings.text_workers, names.IMAGE_GENERATOR: settings.image_workers}
    pools = {kind: names.pool(kind, sizes.get(kind, 1)) for kind in names.WORKERS}
    workers = [name for pool in pools.values() for name in pool]
    addresses = {name: Address(name) for name in (names.SUPERVISOR, *workers, names.MEME_GENERATOR, names.ROUTER)}
    supervisor, orchestrator, router = addresses[names.SUPERVISOR], addresses[names.MEME_GENERATOR], addresses[names.ROUTER]
    surroundings = Surroundings(
        address=orchestrator,
        workers={kind: tuple(addresses[name] for name in pool) for kind, pool in pools.items()},
        breakers=breakers,
        ledger=ledger,
        outbox=outbox,
        timers=ports.timers,
        serials=count(1),
        settings=settings,
        placeholder=ports.image.placeholder,
    )
    starts: dict[str, StartActor] = {
        names.SUPERVISOR: partial(Supervisor.start, roster=roster, give_up=pipeline.give_up),
        names.STORE: partial(
            Store.start,
            replies=orchestrator,
            address=addresses[names.STORE],
            store=ports.store,
            outbox=outbox,
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
        names.ROUTER: partial(Router.start, address=router, orchestrator=orchestrator, ledger=ledger, timers=ports.timers),
    }
    for name, address in addresses.items():
        roster.add(address, partial(_start, starts[name], name, supervisor))


def _start(start: StartActor, name: str, supervisor: Address, incarnation: int) -> "pykka.ActorRef[Any]":
    return start(Identity(name, incarnation, supervisor))
