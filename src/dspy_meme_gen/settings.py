"""How a pipeline is configured: one frozen value, from defaults, arguments or the environment."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dspy_meme_gen import names
from dspy_meme_gen.domain import KINDS
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.resilience.breaker import BreakerPolicy
from dspy_meme_gen.resilience.chaos import ChaosPolicy
from dspy_meme_gen.resilience.window import WindowPolicy
from dspy_meme_gen.setting_rules import RULES, WHOLE, shown

__all__ = ["Settings", "variable_of"]

_VARIABLES = {name: name.upper() for name in ("database_url", "redis_url", "openai_api_key", "openai_base_url", "log_level")}


def variable_of(name: str) -> str:
    """The environment variable of a setting: MEMESPY_<NAME>, but for those that other programs know too."""
    return _VARIABLES.get(name, f"MEMESPY_{name.upper()}")


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Every number and address of a pipeline. Times in seconds, sizes in pixels. InvalidSettings names all that are out of range.

    `database_url` None means SQLite in the user's data directory; `redis_url` None means a cache in this process. `cache_ttl_s` 0 means
    that nothing is cached. `text_backend` auto is openai where a key or a base URL is set, offline otherwise.
    An actor whose inbox holds `inbox_limit` messages takes no more work. `max_waiting` requests wait in line at most; a user may send
    `user_burst` in a row, and `user_rate_per_s` a second in the long run.
    `window_first` requests are generated at once to begin with, `window_least` to `window_most` later: a tenth more or less every
    `window_period_s`, around `window_target_s` of latency.
    `text_workers` and `image_workers` are the sizes of these pools; `image_processes` draw beside this process (0: it draws itself).
    So many failures in a row (`..._breaker_failures`) open the breaker of a kind of work for so long (`..._breaker_s`); text and images
    have their own numbers. `recorded_outcomes` is how many finished requests are remembered by their request_id. A retry waits
    `retry_backoff_s`, twice as long each time, a share of `retry_jitter` more or less.
    Of those who wait for their meme over HTTP `http_at_once` are served at once, and `http_in_line` wait in line.
    A group of actors is granted `restart_limit` restarts within `restart_window_s`; from the second on each comes after a pause, of
    `restart_backoff_s` at first.
    `contract_share` of all answers are held against the published contract, 0 (none) to 1 (each).
    Every `health_period_s` the health monitor looks at the store (0: never). Beyond `memory_limit_mb` requests are shed (0: no limit).
    The latest memes, pictures of `recalled_mb` in all, can be looked at while the store is away.
    `fallback_font` is the path of a font for what Anton has no letters for.
    `database_limit_s` and `redis_limit_s` are how long one call may take; `database_rest_s` and `redis_rest_s` how long a failure keeps
    others from trying: memes wait in the outbox meanwhile, or are made without a cache.
    `outbox_folder` is the folder of the durable outbox, None the user's data directory.
    `chaos_share` of the calls of `chaos_ports` is spoiled on purpose (0: none), `resilience.chaos` says how; a file `chaos_off_file` (None:
    `chaos-off` in the user's data directory) switches that off.
    `actor_stop_s` is how long a stop waits for an actor that is still inside a port call.
    """

    database_url: str | None = None
    redis_url: str | None = None
    openai_api_key: str | None = None
    openai_base_url: str | None = None
    log_level: str = "WARNING"
    text_backend: str = "auto"
    text_model: str = "gpt-4o-mini"
    image_backend: str = "pillow"
    image_model: str = "gpt-image-1"
    cache_ttl_s: float = 3600.0
    cache_capacity: int = 1000
    text_retries: int = 1
    retry_backoff_s: float = 0.1
    retry_jitter: float = 0.2
    inbox_limit: int = 1000
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
    image_processes: int = 0
    text_breaker_failures: int = 3
    text_breaker_s: float = 30.0
    image_breaker_failures: int = 2
    image_breaker_s: float = 60.0
    breaker_failures: int = 5
    breaker_s: float = 60.0
    call_limit_s: float = 10.0
    render_limit_s: float = 30.0
    database_limit_s: float = 5.0
    database_rest_s: float = 10.0
    redis_limit_s: float = 0.25
    redis_rest_s: float = 1.0
    restart_limit: int = 5
    restart_window_s: float = 60.0
    restart_backoff_s: float = 1.0
    outbox_drain_s: float = 5.0
    outbox_folder: str | None = None
    http_at_once: int = 5
    http_in_line: int = 50
    health_period_s: float = 5.0
    contract_share: float = 0.0
    memory_limit_mb: int = 1024
    recalled_mb: int = 32
    stop_grace_s: float = 5.0
    actor_stop_s: float = 60.0
    recorded_outcomes: int = 10_000
    image_width: int = 800
    image_height: int = 600
    fallback_font: str | None = None
    chaos_share: float = 0.0
    chaos_ports: str = "factuality,instructions,scorer,refiner,image"
    chaos_kinds: str = "raise,delay"
    chaos_delay_s: float = 1.0
    chaos_per_minute: int = 30
    chaos_seed: int = 0
    chaos_off_file: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would only show up later, as a pipeline that behaves strangely."""
        problems = [
            f"{variable_of(field.name)} ({field.name}) {problem}"
            for field in fields(self)
            if (problem := RULES[field.name](getattr(self, field.name))) is not None
        ]
        problems.extend(self._lacking())
        problems.extend(self._unfit_for_chaos())
        if not problems and not self.window_least <= self.window_first <= self.window_most:
            numbers = f"{self.window_least}, {self.window_first}, {self.window_most}"
            problems.append(f"window_least, window_first, window_most are {numbers}; expected each no greater than the next")
        if problems:
            raise InvalidSettings(*problems)

    def __repr__(self) -> str:
        """Only what differs from the defaults, and no secret."""
        changed = (field for field in fields(self) if getattr(self, field.name) != field.default)
        return f"Settings({', '.join(f'{field.name}={self.shown(field.name)}' for field in changed)})"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Settings from DATABASE_URL, REDIS_URL, OPENAI_API_KEY, OPENAI_BASE_URL, LOG_LEVEL and MEMESPY_<FIELD> for every other field.

        An empty variable counts as not set. Raises InvalidSettings with every problem: a value that cannot be used, and a variable that
        begins with MEMESPY_ and is none.
        """
        environment = os.environ if environment is None else environment
        variables = {variable_of(field.name): field.name for field in fields(cls)}
        problems = [
            _unknown(name, list(variables)) for name in sorted(environment) if name.startswith("MEMESPY_") and name not in variables
        ]
        chosen: dict[str, Any] = {}
        for variable, name in variables.items():
            if text := environment.get(variable, "").strip():
                try:
                    chosen[name] = _read(name, text)
                except ValueError:
                    expected = "a whole number" if name in WHOLE else "a number"
                    problems.append(f"{variable} is {text!r}; expected {expected}")
        try:
            settings = cls(**chosen)
        except InvalidSettings as error:
            raise InvalidSettings(*problems, *error.problems) from None
        if problems:
            raise InvalidSettings(*problems)
        return settings

    def _lacking(self) -> list[str]:
        wanting = [name for name in ("text_backend", "image_backend") if getattr(self, name) in {"openai", "dspy"}]
        if not wanting or self.openai_api_key or self.openai_base_url:
            return []
        why = " and ".join(f"{variable_of(name)} {getattr(self, name)}" for name in wanting)
        return [f"OPENAI_API_KEY (openai_api_key) is not set; {why} needs it, or the OPENAI_BASE_URL of a server that wants no key"]

    def _unfit_for_chaos(self) -> list[str]:
        if not self.chaos_share:
            return []
        name, problems = f"{variable_of('chaos_share')} is {self.chaos_share}", []
        if self.log_level in {"ERROR", "CRITICAL"}:
            problems.append(f"{name} with LOG_LEVEL {self.log_level}; chaos says in the log that it is on: expected WARNING, INFO or DEBUG")
        if "cache" in str(self.chaos_ports).split(",") and self.redis_url is None:
            problems.append(f"{name} for the port cache; expected a REDIS_URL: a cache in this process is never away")
        return problems

    def chaos(self) -> ChaosPolicy | None:
        """What is spoiled on purpose; None where nothing is."""
        if not self.chaos_share:
            return None
        return ChaosPolicy(
            share=self.chaos_share,
            ports=tuple(self.chaos_ports.split(",")),
            off_file=Path(self.chaos_off_file) if self.chaos_off_file is not None else _data_directory(os.environ) / "chaos-off",
            kinds=tuple(self.chaos_kinds.split(",")),
            delay_s=self.chaos_delay_s,
            seed=self.chaos_seed,
            per_minute=self.chaos_per_minute,
        )

    def shown(self, name: str) -> str:
        """A setting's value as it may be printed: keys are hidden, and so are passwords in URLs."""
        return shown(name, getattr(self, name))

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

    def shown_database(self) -> str:
        """The same, as it may be printed."""
        return shown("database_url", self.database())

    def database_is_local(self) -> bool:
        """Whether the store is a file of this machine, or in memory: it needs no outbox that outlives the process."""
        return self.database().startswith("sqlite")

    def outbox_directory(self) -> Path:
        """Where a durable outbox is kept."""
        return Path(self.outbox_folder) if self.outbox_folder is not None else _data_directory(os.environ)

    def text(self) -> str:
        """The text backend to use: offline, openai or dspy."""
        if self.text_backend != "auto":
            return self.text_backend
        return "openai" if self.openai_api_key or self.openai_base_url else "offline"

    def base_url(self) -> str:
        """Where OpenAI's API, or one like it, is to be found; without a slash at the end."""
        return (self.openai_base_url or "https://api.openai.com/v1").rstrip("/")


def _read(name: str, text: str) -> object:
    default = Settings.__dataclass_fields__[name].default
    if name == "log_level":
        return text.upper()
    if name in WHOLE:
        return int(text)
    return float(text) if isinstance(default, float) else text


def _unknown(variable: str, known: list[str]) -> str:
    near = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
    return f"{variable} is no setting; {f'did you mean {near[0]}?' if near else 'memespy check-config lists them all'}"


def _data_directory(environment: Mapping[str, str]) -> Path:
    """The user's data directory as XDG has it, or here when there is no home."""
    if data_home := environment.get("XDG_DATA_HOME"):
        return Path(data_home) / "memespy"
    try:
        return Path.home() / ".local" / "share" / "memespy"
    except RuntimeError:
        return Path()
