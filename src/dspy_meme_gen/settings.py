"""How a pipeline is configured: one frozen value, from defaults, arguments or the environment."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dspy_meme_gen import names
from dspy_meme_gen.domain import KINDS
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.resilience.breaker import BreakerPolicy
from dspy_meme_gen.resilience.window import WindowPolicy

__all__ = ["Settings"]

_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Settings:
    """Every number and address of a pipeline. Times in seconds, sizes in pixels. InvalidSettings if a value is out of range.

    `database_url` None means SQLite in the user's data directory. `cache_ttl_s` 0 means that nothing is cached.
    `max_waiting` requests wait in line at most; a user may send `user_burst` in a row, and `user_rate_per_s` a second in the long run.
    `window_first` requests are generated at once to begin with, `window_least` to `window_most` later: a tenth more or less every
    `window_period_s`, around `window_target_s` of latency.
    `text_workers` and `image_workers` are the sizes of these pools. So many failures in a row (`..._breaker_failures`) open the breaker of
    a kind of work for so long (`..._breaker_s`); text and images have their own numbers. `recorded_outcomes` is how many finished requests
    are remembered by their request_id. A retry waits `retry_backoff_s`, twice as long each time, a share of `retry_jitter` more or less.
    Every `health_period_s` the health monitor looks at the store (0: never). Beyond `memory_limit_mb` requests are shed (0: no limit).
    `fallback_font` is the path of a font for what Anton has no letters for.
    `actor_stop_s` is how long a stop waits for an actor that is still inside a port call.
    """

    database_url: str | None = None
    log_level: str = "WARNING"
    cache_ttl_s: float = 3600.0
    cache_capacity: int = 1000
    text_retries: int = 1
    retry_backoff_s: float = 0.1
    retry_jitter: float = 0.2
    max_waiting: int = 1000
    user_rate_per_s: float = 10.0
    user_burst: int = 50
    window_first: int = 100
    window_least: int = 10
    window_most: int = 1000
    window_period_s: float = 5.0
    window_target_s: float = 1.0
    text_workers: int = 2
    image_workers: int = 2
    text_breaker_failures: int = 3
    text_breaker_s: float = 30.0
    image_breaker_failures: int = 2
    image_breaker_s: float = 60.0
    breaker_failures: int = 5
    breaker_s: float = 60.0
    call_limit_s: float = 10.0
    render_limit_s: float = 30.0
    restart_limit: int = 5
    restart_window_s: float = 60.0
    outbox_drain_s: float = 5.0
    health_period_s: float = 5.0
    memory_limit_mb: int = 1024
    stop_grace_s: float = 5.0
    actor_stop_s: float = 60.0
    recorded_outcomes: int = 10_000
    image_width: int = 800
    image_height: int = 600
    fallback_font: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would only show up later, as a pipeline that behaves strangely."""
        if self.log_level not in _LOG_LEVELS:
            raise InvalidSettings(f"log_level is {self.log_level!r}; expected one of {', '.join(_LOG_LEVELS)}")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            whole = name in _WHOLE
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not least <= value <= most:
                kind = "a whole number" if whole else "a number"
                raise InvalidSettings(f"{name} is {value!r}; expected {kind} from {least:,g} to {most:,g}")

        if not self.window_least <= self.window_first <= self.window_most:
            numbers = f"{self.window_least}, {self.window_first}, {self.window_most}"
            raise InvalidSettings(f"window_least, window_first, window_most are {numbers}; expected each no greater than the next")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Settings from DATABASE_URL, LOG_LEVEL and MEMESPY_<FIELD> for every other field, e.g. MEMESPY_CACHE_TTL_S=60.

        An empty variable counts as not set. Raises InvalidSettings, which names the variable and what was expected.
        """
        environment = os.environ if environment is None else environment
        chosen: dict[str, Any] = {}
        for field in fields(cls):
            variable = _VARIABLES.get(field.name, f"MEMESPY_{field.name.upper()}")
            text = environment.get(variable, "").strip()
            if text:
                chosen[field.name] = _read(variable, text, _CONVERSIONS.get(field.name, int if field.name in _WHOLE else float))
        try:
            return cls(**chosen)
        except InvalidSettings as error:
            raise InvalidSettings(f"the environment does not make a configuration: {error}") from None

    def window(self) -> WindowPolicy:
        """How many requests are generated at once."""
        return WindowPolicy(
            first=self.window_first,
            least=self.window_least,
            most=self.window_most,
            period_s=self.window_period_s,
            target_s=self.window_target_s,
        )

    def breakers(self) -> dict[str, BreakerPolicy]:
        """The breaker of each kind of work. The store has none: what it cannot take waits in the outbox, which tries again by itself."""
        every = BreakerPolicy(self.breaker_failures, self.breaker_s)
        return {
            **dict.fromkeys((names.CACHE, names.REFINER, names.SCORER, *KINDS), every),
            names.TEXT_GENERATOR: BreakerPolicy(self.text_breaker_failures, self.text_breaker_s),
            names.IMAGE_GENERATOR: BreakerPolicy(self.image_breaker_failures, self.image_breaker_s),
        }

    def database(self) -> str:
        """The SQLAlchemy URL to use."""
        return self.database_url or f"sqlite:///{_data_directory(os.environ) / 'memespy.db'}"


_RANGES: dict[str, tuple[float, float]] = {
    "cache_ttl_s": (0, 1e9),
    "cache_capacity": (0, 1e7),
    "text_retries": (0, 10),
    "retry_backoff_s": (0, 60),
    "retry_jitter": (0, 1),
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
    "text_breaker_failures": (1, 1e9),
    "text_breaker_s": (0, 1e6),
    "image_breaker_failures": (1, 1e9),
    "image_breaker_s": (0, 1e6),
    "breaker_failures": (1, 1e9),
    "breaker_s": (0, 1e6),
    "call_limit_s": (0.001, 3600),
    "render_limit_s": (0.001, 3600),
    "restart_limit": (0, 1e6),
    "restart_window_s": (0, 1e6),
    "outbox_drain_s": (0.001, 3600),
    "health_period_s": (0, 3600),
    "memory_limit_mb": (0, 1e6),
    "stop_grace_s": (0, 3600),
    "actor_stop_s": (0, 3600),
    "recorded_outcomes": (0, 1e7),
    "image_width": (16, 4096),
    "image_height": (16, 4096),
}
_WHOLE = (
    "cache_capacity",
    "max_waiting",
    "user_burst",
    "window_first",
    "window_least",
    "window_most",
    "text_retries",
    "text_workers",
    "image_workers",
    "text_breaker_failures",
    "image_breaker_failures",
    "breaker_failures",
    "restart_limit",
    "memory_limit_mb",
    "recorded_outcomes",
    "image_width",
    "image_height",
)
_VARIABLES = {"database_url": "DATABASE_URL", "log_level": "LOG_LEVEL"}
_CONVERSIONS: dict[str, Callable[[str], Any]] = {"database_url": str, "log_level": str.upper, "fallback_font": str}


def _read(variable: str, text: str, conversion: Callable[[str], Any]) -> Any:  # noqa: ANN401 - the field's own type
    try:
        return conversion(text)
    except ValueError:
        expected = "a whole number" if conversion is int else "a number"
        raise InvalidSettings(f"{variable} is {text!r}; expected {expected}") from None


def _data_directory(environment: Mapping[str, str]) -> Path:
    """The user's data directory as XDG has it, or here when there is no home."""
    if data_home := environment.get("XDG_DATA_HOME"):
        return Path(data_home) / "memespy"
    try:
        return Path.home() / ".local" / "share" / "memespy"
    except RuntimeError:
        return Path()
