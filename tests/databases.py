"""A pytest plugin: a fresh, migrated database for each test, on SQLite and on a real PostgreSQL.

Migrations run once per engine and test run, into a template that is then copied. The process that started pytest makes
the folder that its workers share, and cleans up, whatever became of them.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from sqlalchemy import NullPool, create_engine, make_url

from tests.postgresql import NoPostgreSQL, SharedServer, alone

MEMORY_NEEDED = 1 << 30
FOLDER = pytest.StashKey[Path]()


class Databases:
    """Makes databases. `folder` keeps the templates and is shared by the workers; `migrate(url)` fills a template."""

    def __init__(self, folder: Path, server: SharedServer, migrate: Callable[[str], None]) -> None:
        self.server = server
        self._folder = folder
        self._migrate = migrate

    def sqlite(self, path: Path) -> str:
        """Put a migrated SQLite file at the path and return its URL."""
        template = self._folder / "template.db"
        with alone(self._folder):
            if not template.exists():
                self._fill_sqlite(template)
        shutil.copyfile(template, path)
        return f"sqlite:///{path}"

    @contextmanager
    def postgresql(self) -> Iterator[str]:
        """A migrated PostgreSQL database, dropped at the end of the block. Raises NoPostgreSQL."""
        server = self.server.url()
        template = self._postgresql_template(server)
        name = f"fieldview_{uuid4().hex}"
        execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield _database(server, name)
        finally:
            execute(server, f"DROP DATABASE {name} WITH (FORCE)")

    def close(self) -> None:
        """Drop the template from a server that goes on without us."""
        noted = self._folder / "template-name"
        if noted.exists():
            execute(self.server.url(), f"DROP DATABASE {noted.read_text()} WITH (FORCE)")

    def _fill_sqlite(self, template: Path) -> None:
        unfinished = template.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        self._migrate(f"sqlite:///{unfinished}")
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        unfinished.rename(template)

    def _postgresql_template(self, server: str) -> str:
        noted = self._folder / "template-name"
        with alone(self._folder):
            if not noted.exists():
                name = f"fieldview_template_{uuid4().hex}"
                execute(server, f"CREATE DATABASE {name}")
                self._migrate(_database(server, name))
                # A template can be copied only while nobody is connected to it.
                execute(server, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
                who = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - ours
                execute(server, who)
                noted.write_text(name)
            return noted.read_text()


def migrate(url: str) -> None:
    """Bring an empty database to the newest version: our tables, and the job engine's."""
    # Not at the top: the engine takes most of a second to import, and few tests need it.
    from bot import jobs
    from storage import database

    database.migrate(url)
    jobs.migrate(url)


def execute(url: str, statement: str) -> None:
    """Run one statement on PostgreSQL, outside any transaction."""
    driver = make_url(url).set(drivername="postgresql+psycopg")
    with create_engine(driver, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        connection.exec_driver_sql(statement)


def _database(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _root() -> Path:
    """Memory where there is enough of it, since that makes a database in 25 ms instead of 110; else a disk."""
    memory = Path("/dev/shm")  # noqa: S108 - the folders made in it have names that nobody can guess
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY_NEEDED:
        return memory
    return Path(tempfile.gettempdir())


def _remove_what_killed_runs_left() -> None:
    for folder in _root().glob("fieldview-bot-*-*"):
        process = folder.name.split("-")[2]
        if process.isdecimal() and not _alive(int(process)) and _is_ours(folder):
            SharedServer(folder).close()
            # Another run that starts now may be removing the same.
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        return folder.stat().st_uid == os.getuid()
    except FileNotFoundError:
        # Another run has ended, or removes the same.
        return False


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _cannot_run(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_configure(config: pytest.Config) -> None:
    """The process that was started makes the folder; xdist's workers are told of it."""
    if hasattr(config, "workerinput"):
        config.stash[FOLDER] = Path(config.workerinput["databases"])
        return
    _remove_what_killed_runs_left()
    config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix=f"fieldview-bot-{os.getpid()}-", dir=_root()))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Called by xdist for each worker it starts."""
    node.workerinput["databases"] = str(node.config.stash[FOLDER])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Only the process that was started ends what its workers shared."""
    if hasattr(config, "workerinput"):
        return
    folder = config.stash[FOLDER]
    server = SharedServer(folder)
    if "TEST_DATABASE_URL" in os.environ:
        Databases(folder, server, migrate).close()
    server.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Databases:
    """Makes databases, for a test that needs more than one."""
    folder = pytestconfig.stash[FOLDER]
    return Databases(folder, SharedServer(folder), migrate)


@pytest.fixture
def sqlite_url(databases: Databases, tmp_path: Path) -> str:
    """A migrated SQLite file of the test's own."""
    return databases.sqlite(tmp_path / "fieldview.db")


@pytest.fixture
def postgresql_url(databases: Databases) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own. Skips with a sentence where there is none; in CI it fails."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(databases.postgresql())
        except NoPostgreSQL as impossible:
            _cannot_run(str(impossible))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each test runs twice: on SQLite and on PostgreSQL. `-k sqlite` chooses."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
