"""Settings from defaults and from the environment."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from dspy_meme_gen.bootstrap import offline_ports
from dspy_meme_gen.configuration import as_lines, as_values
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.setting_rules import RULES, masked
from dspy_meme_gen.settings import Settings, variable_of


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({"LOG_LEVEL": "", "UNRELATED": "x"}) == Settings()


def test_the_environment_is_read() -> None:
    environment = {
        "DATABASE_URL": "sqlite://",
        "REDIS_URL": " redis://localhost:6379/0 ",
        "OPENAI_API_KEY": "sk-1",
        "OPENAI_BASE_URL": "http://localhost:8000/v1/",
        "LOG_LEVEL": "debug",
        "MEMESPY_CACHE_TTL_S": "1.5",
        "MEMESPY_IMAGE_WIDTH": "96",
        "MEMESPY_TEXT_BACKEND": "openai",
    }
    expected = Settings(
        database_url="sqlite://",
        redis_url="redis://localhost:6379/0",
        openai_api_key="sk-1",
        openai_base_url="http://localhost:8000/v1/",
        log_level="DEBUG",
        cache_ttl_s=1.5,
        image_width=96,
        text_backend="openai",
    )
    assert Settings.from_environment(environment) == expected


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("LOG_LEVEL", "loud", "log_level"),
        ("MEMESPY_CACHE_TTL_S", "soon", "MEMESPY_CACHE_TTL_S"),
        ("MEMESPY_CACHE_TTL_S", "nan", "cache_ttl_s"),
        ("MEMESPY_CACHE_TTL_S", "-1", "cache_ttl_s"),
        ("MEMESPY_IMAGE_WIDTH", "96.5", "MEMESPY_IMAGE_WIDTH"),
        ("MEMESPY_IMAGE_WIDTH", "1", "image_width"),
        ("MEMESPY_CACHE_TTL", "60", "did you mean MEMESPY_CACHE_TTL_S"),
        ("MEMESPY_PAINT", "x", "MEMESPY_PAINT is no setting; memespy check-config lists them all"),
        ("DATABASE_URL", "mysql://localhost/memes", "DATABASE_URL .* expected a URL that begins with sqlite:// or postgresql://"),
        ("DATABASE_URL", "postgresql+asyncpg://h/memes", "names the driver asyncpg"),
        ("DATABASE_URL", "postgresql:///memes", "names no host"),
        ("DATABASE_URL", "postgresql://h:port/memes", "DATABASE_URL"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL .* redis://"),
        ("REDIS_URL", "redis://h/memes", "names a database that is no number"),
        ("OPENAI_BASE_URL", "api.openai.com", "OPENAI_BASE_URL .* https://"),
        ("OPENAI_BASE_URL", "https://h/v1?key=x", "a query"),
        ("MEMESPY_TEXT_BACKEND", "gpt", "one of auto, offline, openai, dspy"),
        ("MEMESPY_TEXT_BACKEND", "dspy", "OPENAI_API_KEY .* is not set; MEMESPY_TEXT_BACKEND dspy needs it"),
        ("MEMESPY_IMAGE_BACKEND", "openai", "OPENAI_API_KEY .* is not set; MEMESPY_IMAGE_BACKEND openai needs it"),
        ("MEMESPY_TEXT_MODEL", "x" * 201, "MEMESPY_TEXT_MODEL"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(variable: str, value: str, named: str) -> None:
    with pytest.raises(InvalidSettings, match=named):
        Settings.from_environment({variable: value})


@pytest.mark.parametrize("fields", [{"restart_limit": True}, {"text_retries": 1.0}, {"call_limit_s": "10"}])
def test_a_value_of_another_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        Settings(**fields)


def test_the_database_is_in_the_users_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert Settings().database() == "sqlite:////data/memespy/memespy.db"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert Settings().database() == "sqlite:////home/me/.local/share/memespy/memespy.db"
    assert Settings(database_url="sqlite://").database() == "sqlite://"


@pytest.mark.parametrize("fields", [{"database_url": "nonsense"}, {"database_url": "nodb://x"}, {"fallback_font": "/no/such/font.ttf"}])
def test_adapters_that_cannot_be_made_say_which_setting_is_wrong(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings, match=r"DATABASE_URL|fallback_font"):
        offline_ports(Settings(**{"database_url": "sqlite://", **fields}))


SECRET = "hunter2"


@pytest.mark.parametrize(
    "fields",
    [
        {"database_url": f"mysql://me:{SECRET}@h/memes"},
        {"database_url": f"postgresql://me:{SECRET}@/memes"},
        {"redis_url": f"redis://:{SECRET}@"},
        {"openai_base_url": f"https://me:{SECRET}@h/v1"},
        {"openai_base_url": f"https://h/v1?key={SECRET}"},
        {"openai_api_key": f"two words {SECRET}"},
        {"openai_api_key": f"{SECRET}\n"},
    ],
)
def test_an_error_never_shows_a_secret(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings) as raised:
        Settings(**fields)
    assert SECRET not in str(raised.value)


def test_what_is_printed_never_shows_a_secret() -> None:
    settings = Settings(
        database_url=f"postgresql://me:{SECRET}@h:5432/memes?sslpassword={SECRET}",
        redis_url=f"redis://:{SECRET}@h:6379/1",
        openai_api_key=SECRET,
    )
    lines = "\n".join([repr(settings), str(settings), *as_lines(settings), *as_values(settings).values(), settings.shown_database()])
    assert SECRET not in lines
    assert "postgresql://me:***@h:5432/memes?***" in lines


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidSettings) as raised:
        Settings.from_environment({"LOG_LEVEL": "loud", "REDIS_URL": "x", "MEMESPY_IMAGE_WIDTH": "wide", "MEMESPY_X": "1"})
    assert len(raised.value.problems) == 4
    assert all(problem in str(raised.value) for problem in raised.value.problems)


def test_every_setting_has_a_rule_and_a_variable() -> None:
    names = [field.name for field in fields(Settings)]
    assert sorted(RULES) == sorted(names)
    assert len({variable_of(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///memes.db", "sqlite:///memes.db"),
        ("sqlite:////data/memes.db", "sqlite:////data/memes.db"),
        ("redis://h", "redis://h"),
        ("redis://user:p%40ss@[::1]:6379/0", "redis://user:***@[::1]:6379/0"),
        ("unix:///run/redis.sock?password=x", "unix:///run/redis.sock?***"),
        (SECRET, "***"),
        ("http://[", "***"),
    ],
)
def test_urls_are_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("fields", "backend"),
    [
        ({}, "offline"),
        ({"openai_api_key": "k"}, "openai"),
        ({"openai_base_url": "http://localhost/v1"}, "openai"),
        ({"openai_api_key": "k", "text_backend": "offline"}, "offline"),
        ({"openai_api_key": "k", "text_backend": "dspy"}, "dspy"),
    ],
)
def test_texts_come_from_a_model_where_one_is_configured(fields: dict[str, Any], backend: str) -> None:
    assert Settings(**fields).text() == backend


PAGE = Path(__file__).parents[2] / "docs" / "memespy-configuration.md"


def test_every_setting_is_explained_on_the_page_about_them() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [variable_of(field.name) for field in fields(Settings) if f"`{variable_of(field.name)}`" not in page] == []


def test_the_numbers_on_the_page_are_the_defaults() -> None:
    numbers = PAGE.read_text(encoding="utf-8").partition("## The numbers\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in numbers.splitlines() if line.startswith("| `")]
    shown = {
        variable.strip(" `"): said.strip() for row in rows for variable, said in zip(row[0].split(","), row[1].split(","), strict=True)
    }
    defaults = {variable_of(field.name): field.default for field in fields(Settings)}
    assert len(shown) > 30
    assert {name: float(said) if said else None for name, said in shown.items()} == {name: defaults[name] for name in shown}
