"""`fieldview-bot audit`: prove, export, and erase from, the audit trail."""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import IO, Any, TextIO

from bot.retention import Retention
from bot.sealing import Anchor
from bot.settings import Settings
from bot.spreadsheet import harmless
from storage.database import Database
from storage.records import Grower, SealedEntry

Load = Callable[[], Settings]


class Unfinished(Exception):
    """What was asked for could not be written to its end; the sentence says why."""


BAR = 30
"""Letters of the progress bar."""


def add_commands(audit: argparse.ArgumentParser, settings: Load) -> None:
    """`verify`, `export` and `erase` below `audit`."""
    kinds = audit.add_subparsers(required=True, metavar="WHAT")

    def add(name: str, run: Callable[[argparse.Namespace, Settings], Any], purpose: str) -> argparse.ArgumentParser:
        command = kinds.add_parser(name, help=purpose, description=purpose)
        command.set_defaults(run=lambda options: asyncio.run(run(options, settings())))
        return command

    proof = add("verify", verify, "Walk the chain and name the first entry that is not what it was.")
    proof.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=anchor,
        metavar="LINE",
        help="an anchor as it stands in the log, in a channel or in another file; may be given several times",
    )
    out = add("export", export, "Write the trail to standard output.")
    out.add_argument("--format", choices=("csv", "jsonl"), default="csv")
    out.add_argument("--since", type=day, metavar="DAY", help="from this day (UTC) on, like 2026-11-24")
    out.add_argument("--until", type=day, metavar="DAY", help="up to and including this day (UTC)")
    forget = add("erase", erase, "Erase a grower's personal words, here and in every other table. Deeds stay.")
    forget.add_argument("grower", help="Leaf id, name, e-mail or external id")
    forget.add_argument(
        "--also", action="append", default=[], metavar="WORD", help="another word for them, such as a nickname"
    )
    forget.add_argument("--yes", action="store_true", help="do it: there is no way back")


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day is written like 2026-11-24") from None


def anchor(text: str) -> Anchor:
    found = Anchor.parse(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError("an anchor is written like 2026-11-24T12:00:00+00:00 17 0123…, with 64 digits")
    return found


async def verify(options: argparse.Namespace, settings: Settings) -> int:
    from bot.app import journal_of

    progress, began = Progress(sys.stderr), time.monotonic()
    async with journal_of(settings) as journal:
        verdict = await journal.verify(progress.show, options.anchor)
    progress.clear()
    if verdict.fault:
        print(f"The audit trail is not what was written: {verdict.fault}. {verdict.rows} entries before it are.")
        return 1
    print(f"The audit trail is whole: {verdict.rows} entries.")
    if verdict.idle:
        print(f"Anchors of entries whose time was over, so that nothing is left to hold them against: {verdict.idle}.")
    if sys.stderr.isatty():
        print(f"It took {time.monotonic() - began:.1f} s.", file=sys.stderr)
    return 0


@dataclass
class Progress:
    """A bar on a terminal; nothing where nobody looks."""

    screen: IO[str]

    def show(self, done: int, of: int) -> None:
        if self.screen.isatty() and of:
            filled = "#" * (BAR * min(done, of) // of)
            self.screen.write(f"\r[{filled:<{BAR}}] {done:,} of {of:,} entries")
            self.screen.flush()

    def clear(self) -> None:
        if self.screen.isatty():
            self.screen.write("\r\x1b[K")


async def export(options: argparse.Namespace, settings: Settings) -> int:
    from bot.app import journal_of

    since, until = _midnight(options.since), _midnight(options.until, days_later=1)
    write = _lines_of_json if options.format == "jsonl" else _table
    request_id = _request_id()
    async with journal_of(settings) as journal:
        # First: nothing leaves without an entry that says so.
        detail = {"format": options.format, "since": _named(options.since), "until": _named(options.until)}
        await journal.write("cli", "command line", "audit-export", "done", request_id, detail=detail)
        try:
            async with aclosing(journal.entries(since=since, until=until)) as entries:
                with _in_utf8(sys.stdout) as out:
                    await write(entries, out)
        except BaseException as failure:
            why = {"failure": type(failure).__name__}
            await journal.write("cli", "command line", "audit-export", "failed", request_id, detail=why)
            if isinstance(failure, OSError) and not isinstance(failure, BrokenPipeError):
                raise Unfinished(f"The export is not whole: {failure.strerror or why['failure']}.") from failure
            raise
    return 0


@contextmanager
def _in_utf8(out: TextIO) -> Iterator[TextIO]:
    """Whatever the locale; at the end everything has been taken by whoever reads it."""
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(encoding="utf-8", errors="backslashreplace")
    yield out
    out.flush()


async def _lines_of_json(entries: AsyncIterator[SealedEntry], out: TextIO) -> None:
    async for sealed in entries:
        out.write(json.dumps(_columns(sealed), ensure_ascii=False) + "\n")


async def _table(entries: AsyncIterator[SealedEntry], out: TextIO) -> None:
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    async for sealed in entries:
        rows.writerow([harmless(value) for value in _columns(sealed).values()])


COLUMNS = (
    *("seq", "at", "actor", "via", "action", "outcome", "request_id", "channel", "target", "target_name", "detail"),
    *("typed", "mac"),
)


def _columns(sealed: SealedEntry) -> dict[str, Any]:
    own = {"seq": sealed.seq, "at": sealed.entry.at.isoformat(), "mac": sealed.mac}
    return {name: own[name] if name in own else getattr(sealed.entry, name) for name in COLUMNS}


async def erase(options: argparse.Namespace, settings: Settings) -> int:
    async with _retention_of(settings) as retention:
        found = await retention.whom(options.grower)
        if len(found) != 1:
            return _not_one(found, options.grower)
        [grower] = found
        if not options.yes:
            print(f"This would erase {_described(grower)} for good. Say the same with --yes to do it.")
            return 1
        erased = await retention.erase(grower, "cli", _request_id(), options.also)
    print(f"Erased {grower.id} from {erased.entries + erased.typed} entries and from every other table.")
    if grower.gone_at is None:
        print("Leaf still has this grower: remove them there, or the next sweep learns the name again.")
    print("Parts of the name, misspellings and nicknames that somebody typed cannot be known: erase them with --also.")
    if not erased.nowhere_else:
        print(
            "Another connection kept SQLite's log of writes from being emptied, so the file that ends in -wal may "
            f"still hold what was erased. Say the same of {grower.id} again in a while, or when the bot is stopped."
        )
    print("Messages in Slack, backups and files of exports and logs are not reached from here.")
    return 0


def _not_one(found: list[Grower], named: str) -> int:
    if not found:
        print(f"No grower is known as {named!r}.", file=sys.stderr)
        return 1
    print("Several growers answer to that. Give the id of one:", file=sys.stderr)
    for grower in found:
        print(f"  {_described(grower)}", file=sys.stderr)
    return 1


def _described(grower: Grower) -> str:
    return " · ".join(word for word in (grower.name, grower.email, grower.external_id, grower.id) if word)


@asynccontextmanager
async def _retention_of(settings: Settings) -> AsyncIterator[Retention]:
    from bot.app import journal_of, system_clock

    database = Database(settings.database_url.get_secret_value())
    try:
        async with journal_of(settings) as journal:
            yield Retention(database, journal, system_clock)
    finally:
        await database.close()


def _midnight(day: date | None, *, days_later: int = 0) -> datetime | None:
    return datetime.combine(day + timedelta(days=days_later), clock_time(), UTC) if day else None


def _named(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _request_id() -> str:
    return uuid.uuid4().hex[:12]
