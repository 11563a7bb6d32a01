"""The link: what the agent hears who asked for it."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import Block, StaticSelectElement

from bot.messages.consents import account_line, link_name
from bot.messages.letters import to_paste
from bot.messages.pieces import Message, actions, button, called, copyable, menu, quiet, section, told_apart
from bot.messages.speech import every_speech, speech
from bot.messages.text import count, escape, mention
from bot.messages.times import moment
from bot.messages.vocabulary import unreachable
from bot.reports import Invitation
from storage.records import Connection, Consent, Grower


def invitation(inv: Invitation, now: datetime) -> Message:
    """To the agent alone: the grower has the link, or here it is to be passed on."""
    if inv.delivered_to:
        return _delivered(inv, now)
    head = _here_it_is(inv, escape(inv.grower.name))
    blocks: list[Block] = [
        section(
            f"*{head}*",
            told_apart(inv.grower),
            "Only you see this. Send it to the grower and to nobody else: "
            "whoever opens it can connect a FieldView account.",
        ),
        copyable(inv.url),
        section("Or copy these words into a text message or an e-mail, in the grower’s language:"),
        copyable(to_paste(inv.letter, now)),
        actions(_languages(inv.consent)),
        quiet(*_small_print(inv, now)),
    ]
    alone = _here_it_is(inv, called(inv.grower))
    return Message(f"{alone} Only you see it: send it to the grower and to nobody else.", tuple(blocks))


def _here_it_is(inv: Invitation, name: str) -> str:
    if inv.undelivered:
        return f"I could not write to {name} in Slack: {unreachable(inv.undelivered)}. Here is the link."
    return f"Here is the {link_name(inv.consent)} for {name}."


def _delivered(inv: Invitation, now: datetime) -> Message:
    person, link = mention(inv.delivered_to, inv.grower.name), link_name(inv.consent)
    language = speech(inv.consent.language).own_name
    has, then = f"has the {link}", f"{person} got it from me by direct message, in {language}."
    if inv.delayed:
        has = f"gets the {link} as soon as Slack takes my message"
        then = f"Slack is slow at this moment. I go on trying to write to {person}, and tell you if I cannot."
    lines = [
        f"*{escape(inv.grower.name)} {has}*: {then}",
        told_apart(inv.grower),
        "I tell you privately what comes of it. Until then there is nothing for you to do.",
    ]
    show = button("Show me the link", "show-link", inv.consent.id) if inv.delayed else None
    blocks = (section(*lines), actions(_languages(inv.consent), show), quiet(*_small_print(inv, now)))
    return Message(f"{called(inv.grower)} {has}{'' if inv.delayed else ', by direct message'}.", blocks)


def _languages(consent: Consent) -> StaticSelectElement:
    """The menu of the grower's language: what they get and the page they come to are in it."""
    options = {language: words.own_name for language, words in every_speech().items()}
    chosen = consent.language if consent.language in options else None
    return menu(
        "choose-language",
        "Grower’s language…",
        {f"{consent.id}:{key}": name for key, name in options.items()},
        chosen=f"{consent.id}:{chosen}" if chosen else None,
    )


def chosen_language(value: str) -> tuple[str, str]:
    """The consent and the language that an option of the menu stands for; empty words for a value of another kind."""
    consent_id, _, language = value.partition(":")
    return (consent_id, language) if language in every_speech() else ("", "")


def _small_print(inv: Invitation, now: datetime) -> list[str]:
    lines = [f"Code word: *{escape(inv.consent.code_word)}* · the link works until {moment(inv.consent.expires_at)}"]
    if inv.delivered_to:
        lines.append("If the grower asks whether the message is genuine, tell them the code word.")
    if inv.claimed:
        lines.append(f"You look after {escape(inv.grower.name)} from now on: I mention you when the connection breaks.")
    if inv.replaced:
        stopped = "works" if inv.replaced == 1 else "work"
        lines.append(f"{count(inv.replaced, 'earlier link')} of this grower no longer {stopped}.")
    return lines


def already_connected(grower: Grower, connection: Connection, now: datetime) -> Message:
    """No link is needed."""
    since = f"Connected since {moment(connection.connected_at)}. " if connection.connected_at else ""
    blocks = (
        section(
            f"*{escape(grower.name)} is connected already*, and it works.",
            told_apart(grower),
            account_line(connection.account_email, grower, was_asked=connection.connected_at is not None),
            f"{since}Leaf said so {moment(connection.checked_at)}. I sent no link.",
        ),
        actions(
            button("Send a link anyway", "connect-anyway", grower.id),
            button("Show status", "show-status", grower.id),
        ),
    )
    return Message(f"{called(grower)} is connected already, and it works. I sent no link.", blocks)
