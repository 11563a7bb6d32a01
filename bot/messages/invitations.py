"""The link: what the agent hears who asked for it, and what the grower gets in Slack."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import Block

from bot.messages.consents import account_line, link_name
from bot.messages.pieces import Message, actions, button, copyable, quiet, section
from bot.messages.text import count, escape, literal, mention
from bot.messages.times import ago, moment, works_until
from bot.messages.vocabulary import trouble, unreachable
from bot.reports import Invitation
from storage.records import Connection, Consent, ConsentState, Grower


def invitation(inv: Invitation, now: datetime) -> Message:
    """To the agent alone: the grower has the link, or here it is to be passed on."""
    name = escape(inv.grower.name)
    if inv.delivered_to:
        return _delivered(inv, name, now)
    head = f"Here is the {link_name(inv.consent)} for {name}."
    if inv.undelivered:
        head = f"I could not write to {name} in Slack: {unreachable(inv.undelivered)}."
    blocks: list[Block] = [
        section(
            f"*{head}*",
            "Only you see this, and only this once. Send it to the grower and to nobody else: "
            "whoever opens it can connect a FieldView account.",
        ),
        copyable(inv.url),
        section("Or copy these words into a text message or an e-mail:"),
        copyable(_to_paste(inv, now)),
        quiet(*_small_print(inv, now)),
    ]
    return Message(f"{head} Only you see it; send it to the grower and to nobody else.", tuple(blocks))


def _delivered(inv: Invitation, name: str, now: datetime) -> Message:
    person, link = mention(inv.delivered_to, inv.grower.name), link_name(inv.consent)
    lines = [
        f"*{name} has the {link}*: {person} got it from me by direct message.",
        "I write to you, privately, what comes of it. You need do nothing until then.",
    ]
    return Message(f"{name} has the {link}, by direct message.", (section(*lines), quiet(*_small_print(inv, now))))


def _small_print(inv: Invitation, now: datetime) -> list[str]:
    lines = [f"Code word: *{escape(inv.consent.code_word)}* · works {works_until(inv.consent.expires_at, now)}"]
    if inv.delivered_to:
        lines.append("If the grower asks whether the message is genuine, tell them the code word.")
    if inv.claimed:
        lines.append(f"You look after {escape(inv.grower.name)} from now on: I mention you when the connection breaks.")
    if inv.replaced:
        stopped = "works" if inv.replaced == 1 else "work"
        lines.append(f"{count(inv.replaced, 'earlier link')} of this grower no longer {stopped}.")
    return lines


def _to_paste(inv: Invitation, now: datetime) -> str:
    consent = inv.consent
    again = " again" if inv.connection and inv.connection.connected_at else ""
    return "\n".join(
        [
            f"Hello, this is {literal(consent.asked_by_name)}. Please connect your Climate FieldView{again}, "
            f"so that your data for {literal(inv.grower.name)} reaches us.",
            f"Open this link and sign in to FieldView: {inv.url}",
            f"The page must show the words “{literal(consent.code_word)}”. If it does not, do not go on.",
            f"The link works {works_until(consent.expires_at, now)} and is meant for you alone.",
        ]
    )


def invitation_dm(inv: Invitation, company: str, now: datetime) -> Message:
    """What the grower gets in Slack: who asks and why, one button, and how to tell that it is genuine."""
    consent = inv.consent
    asker, firm = mention(consent.asked_by, consent.asked_by_name), escape(company)
    again = inv.connection is not None and inv.connection.connected_at is not None
    connect = button("Connect FieldView", "open-consent-link", consent.id, style="primary", url=inv.url)
    blocks = (
        section(
            f"{asker} of *{firm}* asks you to connect Climate FieldView{' again' if again else ''} "
            f"for *{escape(inv.grower.name)}*.",
            "FieldView needs your permission once more before new data can reach them."
            if again
            else "With your permission, your field and harvest data reaches them without being sent by hand.",
        ),
        section(
            "It takes about two minutes. You sign in on FieldView’s own page, and nobody here sees your password.",
            f"The page you come to must show the words *{escape(consent.code_word)}*. If it does not, do not go on.",
        ),
        actions(connect),
        quiet(
            f"Works {works_until(consent.expires_at, now)}, for you alone: do not pass it on.",
            f"Did not expect this? Do not press it, and ask {asker} in person or by phone.",
        ),
    )
    name = escape(consent.asked_by_name)
    return Message(f"{name} of {firm} asks you to connect Climate FieldView. The button is in this message.", blocks)


def invitation_dm_closed(consent: Consent, now: datetime) -> Message:
    """The grower's message when its link has done its work, or no longer works: without the link."""
    head, then = _closed(consent, now)
    return Message(head, (section(f"*{head}*", then), quiet(f"For {escape(consent.grower_name)}")))


def _closed(consent: Consent, now: datetime) -> tuple[str, str]:
    asker = mention(consent.asked_by, consent.asked_by_name)
    match consent.state:
        case ConsentState.CONNECTED:
            account = f" You signed in as {escape(consent.account_email)}." if consent.account_email else ""
            stop = f"To stop it later, remove the connection in FieldView’s own settings, or tell {asker}."
            return "Your FieldView is connected. Thank you.", f"You need do nothing more.{account} {stop}"
        case ConsentState.EXCHANGING | ConsentState.DELIVERING:
            return (
                "Thank you. Your FieldView is being connected.",
                "You need do nothing more. This message changes when it is done.",
            )
        case ConsentState.DECLINED:
            return "You said no, and nothing is shared.", f"If you change your mind, ask {asker} for a new link."
        case ConsentState.REVOKED:
            then = f"If FieldView is not connected yet, use my newest message, or ask {asker}."
            return "This link no longer works.", then
        case ConsentState.FAILED:
            return (
                "Connecting your FieldView did not work.",
                f"It was nothing you did: {trouble(consent.trouble)}. {asker} will get back to you.",
            )
        case ConsentState.OPEN if now >= consent.expires_at:
            return "This link has run out, and nothing is shared.", f"Ask {asker} for a new one if you still want it."
        case ConsentState.OPEN:
            then = f"Go on in the window where you began. If it is closed, ask {asker} for a new link."
            return "You have begun to connect FieldView.", then


def already_connected(grower: Grower, connection: Connection, now: datetime) -> Message:
    """No link is needed."""
    name = escape(grower.name)
    since = f"Connected since {moment(connection.connected_at)}. " if connection.connected_at else ""
    blocks = (
        section(
            f"*{name} is connected already*, and it works.",
            account_line(connection.account_email, grower),
            f"{since}As Leaf knew it {ago(connection.checked_at, now)}. I sent no link.",
        ),
        actions(
            button("Send a link anyway", "connect-anyway", grower.id),
            button("Show status", "show-status", grower.id),
        ),
    )
    return Message(f"{name} is connected already, and it works. I sent no link.", blocks)
