"""What growers get from us in Slack, and the words to send to those who are elsewhere: in their own language."""

from __future__ import annotations

from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement

from bot.messages.pieces import Message, actions, button, quiet, section
from bot.messages.speech import Speech, speech
from bot.messages.text import escape, literal, mention
from bot.messages.times import moment
from bot.reports import Letter
from storage.records import Consent, ConsentState


def invitation_dm(letter: Letter, now: datetime) -> Message:
    """Who asks and why, one button, how to tell that it is genuine, and how far the grower has come."""
    consent, words, names = letter.consent, speech(letter.consent.language), _names(letter)
    kind = "again" if letter.again else "first"
    why = _partly(letter, words) or words.say(f"ask.why_{kind}")
    blocks = (
        section(words.say(f"ask.{kind}", **names), why),
        section(words.say("ask.minutes"), words.say("ask.word", code_word=escape(consent.code_word))),
        *_so_far(consent, words, names["asked_by"]),
        actions(_connect(letter, words)),
        quiet(
            words.say("ask.works", until=words.until(consent.expires_at, now, consent.zone)),
            words.say("ask.doubt", asked_by=names["asked_by"]),
        ),
    )
    return Message(words.say(_key("ask.notice", letter), **_plain_names(letter)), blocks)


_TRIED = {
    "denied-at-fieldview": "denied",
    "other-account": "other_account",
    "somebody-elses-account": "not_yours",
    "unfamiliar-account": "not_yours",
}


def _so_far(consent: Consent, words: Speech, asked_by: str) -> list[Block]:
    if consent.trouble:
        return [section(words.say(f"ask.{_TRIED.get(consent.trouble, 'failed')}", asked_by=asked_by))]
    if consent.begun_at:
        return [section(words.say("ask.begun", when=moment(consent.begun_at)))]
    return []


_MAY_ASK_ANEW = ("expired", "declined")
"""Endings after which the page behind the link takes the wish for a new one."""


def invitation_dm_closed(letter: Letter, now: datetime) -> Message:
    """The grower's message when its link has done its work, or no longer works."""
    consent, words = letter.consent, speech(letter.consent.language)
    key = _ending(consent, now)
    names = {"asked_by": mention(consent.asked_by, consent.asked_by_name), "company": escape(letter.company)}
    head = words.say(f"closed.{key}", **names)
    account = None
    if key == "connected" and consent.account_email:
        account = words.say("closed.account", account=escape(consent.account_email))
    then = f"{key}_then"
    if key in _MAY_ASK_ANEW and consent.renewal_asked_at:
        then = "asked_then"
    leads_to = {"connected": "see", "expired": "anew"}.get(key)
    page = None
    if leads_to and letter.url:
        page = actions(button(words.say(f"closed.{leads_to}"), "open-consent-link", consent.id, url=letter.url))
    blocks = (
        section(f"*{head}*", words.say(f"closed.{then}", **names), account),
        *([page] if page else []),
        quiet(words.say("closed.whose", grower=escape(consent.grower_name))),
    )
    plain = words.say(f"closed.{key}", **_plain_names(letter))
    return Message(plain, blocks)


_WITHDRAWN = {"works-without": "works", "disconnected": "ended", "gone": "ended"}
"""How a link ended that nobody took back and no other link replaced."""


def _ending(consent: Consent, now: datetime) -> str:
    match consent.state:
        case ConsentState.EXCHANGING | ConsentState.DELIVERING:
            return "under_way"
        case ConsentState.OPEN:
            return "expired" if now >= consent.expires_at else "begun"
        case ConsentState.REVOKED if consent.trouble in _WITHDRAWN:
            return _WITHDRAWN[consent.trouble]
        case state:
            return state.value


def reminder(letter: Letter, now: datetime, *, last: bool) -> Message:
    """The grower is reminded in Slack; or, after "Stop reminding me", told that it was the last time."""
    consent, words, names = letter.consent, speech(letter.consent.language), _names(letter)
    until = words.until(consent.expires_at, now, consent.zone)
    if consent.reminders_stopped_at:
        head, then = words.say("remind.stopped"), words.say("remind.stopped_then", until=until)
        return Message(f"{head} {then}", (section(f"*{head}*", then), actions(_connect(letter, words))))
    blocks = (
        section(
            words.say(_key("remind.head", letter), **names),
            _partly(letter, words),
            words.say("ask.word", code_word=escape(consent.code_word)),
        ),
        actions(
            _connect(letter, words),
            None if last else button(words.say("remind.stop"), "stop-reminders", consent.id),
        ),
        quiet(
            words.say("ask.works", until=until),
            words.say("remind.last") if last else None,
            words.say("ask.doubt", asked_by=names["asked_by"]),
        ),
    )
    return Message(words.say(_key("remind.notice", letter), **_plain_names(letter)), blocks)


def to_paste(letter: Letter, now: datetime, *, reminds: bool = False) -> str:
    """Words for a text message or an e-mail, ready to be sent by whoever asks."""
    consent, words = letter.consent, speech(letter.consent.language)
    key = _key("remind", letter) if reminds else "again" if letter.again else "first"
    names = {
        "asked_by": literal(consent.asked_by_name),
        "company": literal(letter.company),
        "grower": literal(consent.grower_name),
    }
    lines = [
        words.say(f"paste.{key}", **names),
        _partly(letter, words),
        words.say("paste.open", url=letter.url or ""),
        words.say("paste.word", code_word=literal(consent.code_word)),
        words.say("paste.works", until=words.until(consent.expires_at, now, consent.growers_zone)),
    ]
    return "\n".join(line for line in lines if line)


def _partly(letter: Letter, words: Speech) -> str | None:
    """What to do differently this time, for whoever shares only a part."""
    return None if letter.left_out is None else words.partly(letter.left_out)


def _key(sentence: str, letter: Letter) -> str:
    """The sentence for somebody who was connected before, where there are two of it."""
    return f"{sentence}_again" if letter.again else sentence


def _connect(letter: Letter, words: Speech) -> ButtonElement:
    return button(words.say("ask.button"), "open-consent-link", letter.consent.id, style="primary", url=letter.url)


def _names(letter: Letter) -> dict[str, str]:
    consent = letter.consent
    return {
        "asked_by": mention(consent.asked_by, consent.asked_by_name),
        "company": escape(letter.company),
        "grower": escape(consent.grower_name),
    }


def _plain_names(letter: Letter) -> dict[str, str]:
    """For the lock screen, where a mention would be an id."""
    return {"asked_by": escape(letter.consent.asked_by_name), "company": escape(letter.company)}
