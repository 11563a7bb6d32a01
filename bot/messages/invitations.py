"""Asking a grower for consent: what the agent reads, what the grower reads, and how it ended."""

from __future__ import annotations

from datetime import datetime

from bot.messages.message import Message, actions, button, context, said, section
from bot.messages.words import ago, bold, date_in_words, moment, plain, safe
from bot.reports import Invitation
from storage.records import Connection, Consent, ConsentState, Grower

_UNDELIVERED = {
    "messages_tab_disabled": "this app's Messages tab is switched off",
    "cannot_dm_bot": "that account is a bot",
    "user_disabled": "that Slack account is switched off",
    "user_not_found": "that Slack account does not exist any more",
    "channel_not_found": "Slack does not let me write to that account",
    "restricted_action": "this workspace does not let me write to that account",
}

_TROUBLES = {
    "denied-at-fieldview": "The grower signed in but said no on FieldView's page. The link still works.",
    "code-refused": "FieldView's approval came too late or was used before. The grower can press the link again.",
    "answer-lost": "FieldView's answer got lost on the way. The grower can press the same link again.",
    "fieldview-down": "FieldView is not answering. The grower can press the same link again later.",
    "our-configuration": "FieldView does not accept this bot's set-up. An operator has been told; do not ask the "
    "grower again yet.",
    "leaf-down": "The grower has agreed; Leaf does not answer at the moment. I keep trying, nobody has to do anything.",
    "leaf-refused": "The grower agreed, but Leaf would not take the connection. An operator should look at it.",
}


def invitation(inv: Invitation, now: datetime) -> Message:
    """The private answer to whoever asked: it arrived, or here is the link to share."""
    if inv.delivered_to:
        return _arrived(inv)
    why_shared = "is not in this Slack workspace"
    if inv.undelivered:
        why_shared = f"did not get my message: {_UNDELIVERED.get(inv.undelivered, plain(inv.undelivered, 80))}"
    head = f"Here is a link for {bold(inv.grower)}, who {why_shared}."
    return said(
        f"A link for {plain(inv.grower.name)} to share",
        section(head, "Send it to the grower yourself, and to nobody else. I show it only this once."),
        section("```" + _ready_to_paste(inv) + "```"),
        context(_small_print(inv, now)),
    )


def _arrived(inv: Invitation) -> Message:
    text = f"<@{inv.delivered_to}> has my message with the link for {bold(inv.grower)}."
    follow = "You will hear from me when it is done, or if it does not work out."
    word = (
        f"Code word *{inv.consent.code_word}*, in case they ask. The link works until {moment(inv.consent.expires_at)}."
    )
    lines = [word, *([_REPLACED] if inv.replaced else [])]
    return said(f"Sent to {plain(inv.grower.name)}", section(text, follow), context(*lines))


_REPLACED = "The link sent before does not work any more."


def _ready_to_paste(inv: Invitation) -> str:
    consent = inv.consent
    return (
        f"Hello, please connect Climate FieldView for {plain(inv.grower.name)}:\n{inv.url}\n"
        f"The page shows the words {consent.code_word}, so you know it is ours. It takes three clicks and works until "
        f"the end of {date_in_words(consent.expires_at)}.\n{plain(consent.asked_by_name)}"
    )


def _small_print(inv: Invitation, now: datetime) -> str:
    parts = [f"The link works until {moment(inv.consent.expires_at)}, for one connection."]
    if inv.replaced:
        parts.append(_REPLACED)
    return " ".join(parts)


def invitation_dm(inv: Invitation, company: str, now: datetime) -> Message:
    """What the grower reads."""
    consent = inv.consent
    asker = f"<@{consent.asked_by}>"
    why = (
        f"The FieldView connection of {bold(inv.grower)} has stopped working."
        if consent.incident_id
        else f"{safe(company)} would like to read the FieldView data of {bold(inv.grower)}."
    )
    ask = f"{asker} asks you to connect it. You sign in at FieldView and approve; that is all."
    press = button("Connect FieldView", "open-consent-link", consent.id, style="primary", url=inv.url)
    return said(
        f"{plain(consent.asked_by_name)} asks you to connect FieldView for {plain(inv.grower.name)}",
        section(why, ask),
        section(f"The page shows the words *{consent.code_word}*. If it does not, leave it and tell {asker}."),
        actions(press),
        context(f"Works until {moment(consent.expires_at)}. You did not expect this? Then simply ignore it."),
    )


def invitation_dm_closed(consent: Consent, now: datetime) -> Message:
    """The grower's message, once the link in it has done its work or may do none any more."""
    asker = f"<@{consent.asked_by}>"
    match consent.state:
        case ConsentState.CONNECTED:
            text = f"🟢 Thank you, FieldView is connected for {bold(consent.grower_name)}."
            more = f"To stop it, remove the connection in FieldView's settings, or tell {asker}."
        case ConsentState.DECLINED:
            text, more = "You said no, so nothing was connected.", f"Changed your mind? Ask {asker} for a new link."
        case ConsentState.REVOKED:
            text, more = "This link was replaced and does not work any more.", "Please use the newest one."
        case ConsentState.FAILED:
            text, more = "This did not work out, and it was not your fault.", f"{asker} will get back to you."
        case ConsentState.EXCHANGING | ConsentState.DELIVERING:
            text, more = "Thank you, you have approved.", "The connection is being made; you need do nothing more."
        case ConsentState.OPEN:
            return _still_open(consent, now)
    return said(plain(text, 200), section(text), context(more))


def _still_open(consent: Consent, now: datetime) -> Message:
    text = f"<@{consent.asked_by}> asks you to connect FieldView for {bold(consent.grower_name)}."
    if now >= consent.expires_at:
        return said(
            "This link has expired", section(text), context(f"The link has expired. Ask <@{consent.asked_by}>.")
        )
    return said(
        f"{plain(consent.asked_by_name)} asks you to connect FieldView",
        section(text, f"The page shows the words *{consent.code_word}*."),
        context(f"You have begun. The link you got works until {moment(consent.expires_at)}."),
    )


def already_connected(grower: Grower, connection: Connection, now: datetime) -> Message:
    """There is nothing to repair, but one may ask again all the same."""
    text = (
        f"🟢 {bold(grower)} is connected and healthy, for {ago(connection.changed_at, now).removesuffix(' ago')} now."
    )
    more = "There is no need for a link. Ask again only if the grower wants another FieldView account."
    return said(
        f"{plain(grower.name)} is connected already",
        section(text, more),
        actions(button("Send a link anyway", "connect-anyway", grower.id)),
    )


def consent_outcome(consent: Consent, now: datetime) -> Message:
    """What whoever asked hears: how the consent stands."""
    who = bold(consent.grower_name)
    match consent.state:
        case ConsentState.CONNECTED:
            account = f", with the FieldView account {safe(consent.account_email)}" if consent.account_email else ""
            lines = [f"🟢 {who} is connected{account}.", "Leaf begins to fetch the data; that can take a while."]
            if consent.trouble:
                lines.append(_TROUBLES.get(consent.trouble, ""))
        case ConsentState.DECLINED:
            lines = [f"⚪ {who} said no to connecting FieldView.", "You may want to talk to them before asking again."]
        case ConsentState.FAILED:
            lines = [
                f"🔴 {who} could not be connected.",
                _trouble(consent),
                "Ask the grower again once that is mended.",
            ]
        case ConsentState.REVOKED:
            lines = [f"⚪ The link for {who} was replaced by a newer one."]
        case ConsentState.EXCHANGING | ConsentState.DELIVERING:
            lines = [f"🔵 {who} has agreed; I am handing that over to Leaf.", _trouble(consent)]
        case ConsentState.OPEN:
            lines = [f"🟠 {who} is not connected yet.", _trouble(consent)]
    lines = [line for line in lines if line]
    return said(plain(" ".join(lines).replace("*", ""), 200), section(*lines))


def _trouble(consent: Consent) -> str:
    return _TROUBLES.get(consent.trouble or "", "")
