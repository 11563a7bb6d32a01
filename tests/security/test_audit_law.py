"""What changes something is in one transaction with its row: every transaction of the program, one by one.

The few without a row are listed with their reasons in docs/audit.md.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.asyncio import AsyncSession

from storage.database import Database
from tests.security.mutations import ROOT
from tests.stage import ADA, Stage, buttons_of

WRITES = {"record", "fulfil", "done", "on_the_way"}
"""The ways in which a row comes into the caller's transaction."""

CHANGE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")

LISTED = re.compile(r"^\| (`[\w.]+`(?:, `[\w.]+`)*) \| .+ \| .+ \|$", re.MULTILINE)


def transactions() -> Iterator[tuple[str, set[str], ast.Module]]:
    """Where in `bot` a transaction is opened: `module.Class.method`, what it calls, and the module."""
    for path in sorted((ROOT / "bot").rglob("*.py")):
        if "sandbox" not in path.parts:
            module = ast.parse(path.read_text(encoding="utf-8"))
            yield from ((f"{path.stem}.{name}", called, module) for name, called in _opened(module, ""))


def _opened(node: ast.AST, name: str) -> Iterator[tuple[str, set[str]]]:
    for child in ast.iter_child_nodes(node):
        inner = name
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{name}.{child.name}".strip(".")
        if isinstance(child, ast.AsyncWith) and "transaction" in _called(*(item.context_expr for item in child.items)):
            yield inner, _called(*child.body)
        yield from _opened(child, inner)


def _called(*nodes: ast.AST) -> set[str]:
    calls = [node for top in nodes for node in ast.walk(top) if isinstance(node, ast.Call)]
    called = (call.func for call in calls)
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in called}


def writes_a_row(called: set[str], module: ast.Module) -> bool:
    """Whether one of these does, or a method of the same module that they call, however far in."""
    methods = {node.name: node for node in ast.walk(module) if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}
    seen: set[str] = set()
    while new := called - seen:
        seen |= new
        called = called.union(*(_called(methods[name]) for name in new & methods.keys()))
    return bool(called & WRITES)


def listed() -> set[str]:
    """The transactions that docs/audit.md lets do without a row."""
    told = (
        (ROOT / "docs/audit.md").read_text(encoding="utf-8").partition("## Without an entry")[2].partition("\n## ")[0]
    )
    return {name for names in LISTED.findall(told) for name in re.findall(r"[\w.]+", names)}


def test_every_transaction_writes_a_row_or_is_listed_with_its_reason() -> None:
    bare = {where for where, called, module in transactions() if not writes_a_row(called, module)}
    assert bare - listed() == set()


def test_what_is_listed_is_there() -> None:
    assert listed() - {where for where, _, _ in transactions()} == set()
    assert listed()


@dataclass
class Watch:
    """What was committed from where, with which tables changed; only what the program itself opened."""

    committed: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    def without_a_row(self) -> set[str]:
        return {
            f"{where} changed {', '.join(sorted(changed))}"
            for where, changed in self.committed
            if "audit" not in changed and where not in listed()
        }


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    seen, opened = Watch(), Database.transaction

    def transaction(database: Database) -> AbstractAsyncContextManager[AsyncSession]:
        frame = sys._getframe(1)
        where = f"{frame.f_globals['__name__'].rpartition('.')[2]}.{frame.f_code.co_qualname}"

        @asynccontextmanager
        async def watched() -> AsyncIterator[AsyncSession]:
            async with opened(database) as session:
                await session.run_sync(lambda opened: opened.connection().info.update(where=where))
                yield session

        return watched()

    def executed(connection: Connection, cursor: Any, statement: str, *more: Any) -> None:
        if (change := CHANGE.match(statement)) and cursor.rowcount != 0:
            connection.info.setdefault("changed", set()).add(change[1])

    def committed(connection: Connection) -> None:
        where, changed = connection.info.pop("where", None), connection.info.pop("changed", None)
        if where and changed:
            seen.committed.append((where, frozenset(changed)))

    def rolled_back(connection: Connection) -> None:
        connection.info.pop("where", None)
        connection.info.pop("changed", None)

    listeners = (("after_cursor_execute", executed), ("commit", committed), ("rollback", rolled_back))
    monkeypatch.setattr(Database, "transaction", transaction)
    for name, listener in listeners:
        event.listen(Engine, name, listener)
    yield seen
    for name, listener in listeners:
        event.remove(Engine, name, listener)


async def test_a_days_work_changes_nothing_without_its_row(stage: Stage, watch: Watch) -> None:
    await stage.sweeps_now()
    for typed in ("subscribe", f"owner Ada Lovelace Farms <@{stage.linus}>", "connect Ada Lovelace Farms", "status"):
        await stage.types(f"/fieldview {typed}")
    listed_links = await stage.types("/fieldview links")
    await stage.presses(listed_links, "show-link")
    await stage.consents(await stage.link())
    await stage.until_status(ADA, "healthy")
    await stage.world.leaf.revoke(ADA)
    await stage.until_status(ADA, "broken")
    await stage.delivered()
    [card] = [posted for posted in await stage.posted(stage.alerts) if "acknowledge" in buttons_of(posted)]
    await stage.presses(card, "acknowledge")
    await stage.connects()
    question = await stage.types("/fieldview disconnect Ada Lovelace Farms", stage.linus)
    await stage.presses(question, "disconnect-confirm", stage.linus)
    await stage.time_to_undo_passes()
    await stage.types("/fieldview unsubscribe")
    await stage.delivered()
    assert watch.without_a_row() == set()
    assert {where for where, changed in watch.committed if "audit" in changed} >= {
        *("inviting.Inviting.invite", "inviting.Inviting.shown_again", "journey.Journey.returned"),
        *(
            "completion.Completion._succeed",
            "casework.Casework.acknowledge",
            "ownership.Ownership.give",
            "disconnecting.Disconnecting.begin",
        ),
        *("subscribing.Subscribing.subscribe", "subscribing.Subscribing.unsubscribe"),
    }
