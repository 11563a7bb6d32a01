"""The bot's own page in Slack."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import Block, DividerBlock
from slack_sdk.models.views import View

from bot.messages.pieces import actions, button, heading, named, quiet, section
from bot.messages.status import age, in_need, needs, silent, tally, waiting
from bot.messages.text import count
from bot.messages.times import lasting
from bot.messages.vocabulary import cause_of
from bot.reports import Overview
from storage.records import Connection, Grower

SHOWN = 20
"""Growers with buttons of their own; Slack takes a hundred blocks."""


def home(o: Overview, *, is_admin: bool, now: datetime) -> View:
    """Who needs somebody, with the buttons to act, and what the bot can do."""
    blocks: list[Block] = [
        heading("FieldView connections"),
        section(f"*{count(sum(o.counts.values()), 'grower')}:* {tally(o)}", needs(o, now), waiting(o), silent(o)),
        quiet(age(o, now)),
    ]
    for grower, connection in o.needing_someone[:SHOWN]:
        blocks += [DividerBlock(), *_needing(grower, connection, now)]
    if in_need(o) > SHOWN and o.needing_someone:
        more = count(in_need(o) - min(SHOWN, len(o.needing_someone)), "more", "more")
        blocks.append(quiet(f"…and {more}: `/fieldview status` lists them."))
    return View(type="home", blocks=[*blocks, DividerBlock(), *_abilities(is_admin)])


def _needing(grower: Grower, connection: Connection, now: datetime) -> list[Block]:
    words = cause_of(connection)
    asks = words.asks_grower and grower.gone_at is None
    send = button("Send reconnect link", "send-link", grower.id, style="primary") if asks else None
    down = lasting(now - connection.changed_at)
    return [
        section(named(grower), f"For {down}: {words.short}. Who must act: {words.who}."),
        actions(send, button("Show status", "show-status", grower.id)),
    ]


def _abilities(is_admin: bool) -> list[Block]:
    can = section(
        "*What I can do*",
        "`/fieldview connect` asks a grower for permission · `/fieldview status` shows how connections are · "
        "`/fieldview subscribe` brings alerts to a channel · `/fieldview help` lists everything",
    )
    admin = "You are an admin here: `/fieldview history` shows who did what." if is_admin else None
    return [can, *([quiet(admin)] if admin else [])]
