"""Setting up: plain words, nothing done twice, nothing half done taken for done. `.venv` is played by a script."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house import repository
from tests.house.repository import ROOT

# The interpreter of .venv: it answers every question and notes every installation.
PYTHON = """#!/bin/sh
here=$(dirname "$0")
case "$*" in *"pip install"*) echo "$*" >>"$here/installed"; exit "$(cat "$here/result")";; esac
"""
TOOLS = ("sh", "dirname", "cksum", "grep", "cat", "rm")

SetUp = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder like ours, with a space in its path."""
    made = tmp_path / "a check out"
    (made / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "requirements" / "install", made / "requirements")
    (made / "requirements" / "serve.txt").write_text(
        "httpx==0.28.1 --hash=sha256:1\nstarlette==1.10.0 --hash=sha256:2\n"
    )
    return made


@pytest.fixture
def venv(checkout: Path) -> Path:
    """Its virtual environment; `result` is the exit status of the next installation."""
    folder = checkout / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    (folder / "result").write_text("0")
    return folder


@pytest.fixture
def set_up(checkout: Path, tmp_path: Path) -> SetUp:
    """Run the set-up on a machine that has no Python of its own."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool) or tool)

    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [str(checkout / "requirements" / "install"), name]
        return subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False, cwd="/")

    return run


def installations(venv: Path) -> list[str]:
    noted = venv / "installed"
    return noted.read_text().splitlines() if noted.exists() else []


def test_the_first_run_says_what_it_does_and_checks_every_hash(venv: Path, set_up: SetUp) -> None:
    assert set_up("serve").stdout == "Installing 2 packages from requirements/serve.txt, each checked by its hash …\n"
    assert len(installations(venv)) == 1
    assert "--require-hashes --requirement requirements/serve.txt" in installations(venv)[0]


def test_the_second_run_installs_nothing_and_says_nothing(venv: Path, set_up: SetUp) -> None:
    set_up("serve")
    second = set_up("serve")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert len(installations(venv)) == 1


def test_a_changed_list_is_installed_even_when_its_time_stands_still(checkout: Path, venv: Path, set_up: SetUp) -> None:
    set_up("serve")
    listed = checkout / "requirements" / "serve.txt"
    before = listed.stat()
    listed.write_text(listed.read_text().replace("0.28.1", "0.28.2"))
    os.utime(listed, (before.st_atime, before.st_mtime))
    set_up("serve")
    assert len(installations(venv)) == 2


def test_an_installation_that_failed_is_tried_again(venv: Path, set_up: SetUp) -> None:
    (venv / "result").write_text("1")
    assert set_up("serve").returncode != 0
    (venv / "result").write_text("0")
    assert set_up("serve").returncode == 0
    assert len(installations(venv)) == 2


@pytest.mark.usefixtures("checkout")
def test_a_machine_without_python_is_told_what_to_install(set_up: SetUp) -> None:
    told = set_up("serve")
    assert told.returncode != 0
    assert told.stdout == ""
    assert told.stderr.startswith("No Python 3.11 or newer with its venv module was found")
    assert "apt-get install python3 python3-venv" in told.stderr


def make(*arguments: str) -> str:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("target", ["demo", "test", "check", "bench"])
def test_make_alone_tells_what_it_can_do(target: str) -> None:
    assert f"make {target} " in make()


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("demo", ["requirements/install serve", "python -m bot demo"]),
        ("test", ["requirements/install dev", "python -m pytest"]),
        ("check", ["ruff format --check", "ruff check", "mypy", "lint-imports", "python -m pytest"]),
    ],
)
def test_a_target_does_its_work_in_order(target: str, commands: list[str]) -> None:
    planned = make("--dry-run", target)
    places = [planned.find(command) for command in commands]
    assert -1 not in places
    assert places == sorted(places)


def test_ci_runs_the_checks_and_lets_nothing_be_skipped() -> None:
    script = repository.text(".ci/run")
    assert script.rstrip().endswith("\nmake check")
    assert "export CI=true REQUIRE_BROWSER=1" in script
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0


@pytest.mark.parametrize("script", [".ci/run", "requirements/install"])
def test_a_script_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
