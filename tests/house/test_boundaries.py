"""Who may import whom, as far as import-linter's contracts in pyproject.toml cannot say it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.house import repository

ROOTS = ("bot/app", "bot/serving.py", "bot/checking.py", "bot/auditing.py", "bot/demo", "bot/__main__.py")


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports, and every name it takes from one, in full."""
    package = path.relative_to(repository.ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offences(importers: Iterable[Path], *forbidden: str, allowed: tuple[str, ...] = ()) -> set[tuple[str, str]]:
    """The files with the imports that they should not have."""
    return {
        (path.relative_to(repository.ROOT).as_posix(), name)
        for path in importers
        for name in imports(path)
        if within(name, *forbidden) and not within(name, *allowed)
    }


def ours(*but: str) -> list[Path]:
    """The program's modules, without those whose path begins so."""
    found = repository.python_files("bot", "handlers", "storage")
    return [path for path in found if not path.relative_to(repository.ROOT).as_posix().startswith(but)]


def test_the_sandbox_is_the_outside_world_and_knows_nothing_of_ours() -> None:
    sandbox = repository.python_files("bot/sandbox")
    assert offences(sandbox, "bot", "handlers", "storage", allowed=("bot.sandbox",)) == set()


def test_only_the_demo_starts_the_sandbox() -> None:
    assert offences(ours("bot/demo", "bot/__main__.py", "bot/sandbox"), "bot.sandbox") == set()


def test_only_the_roots_know_the_handlers() -> None:
    assert offences(ours(*ROOTS, "handlers"), "handlers") == set()


def test_only_the_roots_know_each_other() -> None:
    assert offences(ours(*ROOTS), "bot.app", "bot.demo", "bot.__main__") == set()


def test_messages_know_only_the_records_of_what_is_stored() -> None:
    messages = [path for path in ours() if path.relative_to(repository.ROOT).as_posix().startswith("bot/messages")]
    assert offences(messages, "storage", allowed=("storage.records",)) == set()


@pytest.mark.parametrize("package", ["storage/tables", "storage/records"])
def test_every_table_and_record_is_in_the_list_that_migrations_and_strangers_read(package: str) -> None:
    """A table that `storage.tables` does not name would be compared with no migration."""
    files = repository.python_files(package)
    trees = [ast.parse(path.read_text("utf-8")) for path in files]
    written = {node.name for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}
    named = {name.rpartition(".")[2] for name in imports(repository.ROOT / package / "__init__.py")}
    assert written - named == set()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import bot.sandbox.leaf", ["bot.sandbox.leaf"]),
        ("from bot import sandbox", ["bot.sandbox"]),
        ("from .. import errors", ["bot.errors"]),
        ("def later():\n    from bot.settings import load", ["bot.settings.load"]),
    ],
)
def test_no_way_of_writing_an_import_goes_unseen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, expected: list[str]
) -> None:
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    path = tmp_path / "bot" / "sandbox" / "thief.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert list(imports(path)) == expected
