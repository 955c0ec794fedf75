"""Settings from defaults and from the environment."""

from typing import Any

import pytest

from dspy_meme_gen.bootstrap import offline_ports
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({"LOG_LEVEL": "", "UNRELATED": "x"}) == Settings()


def test_the_environment_is_read() -> None:
    environment = {"DATABASE_URL": "sqlite://", "LOG_LEVEL": "debug", "MEMESPY_CACHE_TTL_S": "1.5", "MEMESPY_IMAGE_WIDTH": "96"}
    expected = Settings(database_url="sqlite://", log_level="DEBUG", cache_ttl_s=1.5, image_width=96)
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
