"""Modals and the bot's own page."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import (
    Block,
    DividerBlock,
    InputBlock,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.blocks.basic_components import MarkdownTextObject
from slack_sdk.models.views import View

from bot.messages.cards import CAN_BE_REPAIRED
from bot.messages.message import actions, button, context, header, section
from bot.messages.status import ORDER
from bot.messages.words import SIGNS, STATES, ago, bold, cause, counted, lasting, plain
from bot.reports import Overview
from storage.records import Connection, Grower

HOME_ROWS = 20
"""Growers the page lists: each takes two of a view's 100 blocks."""


def create_grower_modal(typed: str, *, private_metadata: str = "") -> View:
    """The form for a grower whom Leaf does not know, filled with what was typed."""
    is_address = "@" in typed
    return View(
        type="modal",
        callback_id="create-grower",
        title=PlainTextObject(text="New grower"),
        submit=PlainTextObject(text="Create and connect"),
        close=PlainTextObject(text="Cancel"),
        private_metadata=private_metadata,
        blocks=[
            SectionBlock(text=MarkdownTextObject(text="I create the grower at Leaf, then make a link for them.")),
            _input("name", "Name of the farm business", "" if is_address else plain(typed), limit=255),
            _input("email", "E-mail address", plain(typed, 200) if is_address else "", limit=254),
            _input("external_id", "Your own id for them", "", limit=255, optional=True),
        ],
    )


def _input(block: str, label: str, initial: str, *, limit: int, optional: bool = False) -> InputBlock:
    field = PlainTextInputElement(action_id=block, initial_value=initial or None, max_length=limit)
    return InputBlock(block_id=block, label=PlainTextObject(text=label), element=field, optional=optional)


def home(o: Overview, *, is_admin: bool, now: datetime) -> View:
    """The bot's own page: how everybody is doing, and those that need someone, with what helps."""
    counts = "   ".join(f"{SIGNS[s]} {o.counts[s]:,} {STATES[s]}" for s in ORDER if o.counts.get(s))
    age = (
        f"Everybody was looked at {ago(o.as_of, now)}." if o.as_of else "I am looking at everybody for the first time."
    )
    waiting = counted(o.waiting_for_consent, "grower has a link", "growers have a link")
    blocks: list[Block] = [header("FieldView connections"), section(counts or "There are no growers yet.")]
    blocks.append(context(f"{age} {waiting} and may still use it." if o.waiting_for_consent else age))
    blocks.append(DividerBlock())
    if not o.needing_someone:
        blocks.append(section("Nobody needs you right now."))
    for grower, connection in o.needing_someone[:HOME_ROWS]:
        blocks += _in_need(grower, connection, now)
    if len(o.needing_someone) > HOME_ROWS:
        more = len(o.needing_someone) - HOME_ROWS
        blocks.append(
            context(f"{counted(more, 'more grower needs', 'more growers need')} someone: `/fieldview status`")
        )
    blocks += [DividerBlock(), context("Type `/fieldview help` in any channel to see what I can do.")]
    return View(type="home", blocks=blocks)


def _in_need(grower: Grower, connection: Connection, now: datetime) -> list[Block]:
    why = cause(connection.cause, connection.raw_status, connection.missing_scopes) if connection.cause else ""
    lasts = lasting(now - connection.changed_at)
    buttons = [button("Details", "show-status", grower.id)]
    if connection.cause in CAN_BE_REPAIRED:
        buttons.insert(0, button("Send reconnect link", "send-link", grower.id, style="primary"))
    return [section(f"{SIGNS[connection.status]} {bold(grower)} for {lasts}", why), actions(*buttons)]
