"""A configuration as people read it: every setting with its variable, what is made of them all, and whether the servers answer."""

from dataclasses import fields

from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.resilience.chaos import Chaos
from dspy_meme_gen.settings import Settings, variable_of

__all__ = ["as_lines", "as_values", "connections", "first_line"]


def as_values(settings: Settings) -> dict[str, str]:
    """Every variable and its value as a text; secrets masked."""
    return {variable_of(field.name): settings.shown(field.name) for field in fields(settings)}


def as_lines(settings: Settings) -> list[str]:
    """A table of all settings, those that differ from the default marked with a star, and below it what they come to."""
    values = as_values(settings)
    width = max(map(len, values))
    changed = {variable_of(field.name) for field in fields(settings) if getattr(settings, field.name) != field.default}
    lines = [f"{'*' if variable in changed else ' '} {variable:<{width}}  {value}" for variable, value in values.items()]
    return [*lines, "", *_parts(settings)]


def connections(settings: Settings) -> dict[str, str]:
    """What is wrong with the database and, if one is set, with Redis, in a line each; "" where it answers. Brings the schema up to date."""
    troubles = {"database": _trouble_with_database(settings)}
    if settings.redis_url is not None:
        troubles["redis"] = _trouble_with_redis(settings, settings.redis_url)
    return troubles


def first_line(error: Exception) -> str:
    """An error in a line, without what SQLAlchemy adds about itself."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def _parts(settings: Settings) -> list[str]:
    text = settings.text()
    model = "templates, offline" if text == "offline" else f"{settings.text_model} at {settings.base_url()} through {text}"
    image = "drawn here" if settings.image_backend == "pillow" else f"{settings.image_model} at {settings.base_url()}"
    cache = "in this process" if settings.redis_url is None else f"Redis at {settings.shown('redis_url')}"
    outbox = "in memory" if settings.database_is_local() else f"in {settings.outbox_directory()}"
    lines = [f"texts: {model}", f"pictures: {image}", f"store: {settings.shown_database()}", f"cache: {cache}", f"outbox: {outbox}"]
    if (policy := settings.chaos()) is not None:
        lines.append(f"note: chaos is on: this service {Chaos(policy).told()}")
    if settings.openai_api_key and (text != "offline" or settings.image_backend != "pillow") and settings.base_url().startswith("http:"):
        lines.append("note: OPENAI_BASE_URL is http: the key travels unencrypted")
    return lines


def _trouble_with_database(settings: Settings) -> str:
    store = SqlAlchemyStore(settings.database(), limit_s=settings.database_limit_s)
    try:
        store.page(limit=1)
    except Exception as error:  # noqa: BLE001 - what is wrong is to be shown, whatever it is
        return first_line(error)
    finally:
        store.close()
    return ""


def _trouble_with_redis(settings: Settings, url: str) -> str:
    import redis  # noqa: PLC0415 - an extra
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    limit_s = max(1.0, settings.redis_limit_s)
    client = redis.Redis.from_url(url, socket_timeout=limit_s, socket_connect_timeout=limit_s, retry=Retry(NoBackoff(), 0))
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        return first_line(error)
    finally:
        client.close()
    return ""
