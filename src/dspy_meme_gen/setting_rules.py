"""What each setting may be, and how it is shown. A rule says what is wrong with a value, or None; none of them repeats a secret."""

from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from dspy_meme_gen.resilience.chaos import CHAOS_KINDS, CHAOS_PORTS

__all__ = ["RULES", "WHOLE", "masked", "shown"]

Rule: TypeAlias = Callable[[object], str | None]

_HIDDEN = "***"


def masked(url: str) -> str:
    """A URL without its password and without what its query may hide; a text that is no URL is hidden altogether."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _HIDDEN
    if not parts.scheme:
        return _HIDDEN
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    query = f"?{_HIDDEN}" if parts.query else ""
    # By hand: urlunsplit would make sqlite:///file of sqlite:////file.
    return f"{parts.scheme}://{name}{f':{_HIDDEN}' if colon else ''}{at}{host}{parts.path}{query}"


def shown(name: str, value: object) -> str:
    """A setting's value as it may be printed."""
    if value is None:
        return "not set"
    if name == "openai_api_key":
        return _HIDDEN
    return masked(str(value)) if name.endswith("_url") else str(value)


def _number(least: float, most: float, *, whole: bool) -> Rule:
    kind = "a whole number" if whole else "a number"

    def check(value: object) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not least <= value <= most:
            return f"is {value!r}; expected {kind} from {least:,g} to {most:,g}"
        return None

    return check


def _one_of(*allowed: str) -> Rule:
    def check(value: object) -> str | None:
        return None if value in allowed else f"is {value!r}; expected one of {', '.join(allowed)}"

    return check


def _some_of(*allowed: str) -> Rule:
    def check(value: object) -> str | None:
        chosen = value.split(",") if isinstance(value, str) else []
        if chosen and len(set(chosen)) == len(chosen) and set(chosen) <= set(allowed):
            return None
        return f"is {value!r}; expected one or more of {', '.join(allowed)}, each once, with a comma and no blank between"

    return check


def _optional_text(value: object) -> str | None:
    return None if value is None or (isinstance(value, str) and value) else "is empty; expected some text, or nothing at all"


def _name(value: object) -> str | None:
    if isinstance(value, str) and value and len(value) <= 200 and value.isprintable():
        return None
    return "is not usable; expected a model's name of 1 to 200 printable characters"


def _key(value: object) -> str | None:
    if value is None or (isinstance(value, str) and value and value.isascii() and value.isprintable() and " " not in value):
        return None
    return "is not usable; expected a key of printable ASCII characters without blanks"


def _url(*schemes: str, example: str, check_parts: Callable[[SplitResult], str | None]) -> Rule:
    def check(value: object) -> str | None:
        if value is None:
            return None
        parts = _split(value)
        if parts is None or parts.scheme.partition("+")[0] not in schemes:
            return f"is not usable; expected a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}, e.g. {example}"
        problem = check_parts(parts)
        return None if problem is None else f"{problem}; expected e.g. {example}"

    return check


def _split(value: object) -> SplitResult | None:
    """The parts of a URL, or None if it is none."""
    if not isinstance(value, str) or not value.isprintable():
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts if f"{parts.scheme}:" in value and "//" in value else None


def _database(parts: SplitResult) -> str | None:
    _, _, driver = parts.scheme.partition("+")
    if parts.scheme.startswith("sqlite"):
        return None if driver in {"", "pysqlite"} else f"names the driver {driver}; MemesPy uses Python's own for SQLite"
    if driver not in {"", "psycopg"}:
        return f"names the driver {driver}; MemesPy speaks to PostgreSQL through psycopg"
    return None if parts.hostname or "host=" in parts.query else "names no host"


def _redis(parts: SplitResult) -> str | None:
    if parts.scheme == "unix":
        return None if parts.path else "names no socket"
    if parts.path.strip("/") and not parts.path.strip("/").isdigit():
        return "names a database that is no number"
    return None if parts.hostname else "names no host"


def _api(parts: SplitResult) -> str | None:
    if not parts.hostname:
        return "names no host"
    if parts.username or parts.password:
        return "holds a name or a password; a key belongs into OPENAI_API_KEY"
    return "holds a query or a fragment" if parts.query or parts.fragment else None


WHOLE = frozenset(
    {
        "cache_capacity",
        "text_retries",
        "inbox_limit",
        "max_waiting",
        "user_burst",
        "window_first",
        "window_least",
        "window_most",
        "text_workers",
        "image_workers",
        "image_processes",
        "text_breaker_failures",
        "image_breaker_failures",
        "breaker_failures",
        "http_at_once",
        "http_in_line",
        "restart_limit",
        "memory_limit_mb",
        "recalled_mb",
        "recorded_outcomes",
        "image_width",
        "image_height",
        "chaos_seed",
        "chaos_per_minute",
    }
)
"""The settings that are whole numbers."""

_RANGES: dict[str, tuple[float, float]] = {
    "cache_ttl_s": (0, 1e9),
    "cache_capacity": (0, 1e7),
    "text_retries": (0, 10),
    "retry_backoff_s": (0, 60),
    "retry_jitter": (0, 1),
    "inbox_limit": (1, 1e6),
    "max_waiting": (1, 1e6),
    "user_rate_per_s": (0.001, 1e9),
    "user_burst": (1, 1e9),
    "window_first": (1, 1e6),
    "window_least": (1, 1e6),
    "window_most": (1, 1e6),
    "window_period_s": (0.001, 3600),
    "window_target_s": (0.001, 3600),
    "text_workers": (1, 64),
    "image_workers": (1, 64),
    "image_processes": (0, 64),
    "text_breaker_failures": (1, 1e9),
    "text_breaker_s": (0, 1e6),
    "image_breaker_failures": (1, 1e9),
    "image_breaker_s": (0, 1e6),
    "breaker_failures": (1, 1e9),
    "breaker_s": (0, 1e6),
    "call_limit_s": (0.001, 3600),
    "render_limit_s": (0.001, 3600),
    "database_limit_s": (0.1, 3600),
    "database_rest_s": (0, 3600),
    "redis_limit_s": (0.01, 60),
    "redis_rest_s": (0, 3600),
    "restart_limit": (0, 1e6),
    "restart_window_s": (0, 1e6),
    "restart_backoff_s": (0, 60),
    "outbox_drain_s": (0.001, 3600),
    "http_at_once": (1, 1000),
    "http_in_line": (0, 1e6),
    "health_period_s": (0, 3600),
    "contract_share": (0, 1),
    "chaos_share": (0, 0.5),
    "chaos_delay_s": (0, 30),
    "chaos_seed": (0, 1e9),
    "chaos_per_minute": (1, 600),
    "memory_limit_mb": (0, 1e6),
    "recalled_mb": (0, 1e6),
    "stop_grace_s": (0, 3600),
    "actor_stop_s": (0, 3600),
    "recorded_outcomes": (0, 1e7),
    "image_width": (16, 4096),
    "image_height": (16, 4096),
}

RULES: dict[str, Rule] = {
    **{name: _number(least, most, whole=name in WHOLE) for name, (least, most) in _RANGES.items()},
    "database_url": _url(
        "sqlite", "postgresql", "postgres", example="sqlite:///memes.db or postgresql://user:password@host/memes", check_parts=_database
    ),
    "redis_url": _url("redis", "rediss", "unix", example="redis://host:6379/0", check_parts=_redis),
    "openai_base_url": _url("https", "http", example="https://api.openai.com/v1", check_parts=_api),
    "openai_api_key": _key,
    "log_level": _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    "text_backend": _one_of("auto", "offline", "openai", "dspy"),
    "image_backend": _one_of("pillow", "openai"),
    "text_model": _name,
    "image_model": _name,
    "outbox_folder": _optional_text,
    "fallback_font": _optional_text,
    "chaos_ports": _some_of(*CHAOS_PORTS),
    "chaos_kinds": _some_of(*CHAOS_KINDS),
    "chaos_off_file": _optional_text,
}
"""What is wrong with a value, by setting; there is a rule for every one."""
