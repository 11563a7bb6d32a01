"""Dockerfile and compose.yaml, as far as they can be tested where no container engine runs."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from bot.settings import Settings, load
from tests.house import repository
from tests.house.repository import ROOT
from tests.house.test_settings_example import ONLY_FOR_COMPOSE

SETTINGS = {field.upper() for field in Settings.model_fields}
PYTHONS_AND_THE_SYSTEMS = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


def instructions(stage: int | None = None) -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, of one stage or of all."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", repository.text("Dockerfile"), flags=re.MULTILINE))
    lines = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    stages: list[list[tuple[str, str]]] = []
    for word, arguments in lines:
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, arguments))
    return [instruction for part in (stages if stage is None else [stages[stage]]) for instruction in part]


def only(word: str) -> str:
    found = [arguments for name, arguments in instructions(-1) if name == word]
    assert len(found) == 1, f"{word} stands {len(found)} times in the image"
    return found[0]


def image_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in shlex.split(only("ENV")))


def copied_from_here() -> list[str]:
    arguments = [shlex.split(arguments) for name, arguments in instructions() if name == "COPY"]
    return [source for words in arguments if not words[0].startswith("--from") for source in words[:-1]]


def let_in() -> list[str]:
    return [line[1:].rstrip("/") for line in repository.text(".dockerignore").splitlines() if line.startswith("!")]


@pytest.mark.parametrize("source", copied_from_here())
def test_everything_the_image_copies_exists_and_is_let_in(source: str) -> None:
    assert (ROOT / source).exists()
    assert any(fnmatch(source.rstrip("/"), pattern) or source.startswith(f"{pattern}/") for pattern in let_in())


def test_the_image_holds_every_package_of_the_wheel() -> None:
    packages = repository.toml("pyproject.toml")["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {f"{package}/" for package in packages} <= set(copied_from_here())


def test_the_image_starts_the_installed_script() -> None:
    scripts = repository.toml("pyproject.toml")["project"]["scripts"]
    assert only("ENTRYPOINT") == f'["{next(iter(scripts))}"]'
    assert only("CMD") == '["serve"]'


def test_the_image_listens_where_it_says() -> None:
    environment = image_environment()
    assert environment["HOST"] == "0.0.0.0"  # noqa: S104 - inside a container, where only the network of its own hears
    assert only("EXPOSE") == environment["PORT"] == str(Settings.model_fields["port"].default)
    assert "/healthz" in only("HEALTHCHECK")


def test_the_image_sets_nothing_the_program_does_not_read() -> None:
    assert set(image_environment()) - PYTHONS_AND_THE_SYSTEMS <= SETTINGS


def test_the_image_runs_as_nobody_special_and_keeps_its_data_in_its_volume() -> None:
    user, group = only("USER").split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert image_environment()["DATABASE_URL"].startswith(f"sqlite:///{only('VOLUME')}/")


def test_both_stages_start_from_the_same_python() -> None:
    bases = {arguments.split()[0] for name, arguments in instructions() if name == "FROM"}
    assert len(bases) == 1
    found = re.fullmatch(r"python:3\.(\d+)-slim", bases.pop())
    assert found
    assert int(found[1]) >= 11


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = repository.yml("compose.yaml")["services"]
    return found


@pytest.mark.parametrize("name", services())
def test_a_service_can_change_nothing_but_its_volumes(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - a file system in memory, of the container's own
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_only_the_proxy_is_root_and_only_for_its_ports() -> None:
    assert {name: service["user"] for name, service in services().items()} == {
        "postgres": "postgres",
        "migrate": only("USER"),
        "bot": only("USER"),
        "proxy": "root",
    }
    assert {name: service["cap_add"] for name, service in services().items() if "cap_add" in service} == {
        "proxy": ["NET_BIND_SERVICE"]
    }


def test_replicas_start_on_a_migrated_database() -> None:
    bot, migrate = services()["bot"], services()["migrate"]
    assert bot["deploy"]["replicas"] == 2
    assert bot["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert migrate["depends_on"]["postgres"] == {"condition": "service_healthy"}
    assert migrate["command"] == ["migrate"]
    assert migrate["restart"] == "no"


def test_compose_sets_only_what_the_program_reads() -> None:
    for name in ("bot", "migrate"):
        assert set(services()[name]["environment"]) <= SETTINGS


def test_what_compose_wants_from_the_env_file_stands_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", repository.text("compose.yaml")))
    assert asked <= SETTINGS | ONLY_FOR_COMPOSE
    assert asked <= set(re.findall(r"^#?([A-Z_]+)=", repository.text(".env.example"), re.MULTILINE))


def test_compose_holds_no_secret() -> None:
    secretive = re.compile("PASSWORD|SECRET|TOKEN|KEY|DATABASE_URL")
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if secretive.search(name):
                assert "${" in value
                assert not re.search(r"\$\{\w+:?-", value), f"{name} has a default that everybody can read"


def test_secrets_may_come_in_files() -> None:
    whole = repository.yml("compose.secrets.yaml")
    assert whole["services"]["bot"] == whole["services"]["migrate"]
    assert set(whole["services"]) <= set(services())
    given, granted = whole["services"]["bot"]["environment"], whole["services"]["bot"]["secrets"]
    assert set(given.values()) == {f"/run/secrets/{name}" for name in granted}
    assert whole["secrets"] == {name: {"file": f"./secrets/{name}"} for name in granted}
    assert "/secrets/" in repository.text(".gitignore").splitlines()


def test_the_program_starts_with_those_files_and_nothing_secret_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    plain = {"LEAF_USERNAME": "owner@farms.example", "FIELDVIEW_CLIENT_ID": "id", "PUBLIC_URL": "https://bot.example"}
    key = "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlIDE="
    for name, value in plain.items():
        monkeypatch.setenv(name, value)
    given = repository.yml("compose.secrets.yaml")["services"]["bot"]["environment"]
    for name, path in given.items():
        file = tmp_path / path.rsplit("/", 1)[1]
        file.write_text(key if name == "ENCRYPTION_KEYS_FILE" else f"of {name}")
        monkeypatch.setenv(name, str(file))
    settings = load(_env_file=None)
    assert settings.leaf_password.get_secret_value() == "of LEAF_PASSWORD_FILE"
    assert settings.encryption_keys.get_secret_value() == key


def test_only_the_proxy_can_be_reached_and_the_database_reaches_nobody() -> None:
    assert [name for name, service in services().items() if "ports" in service] == ["proxy"]
    assert services()["postgres"]["networks"] == ["inside"]
    assert repository.yml("compose.yaml")["networks"]["inside"] == {"internal": True}


def test_the_proxy_finds_the_replicas() -> None:
    mounts = [volume.split(":")[0] for volume in services()["proxy"]["volumes"] if volume.startswith("./")]
    assert mounts == ["./deploy/Caddyfile"]
    caddyfile = repository.text(mounts[0])
    assert re.search(r"name (\w+)", caddyfile)[1] in services()  # type: ignore[index]
    assert f"port {services()['bot']['environment']['PORT']}" in caddyfile


def test_the_proxy_keeps_what_is_for_operators_from_the_public() -> None:
    assert "@operators path /readyz /metrics\n\trespond @operators 404" in repository.text("deploy/Caddyfile")


def test_every_volume_that_is_used_is_declared() -> None:
    volumes = [volume.split(":")[0] for service in services().values() for volume in service.get("volumes", [])]
    named = {volume for volume in volumes if not volume.startswith(".")}
    assert named == set(repository.yml("compose.yaml")["volumes"])
