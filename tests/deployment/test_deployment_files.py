"""The Dockerfile, docker-compose.test.yml and the workflow fit the project: what they name exists, and what they set is understood.

No container engine is needed here, and none is used: the workflow's job `image` builds and starts the image.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import offline_ports, start_pipeline
from dspy_meme_gen.cli import _parser
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.settings import Settings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def instructions():
    """The Dockerfile's, as (name, rest), without comments and with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines()]


def last(name):
    return [rest for known, rest in instructions() if known == name][-1]


def served():
    """The options that the image's command comes to."""
    entry, command = json.loads(last("ENTRYPOINT")), json.loads(last("CMD"))
    assert entry == ["memespy"]
    assert "memespy" in PROJECT["scripts"]
    return _parser().parse_args(command)


def compose():
    return yaml.safe_load((ROOT / "docker-compose.test.yml").read_text(encoding="utf-8"))["services"]


# The image


def test_the_image_serves_to_other_machines_on_the_port_that_it_exposes():
    assert served().host == "0.0.0.0"
    assert str(served().port) == last("EXPOSE") == "8081"


def test_the_image_does_not_run_as_root_and_keeps_its_data_in_the_volume():
    assert last("USER") not in {"root", "0"}
    places = [index for index, (name, _) in enumerate(instructions()) if name in {"USER", "ENTRYPOINT"}]
    assert instructions()[places[-2]][0] == "USER", "from before the command on"
    assert f"XDG_DATA_HOME={last('VOLUME')}" in last("ENV")


def test_what_is_copied_exists_and_reaches_the_builder():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [source for name, rest in instructions() if name == "COPY" and "--from" not in rest for source in rest.split()[:-1]]
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert {PROJECT["readme"], *PROJECT["license-files"]} <= set(copied), "the build backend reads them"


def test_the_extras_that_are_installed_exist():
    [installed] = [rest for name, rest in instructions() if name == "RUN" and "pip install" in rest]
    extras = re.search(r"\.\[(.*?)\]", installed)[1].split(",")
    assert {"memespy", "monitoring", "postgres", "redis"} == set(extras) <= set(PROJECT["optional-dependencies"])


def test_the_python_of_the_image_is_one_that_the_project_takes():
    versions = {re.match(r"python:(\d+\.\d+)", rest)[1] for name, rest in instructions() if name == "FROM"}
    assert len(versions) == 1
    assert versions.pop() in SpecifierSet(PROJECT["requires-python"])


def test_the_health_check_asks_for_something_that_is_there():
    url = urlsplit(re.search(r"http://[^']+", last("HEALTHCHECK"))[0])
    assert url.port == served().port
    settings = Settings(database_url="sqlite://", health_period_s=0)
    with start_pipeline(settings, offline_ports(settings)) as pipeline:
        paths = create_app(pipeline, settings).openapi()["paths"]
    assert url.path in paths


# Beside real servers


def test_the_service_is_configured_for_the_servers_beside_it():
    services = compose()
    settings = Settings.from_environment(services["app"]["environment"])
    database, redis, postgres = urlsplit(settings.database()), urlsplit(settings.redis_url), services["postgres"]["environment"]
    assert (database.username, database.password) == (postgres["POSTGRES_USER"], postgres["POSTGRES_PASSWORD"])
    assert (database.hostname, database.port, database.path) == ("postgres", 5432, f"/{postgres['POSTGRES_DB']}")
    assert (redis.hostname, redis.port or 6379) == ("redis", 6379)
    assert [services[name]["image"] for name in ("postgres", "redis")] == ["postgres:15", "redis:7"]
    for name, port in (("postgres", 5432), ("redis", 6379), ("app", served().port)):
        assert services[name]["ports"] == [f"{port}:{port}"]


def test_the_service_starts_when_its_servers_answer_and_is_given_the_time_to_drain():
    services = compose()
    conditions = {name: each["condition"] for name, each in services["app"]["depends_on"].items()}
    assert conditions == {"postgres": "service_healthy", "redis": "service_healthy"}
    assert all("healthcheck" in services[name] for name in conditions)
    settings = Settings.from_environment(services["app"]["environment"])
    assert float(services["app"]["stop_grace_period"].removesuffix("s")) > settings.stop_grace_s


@pytest.mark.parametrize("misspelt", ["DATABASE_URL", "MEMESPY_STOP_GRACE_S"])
def test_a_value_that_the_service_would_not_take_is_found(misspelt):
    environment = compose()["app"]["environment"] | {misspelt: "no such thing"}
    with pytest.raises(InvalidSettings, match=misspelt):
        Settings.from_environment(environment)


# The workflows


def steps(path):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [step for job in document["jobs"].values() for step in job["steps"]]


def words(path):
    """Every word of every command."""
    return [shlex.split(line) for step in steps(path) for line in step.get("run", "").splitlines()]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_file_and_target_that_a_workflow_names_exists(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    markers = {"slow", "integration", "not", "and", "or"}
    for command in words(path):
        if command[0] == "make":
            assert command[1] in targets
        if "pytest" in command:
            assert [word for word in command if word.startswith("tests/") and not (ROOT / word).exists()] == []
            assert any(word.startswith("tests/") for word in command)
            chosen = command[command.index("-m", command.index("pytest")) + 1] if "-m" in command[command.index("pytest") :] else ""
            assert set(re.findall(r"\w+", chosen)) <= markers
        if command[0] == "docker":
            assert (ROOT / command[command.index("-f") + 1]).exists()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_for_changes_of_what_exists(path):
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    changed = (document[True].get("pull_request") or {}).get("paths", [])  # YAML 1.1 reads the key `on` as true
    assert [pattern for pattern in changed if not (ROOT / pattern.removesuffix("/**")).exists()] == []


def test_the_nightly_workflow_runs_every_kind_of_test_of_the_strategy():
    [path] = [path for path in WORKFLOWS if path.name == "resilience-tests.yml"]
    folders = {word.rstrip("/") for command in words(path) for word in command if word.startswith("tests/")}
    kinds = ("property_based", "chaos", "load_testing", "contracts", "fault_injection", "resilience")
    assert {f"tests/{kind}" for kind in kinds} <= folders
    assert yaml.safe_load(path.read_text(encoding="utf-8"))[True]["schedule"]
