"""The wheel holds the whole program, and starts from an empty folder where no source lies about."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house import repository
from tests.house.repository import ROOT

PACKAGES = ("bot", "handlers", "storage")
COMMANDS = ("serve", "demo", "migrate", "check", "audit")


def succeed(*command: str | Path, where: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as the image builds it."""
    folder = tmp_path_factory.mktemp("dist")
    succeed(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, where=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed wheel; its dependencies are this interpreter's."""
    folder = tmp_path_factory.mktemp("installed")
    offline = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet", "--no-compile")
    succeed(sys.executable, "-m", "pip", "install", *offline, "--target", folder, wheel, where=folder)
    return folder


def test_it_holds_every_module_template_and_migration(wheel: Path) -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    source = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert packed == source


def test_it_says_what_it_is(wheel: Path) -> None:
    project = repository.toml("pyproject.toml")["project"]
    with zipfile.ZipFile(wheel) as archive:
        name = f"fieldview_bot-{project['version']}.dist-info"
        metadata = archive.read(f"{name}/METADATA").decode()
        assert "MIT License" in archive.read(f"{name}/licenses/LICENSE").decode()
    assert f"Requires-Python: {project['requires-python']}" in metadata
    assert "License-Expression: MIT" in metadata


@pytest.mark.parametrize("start", ["script", "module"])
def test_it_starts_from_an_empty_folder(installed: Path, tmp_path: Path, start: str) -> None:
    script = [installed / "bin" / "fieldview-bot"] if start == "script" else [sys.executable, "-m", "bot"]
    told = succeed(*script, "--help", where=tmp_path, PYTHONPATH=str(installed))
    assert [command for command in COMMANDS if command not in told] == []
    assert list(tmp_path.iterdir()) == []


def test_its_data_files_are_found_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    migrating = "from storage.database import migrate; migrate('sqlite:///made.db')"
    succeed(sys.executable, "-c", migrating, where=tmp_path, PYTHONPATH=str(installed))
    assert (tmp_path / "made.db").stat().st_size > 0
