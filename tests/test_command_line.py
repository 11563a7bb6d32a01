"""The command line, run as an operator runs it: what it says, and its exit code."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.app import journal_of
from bot.sandbox.world import World
from bot.sealing import Anchor
from bot.settings import Settings, load
from storage import audit
from storage.database import Database
from tests.program import Program, environment_of, free_port

NO_SUCH_PLACE = "http://127.0.0.1:9"


@dataclass
class Shell:
    """A terminal in an empty folder, in a world where everything is well."""

    world: World
    program: Program
    database_url: str

    async def runs(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        return await self.program.runs(*arguments, **environment)

    async def wrote(self, count: int, **more: str) -> None:
        """Put that many entries into the audit trail."""
        environment = self.program.environment.items()
        given = {name.lower(): value for name, value in environment if name.lower() in Settings.model_fields}
        async with journal_of(load(_env_file=None, **given)) as journal:
            for number in range(count):
                await journal.write(f"U{number}", "command", "connect", "done", f"r{number}", **more)

    async def anchors(self, path: Path, seq: int) -> None:
        """Write the anchor of that entry into a file, as the bot would have done when it was the last."""
        database = Database(self.database_url)
        async with database.reading() as session:
            sealed = await audit.one(session, seq)
        await database.close()
        assert sealed is not None
        await asyncio.to_thread(path.write_text, f"{Anchor.of(sealed)}\n", "ascii")

    async def tampers(self, *statements: str) -> None:
        """Somebody with all rights on the database takes its guards away first."""
        database = Database(self.database_url)
        guards = ["DROP TRIGGER audit_refuses_update", "DROP TRIGGER audit_refuses_delete"]
        if not database.is_sqlite:
            guards = ["DROP TRIGGER audit_refuses_change ON audit"]
        async with database.transaction() as session:
            for statement in (*guards, *statements):
                await session.execute(text(statement))
        await database.close()


@pytest.fixture
async def shell(database_url: str, tmp_path: Path) -> AsyncIterator[Shell]:
    async with World.running() as world:
        world.leaf.add_user(name="Ada Lovelace Farms", email="ada@example.com")
        port = free_port()
        redirect = f"http://127.0.0.1:{port}/oauth/fieldview/callback"
        world.fieldview.allow_redirect(redirect)
        yield Shell(world, Program(environment_of(world, database_url, port), tmp_path), database_url)


@pytest.fixture
async def plain_shell(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Shell]:
    """On SQLite alone."""
    async with World.running() as world:
        world.leaf.add_user(name="Ada Lovelace Farms", email="ada@example.com")
        yield Shell(world, Program(environment_of(world, sqlite_url, free_port()), tmp_path), sqlite_url)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ((), "serve"),
        (("serve",), "Run the bot"),
        (("demo",), "--port"),
        (("migrate",), "newest version"),
        (("check",), "what is wrong"),
        (("audit",), "verify"),
        (("audit", "verify"), "usage"),
        (("audit", "export"), "--format"),
    ],
)
async def test_help_is_everywhere_and_needs_no_settings(tmp_path: Path, command: tuple[str, ...], says: str) -> None:
    bare = environment_path()
    code, out, err = await Program(bare, tmp_path).runs(*command, "--help")
    assert (code, err) == (0, "")
    assert says in out


def environment_path() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1])}


async def test_without_settings_every_fault_is_a_line(tmp_path: Path) -> None:
    for command in (("serve",), ("check",), ("migrate",), ("audit", "verify")):
        code, out, err = await Program(environment_path(), tmp_path).runs(*command)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 9
        assert "LEAF_PASSWORD is not set." in err
        assert "Traceback" not in err


async def test_a_wrong_command_is_told_how_it_is_written(tmp_path: Path) -> None:
    for command in (("server",), (), ("audit",), ("audit", "export", "--format", "xml")):
        code, out, err = await Program(environment_path(), tmp_path).runs(*command)
        assert (code, out) == (2, "")
        assert "usage: fieldview-bot" in err


async def test_check_when_all_is_well(shell: Shell) -> None:
    code, out, _ = await shell.runs("check")
    assert code == 0, out
    assert "WRONG" not in out
    assert out.rstrip().endswith("Everything is in order.")
    for subject in ("Settings", "Public address", "Database", "Slack", "Leaf", "FieldView"):
        assert f"{subject}: " in out


BROKEN = [
    ({"SLACK_BOT_TOKEN": "xoxb-hunter2"}, "Slack", "SLACK_BOT_TOKEN"),
    ({"SLACK_API_URL": f"{NO_SUCH_PLACE}/api/"}, "Slack", "SLACK_API_URL"),
    ({"SLACK_APP_TOKEN": "xapp-hunter2"}, "Socket Mode", "SLACK_APP_TOKEN"),
    ({"ALERT_CHANNEL": "C0NOWHERE"}, "Alert channel", "ALERT_CHANNEL"),
    ({"AUDIT_ANCHOR_CHANNEL": "C0NOWHERE"}, "Anchor channel", "AUDIT_ANCHOR_CHANNEL"),
    ({"LEAF_PASSWORD": "hunter2"}, "Leaf", "LEAF_PASSWORD"),
    ({"LEAF_API_URL": NO_SUCH_PLACE}, "Leaf", "LEAF_API_URL"),
    ({"FIELDVIEW_CLIENT_SECRET": "hunter2"}, "FieldView", "FIELDVIEW_CLIENT_SECRET"),
    ({"FIELDVIEW_TOKEN_URL": f"{NO_SUCH_PLACE}/t"}, "FieldView", "FIELDVIEW_TOKEN_URL"),
    ({"DATABASE_URL": "postgresql://bot:hunter2@127.0.0.1:9/x"}, "Database", "DATABASE_URL"),
    ({"DATABASE_URL": "sqlite:////no/such/folder/x.db"}, "Database", "DATABASE_URL"),
    ({"DATABASE_URL": "sqlite:///unmigrated.db"}, "Database", "migrate"),
]


@pytest.mark.parametrize(("setting", "subject", "remedy"), BROKEN)
async def test_check_says_what_is_broken_and_what_to_do(
    plain_shell: Shell, setting: dict[str, str], subject: str, remedy: str
) -> None:
    code, out, err = await plain_shell.runs("check", **setting)
    assert code == 1
    [wrong] = [line for line in out.splitlines() if line.startswith("WRONG")]
    assert wrong.startswith(f"WRONG  {subject}: ")
    assert remedy in out.split(wrong)[1].splitlines()[1]
    assert "1 thing to mend." in out
    assert "hunter2" not in out + err
    assert "Traceback" not in err


async def test_check_tells_where_the_anchors_are_and_that_the_last_one_fits(shell: Shell, tmp_path: Path) -> None:
    await shell.wrote(3)
    assert "ok     Audit anchors: in the log\n" in (await shell.runs("check"))[1]
    anchors = tmp_path / "anchors"
    code, out, _ = await shell.runs("check", AUDIT_ANCHOR_FILE=str(anchors))
    assert (code, "the first comes with the next sweep" in out) == (0, True)
    await shell.anchors(anchors, 2)
    code, out, _ = await shell.runs("check", AUDIT_ANCHOR_FILE=str(anchors))
    assert (code, "in `AUDIT_ANCHOR_FILE`; the last one in the file, of entry 2, fits the trail" in out) == (0, True)


@pytest.mark.parametrize(
    ("deed", "mark", "says", "remedy"),
    [
        ("DELETE FROM audit WHERE seq > 1", "WRONG", "entry 2 is missing, which was anchored", "audit verify"),
        ("UPDATE audit_head SET seq = 1", "WRONG", "ends at entry 1, but 2 were written by", "audit verify"),
        ("UPDATE audit SET mac = 'ff' WHERE seq = 2", "WRONG", "entry 2 is not the one that was", "audit verify"),
        ("UPDATE audit SET at = '2026-01-01' WHERE seq = 3", "LOOK ", "none for entries since", "Is the bot running?"),
        ("SELECT 1", "WRONG", "line 2 of the file of anchors is not an anchor", "who may write there"),
    ],
)
async def test_check_holds_the_trail_against_the_last_anchor(
    shell: Shell, tmp_path: Path, deed: str, mark: str, says: str, remedy: str
) -> None:
    await shell.wrote(3)
    path = tmp_path / "anchors"
    await shell.anchors(path, 2)
    if deed == "SELECT 1":
        path.write_text(f"{path.read_text()}somebody was here\n", encoding="ascii")
    await shell.tampers(deed)
    code, out, _ = await shell.runs("check", AUDIT_ANCHOR_FILE=str(path))
    [line] = [line for line in out.splitlines() if "Audit anchors:" in line]
    assert line.startswith(f"{mark}  Audit anchors: ")
    assert says in line
    assert remedy in out.split(line)[1].splitlines()[1]
    assert code == (mark == "WRONG")


async def test_check_of_services_that_are_ill(plain_shell: Shell) -> None:
    world = plain_shell.world
    world.leaf.faults.outage()
    world.slack.faults.html()
    world.fieldview.faults.outage()
    code, out, _ = await plain_shell.runs("check")
    assert code == 1
    assert out.count("WRONG") == 3
    assert "3 things to mend." in out


async def test_migrate_makes_a_database_and_may_be_run_again(plain_shell: Shell, tmp_path: Path) -> None:
    fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    for _ in range(2):
        code, out, _ = await plain_shell.runs("migrate", DATABASE_URL=fresh)
        assert (code, out) == (0, "The database is at the newest version.\n")
    code, out, _ = await plain_shell.runs("audit", "verify", DATABASE_URL=fresh)
    assert (code, out) == (0, "The audit trail is whole: 0 entries.\n")


async def test_an_untouched_trail_is_whole(shell: Shell) -> None:
    await shell.wrote(5)
    code, out, _ = await shell.runs("audit", "verify")
    assert (code, out) == (0, "The audit trail is whole: 5 entries.\n")


COPY = (
    "INSERT INTO audit (seq, at, actor, via, action, outcome, request_id, previous, mac) "
    "SELECT {seq}, at, actor, via, action, outcome, request_id, previous, mac FROM audit WHERE seq = 3"
)
TAMPERED = {
    "edited": (["UPDATE audit SET actor = 'U9' WHERE seq = 3"], "entry 3"),
    "removed": (["DELETE FROM audit WHERE seq = 2"], "entry 2"),
    "inserted": ([COPY.format(seq=6)], "entry 6"),
    "reordered": (
        [f"UPDATE audit SET seq = {new} WHERE seq = {old}" for old, new in ((2, 99), (3, 2), (99, 3))],  # noqa: S608
        "entry 2",
    ),
    "cut off": (["DELETE FROM audit WHERE seq = 5"], "entry 4"),
}


@pytest.mark.parametrize("deed", TAMPERED)
async def test_a_trail_that_was_touched_is_found_out_at_the_place(shell: Shell, deed: str) -> None:
    statements, place = TAMPERED[deed]
    await shell.wrote(5)
    await shell.tampers(*statements)
    code, out, _ = await shell.runs("audit", "verify")
    assert code == 1
    assert out.startswith("The audit trail is not what was written: ")
    assert place in out


async def test_the_trail_as_a_table_that_no_spreadsheet_runs(shell: Shell) -> None:
    for name in ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'O"Brien, "Ada"\nFarms'):
        await shell.wrote(1, target_name=name)
    code, out, _ = await shell.runs("audit", "export")
    assert code == 0
    *rows, export = csv.DictReader(io.StringIO(out, newline=""))
    assert export["action"] == "audit-export"
    assert [int(row["seq"]) for row in rows] == list(range(1, 8))
    for row in rows:
        assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r")) for value in row.values())
    assert rows[0]["target_name"] == "'=cmd|' /C calc'!A0"
    assert rows[6]["target_name"] == 'O"Brien, "Ada"\nFarms'


async def test_the_trail_as_lines_of_json_and_the_export_is_in_it(shell: Shell) -> None:
    await shell.wrote(2, target_name="Ünïcode\u2028Farm")
    code, out, _ = await shell.runs("audit", "export", "--format", "jsonl")
    assert code == 0
    entries = [json.loads(line) for line in out.split("\n") if line]
    assert [entry["actor"] for entry in entries] == ["U0", "U1", "cli"]
    assert entries[0]["target_name"] == "Ünïcode\u2028Farm"
    assert entries[2]["action"] == "audit-export"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
async def test_an_export_is_utf_8_whatever_the_terminal_is(plain_shell: Shell, form: str) -> None:
    await plain_shell.wrote(1, target_name="農場")
    code, out, err = await plain_shell.runs("audit", "export", "--format", form, PYTHONIOENCODING="latin-1")
    assert (code, err) == (0, "")
    assert "農場" in out


async def test_an_export_that_nobody_took_to_its_end_is_recorded_as_failed(plain_shell: Shell) -> None:
    await plain_shell.wrote(1)
    export = f"{sys.executable} -m bot audit export --format jsonl > /dev/full"
    process = await asyncio.create_subprocess_shell(
        export,
        cwd=plain_shell.program.folder,
        env=dict(plain_shell.program.environment),
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (1, "The export is not whole: No space left on device.\n")
    _, out, _ = await plain_shell.runs("audit", "export", "--format", "jsonl")
    begun, failed, _ = [entry for line in out.splitlines() if (entry := json.loads(line))["action"] == "audit-export"]
    assert (begun["outcome"], failed["outcome"]) == ("done", "failed")
    assert begun["request_id"] == failed["request_id"]
    assert json.loads(failed["detail"]) == {"failure": "OSError"}
    assert (await plain_shell.runs("audit", "verify"))[0] == 0


async def test_a_lost_key_is_a_sentence(plain_shell: Shell) -> None:
    await plain_shell.wrote(1)
    other = "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlIDE="
    for command in (("audit", "verify"), ("audit", "export"), ("serve",)):
        code, out, err = await plain_shell.runs(*command, ENCRYPTION_KEYS=other)
        assert (code, out) == (1, "")
        assert "ENCRYPTION_KEYS" in err
        assert "Traceback" not in err


async def test_a_database_that_was_never_migrated_is_a_sentence(plain_shell: Shell) -> None:
    code, out, err = await plain_shell.runs("audit", "verify", DATABASE_URL="sqlite:///never.db")
    assert (code, out) == (1, "")
    assert "migrate" in err
    assert "Traceback" not in err
