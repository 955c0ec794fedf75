"""The only place that picks adapters: from the settings."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace

from dspy_meme_gen.adapters.chaotic_ports import chaotic_ports
from dspy_meme_gen.adapters.language_model import LanguageModel
from dspy_meme_gen.adapters.model_judges import ModelScorer, ModelVerifier
from dspy_meme_gen.adapters.model_text import ModelRefiner, ModelTextModel
from dspy_meme_gen.adapters.offline_refiner import OfflineRefiner
from dspy_meme_gen.adapters.offline_scorer import OfflineScorer
from dspy_meme_gen.adapters.offline_text import OfflineTextModel
from dspy_meme_gen.adapters.offline_verifiers import AppropriatenessVerifier, FactualityVerifier, InstructionsVerifier
from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.adapters.process_images import ProcessImageModel
from dspy_meme_gen.adapters.recalling_store import RecallingStore
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.domain import Progress
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.extras import require
from dspy_meme_gen.ports import ImageModel, MemeCache, Outbox, Ports, no_progress
from dspy_meme_gen.resilience.chaos import Chaos
from dspy_meme_gen.settings import Settings, variable_of

__all__ = ["configured_ports", "offline_ports"]


def configured_ports(settings: Settings, progress: Callable[[Progress], None] = no_progress) -> Ports:
    """The adapters that the settings ask for; nothing is connected yet. Raises InvalidSettings, also for an extra that is not installed."""
    if settings.contract_share:
        require("jsonschema", "monitoring", f"{variable_of('contract_share')} is set")
    policy = settings.chaos()
    ports = _working_ports(settings, progress)
    return ports if policy is None else chaotic_ports(ports, Chaos(policy))


def _working_ports(settings: Settings, progress: Callable[[Progress], None]) -> Ports:
    ports = offline_ports(settings, progress)
    ports = replace(ports, image=_image(settings, ports.image), cache=_cache(settings), outbox=_outbox(settings))
    if settings.text() == "offline":
        return ports
    model = _language_model(settings)
    return replace(
        ports,
        text=ModelTextModel(model),
        scorer=ModelScorer(model),
        refiner=ModelRefiner(model),
        appropriateness=ModelVerifier("appropriateness", model, first=ports.appropriateness),
        factuality=ModelVerifier("factuality", model),
        instructions=ModelVerifier("instructions", model),
    )


def offline_ports(settings: Settings, progress: Callable[[Progress], None] = no_progress) -> Ports:
    """Adapters that need nothing but this machine: templates, word lists, Pillow, SQLite. Raises InvalidSettings (database URL, font)."""
    return Ports(
        text=OfflineTextModel(),
        appropriateness=AppropriatenessVerifier(),
        factuality=FactualityVerifier(),
        instructions=InstructionsVerifier(),
        scorer=OfflineScorer(),
        refiner=OfflineRefiner(),
        image=_drawing(settings),
        store=RecallingStore(
            SqlAlchemyStore(settings.database(), limit_s=settings.database_limit_s),
            limit_bytes=settings.recalled_mb * 1_000_000,
            rest_s=0 if settings.database_is_local() else settings.database_rest_s,
        ),
        timers=ThreadedTimers(),
        progress=progress,
    )


def _language_model(settings: Settings) -> LanguageModel:
    arguments = (settings.base_url(), settings.openai_api_key, settings.text_model)
    if settings.text() == "dspy":
        require("dspy", "dspy", f"{variable_of('text_backend')} is dspy")
        from dspy_meme_gen.adapters.dspy_chat import DspyChat  # noqa: PLC0415 - an extra, and seconds to import

        return DspyChat(*arguments, limit_s=settings.call_limit_s)
    from dspy_meme_gen.adapters.openai_chat import OpenAIChat  # noqa: PLC0415 - who draws offline need not import httpx

    return OpenAIChat(*arguments, limit_s=settings.call_limit_s)


def _drawing(settings: Settings) -> PillowImageModel:
    try:
        return PillowImageModel(settings.image_width, settings.image_height, fallback_font=settings.fallback_font)
    except OSError as error:
        name = f"{variable_of('fallback_font')} (fallback_font)"
        raise InvalidSettings(f"{name} is {settings.fallback_font!r}; expected the path of a font file ({error})") from error


def _image(settings: Settings, drawn: ImageModel) -> ImageModel:
    if settings.image_backend == "pillow" and not settings.image_processes:
        return drawn
    if settings.image_backend == "pillow":
        size = (settings.image_width, settings.image_height)
        return ProcessImageModel(settings.image_processes, *size, fallback_font=settings.fallback_font)
    from dspy_meme_gen.adapters.openai_images import OpenAIImageModel  # noqa: PLC0415 - as OpenAIChat

    return OpenAIImageModel(
        settings.base_url(), settings.openai_api_key, settings.image_model, limit_s=settings.render_limit_s, drawing=_drawing(settings)
    )


def _cache(settings: Settings) -> MemeCache | None:
    if settings.redis_url is None:
        return None
    require("redis", "redis", "REDIS_URL is set")
    from dspy_meme_gen.adapters.redis_cache import RedisCache  # noqa: PLC0415 - an extra

    return RedisCache(
        settings.redis_url,
        namespace=_namespace(settings),
        ttl_s=settings.cache_ttl_s,
        limit_s=settings.redis_limit_s,
        rest_s=settings.redis_rest_s,
    )


def _outbox(settings: Settings) -> Outbox | None:
    if settings.database_is_local():
        return None
    # What waits for one database must never be written into another.
    return SqliteOutbox(settings.outbox_directory() / f"outbox-{_digest(settings.database())}.db")


def _namespace(settings: Settings) -> str:
    """Tells apart, among those who share a Redis, whoever would make another meme of a payload, or keeps its picture somewhere else."""
    database = settings.database()
    in_memory = database in {"sqlite://", "sqlite:///:memory:"}
    parts: list[object] = [secrets.token_hex(8) if in_memory else database, settings.text(), settings.image_backend, settings.fallback_font]
    parts += [settings.image_width, settings.image_height]
    if settings.text() != "offline":
        parts += [settings.base_url(), settings.text_model]
    if settings.image_backend != "pillow":
        parts += [settings.base_url(), settings.image_model]
    return _digest(repr(parts))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
