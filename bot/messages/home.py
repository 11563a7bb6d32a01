"""The bot's own page in Slack."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConversationFilter,
    ConversationSelectElement,
    DividerBlock,
    Option,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.messages.casework import care_lines
from bot.messages.consents import UNDER_WAY, decision, is_waiting, needs_operator, standing
from bot.messages.pieces import Message, actions, button, heading, more, named, quiet, section
from bot.messages.silences import silence_of
from bot.messages.status import age, in_need, needs, silent, snoozed, still_matters, tally, undecided, waiting
from bot.messages.text import count
from bot.messages.times import lasting
from bot.messages.vocabulary import cause_of
from bot.messages.who_must_act import turn
from bot.reports import Desk, DeskRow, Look, Pile
from storage.records import ConsentState

_PILES = {
    Pile.NEEDING: "Needs somebody",
    Pile.WAITING: "Waiting for an answer",
    Pile.SILENT: "No new data",
    Pile.SNOOZED: "Snoozed",
}
_NOTHING = {
    Pile.NEEDING: "No connection here needs somebody.",
    Pile.WAITING: "No link is out, and no approval waits for a decision.",
    Pile.SILENT: "As far as I know, every healthy connection brings data.",
    Pile.SNOOZED: "Nothing is snoozed.",
}


def home(desk: Desk, *, is_admin: bool, now: datetime) -> View:
    """One's own growers, or everybody's, with the buttons to act; on the first day how to begin."""
    o = desk.overview
    head = f"{'You look after ' if desk.is_mine else ''}{count(sum(o.counts.values()), 'grower')}: {tally(o)}."
    blocks: list[Block] = [
        heading("FieldView connections"),
        *_welcome(desk),
        section(f"*{needs(o, now)}*", head, waiting(o), undecided(o), silent(o), snoozed(o)),
        quiet(age(o, now)),
        _filters(desk),
    ]
    for row in desk.rows:
        blocks += [DividerBlock(), *_row(row, now)]
    if not desk.rows:
        blocks.append(section(_NOTHING[desk.look.pile]))
    blocks += [*_turning(desk), DividerBlock(), *_abilities(desk, is_admin=is_admin)]
    return View(type="home", private_metadata=str(desk.look), blocks=blocks)


def closed_home(why: Message) -> View:
    """To whoever may not look, or may no longer: nothing but why, and whom to ask."""
    return View(type="home", blocks=[heading("FieldView connections"), *why.blocks])


def answer_modal(message: Message, *, private_metadata: str = "") -> View:
    """An answer to whoever pressed something where no message can stand."""
    return View(
        type="modal",
        private_metadata=private_metadata,
        title=PlainTextObject(text="FieldView"),
        close=PlainTextObject(text="Close"),
        blocks=list(message.blocks),
    )


def _welcome(desk: Desk) -> list[Block]:
    """What is still to be done before the bot is of use; nothing once it is."""
    if desk.has_channel and desk.has_connection:
        return []
    blocks: list[Block] = [section("*Welcome. Two steps, and I watch your growers’ FieldView connections.*")]
    if desk.has_channel:
        blocks.append(section("✅ *1. Alerts have a channel.*"))
    else:
        only = ConversationFilter(
            include=["public", "private"], exclude_external_shared_channels=True, exclude_bot_users=True
        )
        choose = ConversationSelectElement(
            action_id="home-subscribe", placeholder=PlainTextObject(text="Choose a channel…"), filter=only
        )
        invite = (
            "Invite me there first with `/invite`, then choose it here. I tell it what breaks, and what works again."
        )
        blocks += [section("*1. Choose the channel that hears of alerts.*", invite), actions(choose)]
    if desk.has_connection:
        blocks.append(section("✅ *2. A grower is connected, or was.*"))
    else:
        first = "They get a link to a page that says who asks and what will be read. It takes them two minutes."
        blocks += [
            section("*2. Connect the first grower.*", first),
            actions(button("Connect a grower", "connect-someone", None, style="primary")),
        ]
    return [*blocks, DividerBlock()]


def _filters(desk: Desk) -> ActionsBlock:
    whose = "mine" if desk.is_mine else "all"
    start = replace(desk.look, page=0)
    labels = {"mine": "My growers", "all": "All growers"}
    numbers = _numbers(desk)
    return actions(
        _choice("home-whose", {str(replace(start, whose=each)): label for each, label in labels.items()},
                str(replace(start, whose=whose))),
        _choice("home-pile", {str(replace(start, pile=each)): f"{_PILES[each]} ({numbers[each]:,})" for each in Pile},
                str(start)),
    )  # fmt: skip


def _numbers(desk: Desk) -> dict[Pile, int]:
    o = desk.overview
    return {
        Pile.NEEDING: in_need(o),
        Pile.WAITING: o.waiting_for_consent + o.undecided,
        Pile.SILENT: len(o.silent),
        Pile.SNOOZED: len(o.snoozed),
    }


def _choice(action: str, offers: dict[str, str], chosen: str) -> StaticSelectElement:
    options = {value: Option(value=value, text=PlainTextObject(text=label)) for value, label in offers.items()}
    return StaticSelectElement(action_id=action, options=list(options.values()), initial_option=options[chosen])


def _row(row: DeskRow, now: datetime) -> list[Block]:
    grower, alert = row.grower, row.incident
    lines: list[str | None] = []
    if row.connection:
        words = cause_of(row.connection)
        down = lasting(now - row.connection.changed_at)
        who, _ = turn(words, grower, row.connection, row.consent, now)
        lines.append(f"For {down}: {words.short}. Who must act: {who}.")
    if row.consent and (row.connection is None or still_matters(row.consent, row.connection.status, now)):
        lines.append(standing(row.consent, now, grower))
    if row.silence:
        lines += silence_of(row.silence, now)
    if alert:
        lines += care_lines(alert, grower, now)
    return [section(named(grower), *lines), _deeds(row, now)]


def _deeds(row: DeskRow, now: datetime) -> ActionsBlock:
    grower, alert = row.grower.id, row.incident
    is_snoozed = alert is not None and alert.care.is_snoozed(now)
    return actions(
        *_sending(row, now),
        button("Acknowledge", "acknowledge", alert.id) if alert and not alert.care.acknowledged_by else None,
        button("End the snooze", "end-snooze", alert.id) if alert and is_snoozed else None,
        button("Show status", "show-status", grower),
        more(
            ("What happened", "show-events", grower),
            ("Snooze…", "snooze", alert.id) if alert and not is_snoozed else None,
            ("Assign…", "assign", alert.id) if alert else None,
        ),
    )


def _sending(row: DeskRow, now: datetime) -> list[ButtonElement]:
    """The button that sends a link, plain while one is out: a newer one ends it. What is to be decided comes first."""
    consent, grower = row.consent, row.grower
    first = decision(consent) if consent and consent.state is ConsentState.HELD else []
    asks = row.connection is None or cause_of(row.connection).asks_grower
    if not asks or grower.gone_at or needs_operator(consent) or (consent and consent.state in UNDER_WAY):
        return first
    if first or (consent and is_waiting(consent, now)):
        return [*first, button("Send a new link", "send-link", grower.id)]
    return [button("Send reconnect link", "send-link", grower.id, style="primary")] if row.connection else []


def _turning(desk: Desk) -> list[Block]:
    """The buttons to other pages, and what no page shows."""
    blocks: list[Block] = []
    look: Look = desk.look
    if desk.pages > 1:
        back = button("← Back", "home-back", str(replace(look, page=look.page - 1))) if look.page else None
        on = look.page + 1 < desk.pages
        further = button("More →", "home-on", str(replace(look, page=look.page + 1))) if on else None
        blocks += [DividerBlock(), quiet(f"Page {look.page + 1} of {desk.pages}"), actions(back, further)]
    hidden = _numbers(desk)[look.pile] - len(desk.overview.needing_someone) if look.pile is Pile.NEEDING else 0
    if hidden > 0:
        blocks.append(
            quiet(f"…and {count(hidden, 'more', 'more')}: `/fieldview status` with a name shows any of them.")
        )
    return blocks


def _abilities(desk: Desk, *, is_admin: bool) -> list[Block]:
    can = section(
        "*What I can do*",
        "`/fieldview connect` asks a grower for permission · `/fieldview status` shows how connections are · "
        "`/fieldview subscribe` brings alerts to a channel · `/fieldview help` lists everything",
    )
    admin = "You are an admin here: `/fieldview history` shows who did what." if is_admin else None
    connect = button("Connect a grower…", "connect-someone", None) if desk.has_connection else None
    many = button("Links for a list…", "bulk-ask", None) if desk.has_connection else None
    hears = button("What a channel hears…", "subscribe-options", None)
    return [can, actions(connect, many, hears), *([quiet(admin)] if admin else [])]
