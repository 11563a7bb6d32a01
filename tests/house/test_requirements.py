"""What is installed is what was tested: exact versions with hashes, from no named place."""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.house import repository

LISTS = ("serve", "dev", "build")


def pins(name: str) -> dict[str, str]:
    lines = repository.text(f"requirements/{name}.txt").splitlines()
    return dict(re.split("==", line.split()[0]) for line in lines if line[:1].isalnum())


def wanted(requirement: str) -> tuple[str, str]:
    found = re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", requirement)
    assert found, f"{requirement} names no exact version"
    return found[1], found[2]


@pytest.mark.parametrize("name", LISTS)
def test_every_pin_has_a_hash(name: str) -> None:
    blocks = re.split(r"^(?=\w)", repository.text(f"requirements/{name}.txt"), flags=re.MULTILINE)
    assert [block.splitlines()[0] for block in blocks if block.strip() and "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("name", LISTS)
def test_a_list_names_no_place_to_download_from(name: str) -> None:
    listed = repository.text(f"requirements/{name}.txt")
    assert re.findall(r"\S+://\S+|--(?:index|extra-index|find-links|trusted-host)\S*|@ \S+", listed) == []


def test_the_lists_were_made_from_pyproject() -> None:
    project = repository.toml("pyproject.toml")
    groups = project["dependency-groups"]
    own = [requirement for requirement in groups["dev"] if isinstance(requirement, str)]
    assert dict(map(wanted, project["project"]["dependencies"])).items() <= pins("serve").items()
    assert dict(map(wanted, own)).items() <= pins("dev").items()
    assert dict(map(wanted, groups["build"])).items() <= pins("build").items()


def test_what_is_tested_is_what_serves() -> None:
    assert pins("serve").items() <= pins("dev").items()
    assert pins("build").items() <= pins("dev").items()


def test_the_wheel_is_built_with_the_pinned_backend() -> None:
    project = repository.toml("pyproject.toml")
    assert project["build-system"]["requires"] == project["dependency-groups"]["build"]


def imported(*folders: str) -> set[str]:
    """The names of the packages that modules in these folders import."""
    nodes = [
        node for path in repository.python_files(*folders) for node in ast.walk(ast.parse(path.read_text("utf-8")))
    ]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in plain | froms}


def distributions(packages: set[str]) -> set[str]:
    known = packages_distributions()
    return {known[name][0].lower().replace("_", "-") for name in packages if name in known}


def test_every_package_that_the_program_imports_is_named_as_its_dependency() -> None:
    project = repository.toml("pyproject.toml")["project"]
    named = {wanted(requirement)[0] for requirement in project["dependencies"]} | {project["name"]}
    assert distributions(imported("bot", "handlers", "storage")) - named == set()


def test_nothing_imported_is_missing_from_the_lists() -> None:
    ours = {"bot", "handlers", "storage", "tests", "benchmarks"}
    foreign = imported(*ours) - set(sys.stdlib_module_names) - ours
    assert {name for name in foreign if not distributions({name}) & pins("dev").keys()} == set()


def verdict(report: str, trouble: str = "") -> int:
    """What `requirements/audit` makes of pip-audit's report."""
    script = runpy.run_path(str(repository.ROOT / "requirements" / "audit"))
    found: int = script["main"](report, trouble)
    return found


def listed(**package: object) -> str:
    return json.dumps({"dependencies": [{"name": "jinja2", "version": "2.4", **package}]})


def test_a_known_weakness_fails_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(listed(vulns=[{"id": "CVE-1", "fix_versions": ["3.0"]}])) == 1
    assert "jinja2 2.4: CVE-1, mended in 3.0" in capsys.readouterr().out


@pytest.mark.parametrize("report", ["", listed(skip_reason="not found")])
def test_what_could_not_be_looked_up_is_never_called_sound(report: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(report, "ConnectionError: no route") == 0
    told = capsys.readouterr().out
    assert "NOT CHECKED" in told
    assert "no known weakness" not in told


def test_sound_packages_are_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(listed(vulns=[])) == 0
    assert "no known weakness in 1 packages" in capsys.readouterr().out
