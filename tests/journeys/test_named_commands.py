"""Every command that a text names exists, and does something when it is typed as it is written there."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

from bot.messages import Message
from handlers.commands import COMMANDS
from tests.messages import gallery
from tests.messages.reading import blocks_of
from tests.stage import Stage, eventually

ROOT = Path(__file__).parents[2]
STANDS_FOR = {
    " [time zone]": "",
    "[command]": "[connect]",
    "[grower": "[Ada Lovelace Farms",
    "[days]": "[30]",
    "[who] [role]": "[@grace operator]",
    "[add | remove north, organic]": "[add north, organic]",
    "<grower>": "Ada Lovelace Farms",
    "<name>": "Ada Lovelace Farms",
    "<who> <role>": "@grace operator",
    "#channel": "#growers",
    "@who": "@grace",
    "@from": "@grace",
    "@to": "@linus",
    "#north": "#growers",
    "@mia": "@linus",
    "@lead": "@linus",
    "@colleague": "@linus",
    "@person": "@grace",
    "did …": "did connect",
    "since …": "since 7d",
}
"""What somebody types in place of these."""


def in_texts() -> Iterator[str]:
    """Commands that stand in code in some message."""
    for shown in gallery.everything().values():
        text = json.dumps(blocks_of(shown), ensure_ascii=False) + (shown.text if isinstance(shown, Message) else "")
        yield from map(html.unescape, re.findall(r"`(/fieldview [^`]*)`", text))


def in_code() -> Iterator[str]:
    """Commands in the program's strings: the whole of one, or in code."""
    for path in sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")]):
        tree = ast.parse(path.read_text())
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                yield from re.findall(r"`(/fieldview [^`]*)`", node.value)
                yield from re.findall(r"\A/fieldview [^`]*\Z", node.value)


def in_documents() -> Iterator[str]:
    """Commands with what stands behind them in what people read about the bot; there the word alone is a name."""
    for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        if path.name != "messages.md":
            yield from re.findall(r"`(/fieldview [a-z]+ [^`]+)`", path.read_text().replace("\\|", "|"))


def typed(named: str) -> Iterator[str]:
    """What somebody types who reads that: without what stands in brackets, and with it."""
    for words, real in STANDS_FOR.items():
        named = named.replace(words, real)
    without = re.sub(r" ?\[[^\]]*\]", "", named)
    with_it = re.sub(r"\[([^|\]]*)(?:\|[^\]]*)?\]", r"\1", named)
    yield from dict.fromkeys((without.strip(), " ".join(with_it.split())))


async def test_every_command_that_is_named_is_understood(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    await stage.types("/fieldview tag Sato Family Orchards add north", stage.linus)
    named = {*in_texts(), *in_code(), *in_documents(), *(command.usage for command in COMMANDS.values())}
    assert len(named) > 30, "else nobody looks at anything"
    lines = sorted({line for text in named for line in typed(text) if " " in line})
    for line in lines:
        assert (await stage.world.slack.command(stage.linus, stage.growers, line)).ok

    async def all_are_done() -> bool:
        return len([row for row in await stage.audit() if row.via == "command"]) >= len(lines)

    await eventually(all_are_done, within=60)
    rows = [row for row in await stage.audit() if row.via == "command"]
    assert {row.action for row in rows} <= COMMANDS.keys()
    assert [(row.action, row.detail) for row in rows if "because" in (row.detail or "")] == [], lines
