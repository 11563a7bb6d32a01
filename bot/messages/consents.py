"""What became of a consent: one line for cards, the channel's "connected", and the answer to the agent who asked."""

from __future__ import annotations

from datetime import datetime
from typing import TypeGuard

from slack_sdk.models.blocks import ButtonElement

from bot.messages.first_data import first_data_line
from bot.messages.pieces import Message, actions, button, called, quiet, section, told_apart
from bot.messages.text import count, escape, mention, often, unmarked
from bot.messages.times import lasting, moment
from bot.messages.vocabulary import missing_parts, trouble
from bot.reports import DataFlow
from storage.records import Connection, Consent, ConsentState, CredentialStatus, FirstData, Grower

UNDER_WAY = (ConsentState.EXCHANGING, ConsentState.DELIVERING)
"""The grower has agreed, and the rest is ours."""


def is_waiting(consent: Consent, now: datetime) -> bool:
    """Whether the link works and the grower has not agreed yet."""
    return consent.state is ConsentState.OPEN and now < consent.expires_at


def can_be_taken_back(consent: Consent | None, now: datetime) -> TypeGuard[Consent]:
    """Whether the link still works, or an approval that came through it is still held."""
    return consent is not None and (consent.state is ConsentState.HELD or is_waiting(consent, now))


def is_forgotten(consent: Consent) -> bool:
    """Whether the grower agreed with a doubtful account, and the team let the time to decide go by."""
    return consent.state is ConsentState.OPEN and consent.trouble == "nobody-decided"


def needs_operator(consent: Consent | None) -> bool:
    """Whether this bot itself is what keeps the grower from finishing: then another link would not help."""
    return consent is not None and consent.trouble in ("our-configuration", "leaf-refused")


REPAIR_BLOCKED = "An operator finds out why it did not go through. Leave the grower alone until then."


Turn = tuple[str, str]
"""Who must act, and the next step."""

_TEAM = "your team"


def next_repair(consent: Consent, grower: Grower, now: datetime, *, in_vain: bool = False) -> Turn | None:
    """Whose turn it is in a repair that has a link already; None where the words of the cause hold as they are."""
    if needs_operator(consent):
        return "an operator of this bot", REPAIR_BLOCKED
    if in_vain:
        return _TEAM, "Ask the grower what they saw at FieldView, then send a new reconnect link."
    if consent.state is ConsentState.DECLINED:
        return _TEAM, "Talk to the grower before you send another reconnect link."
    if consent.state is ConsentState.HELD:
        return decider(consent, grower), "Say whether this FieldView account is right: use it, or refuse it."
    if consent.state in UNDER_WAY:
        return "nobody", "Nothing to do: the grower has agreed."
    if is_forgotten(consent):
        then = "Find out which FieldView account is right, then send a new link: the grower may think all is done."
        return _TEAM, then
    return _unused(consent) if is_waiting(consent, now) else None


def _unused(consent: Consent) -> Turn:
    """The same that `_unfinished` tells whoever asked. Nobody is told to remind whom the bot reminds."""
    match _trouble(consent):
        case "undelivered":
            does_not = "Slack does not take my message to the grower."
            return _TEAM, f"{does_not} Send them the link yourself. `/fieldview links` shows it."
        case "denied-at-fieldview":
            return _TEAM, "Ask the grower whether they meant it. The same link still works."
        case "code-refused" | "answer-lost" | "fieldview-down":
            return _TEAM, "Ask the grower to press the same link again. It still works."
        case "other-account" | "unfamiliar-account" | "somebody-elses-account" as doubt if not consent.sent_to:
            return _TEAM, f"Ask the grower to sign in with {_right_account(doubt)}. The same link still works."
    if not (consent.sent_to or consent.opened_at or consent.begun_at):
        return "whoever has the link", "Pass it on to the grower. As far as I can tell, it has not been opened yet."
    to_come = consent.remind_at is not None and consent.remind_at < consent.expires_at
    if consent.sent_to and to_come and not consent.reminders_stopped_at:
        return "the grower", "Wait for the grower. I remind them by myself."
    return "the grower", "Wait for the grower, or call them."


def _trouble(consent: Consent) -> str | None:
    """Why an unused link is not through. What Slack did not deliver has come another way once it was opened."""
    return None if consent.trouble == "undelivered" and consent.opened_at else consent.trouble


_UNUSED = {
    "other-account": "The other",
    "unfamiliar-account": "The",
    "somebody-elses-account": "The other grower’s",
}


def _right_account(doubt: str) -> str:
    return "the account from before" if doubt == "other-account" else "their own account"


def decider(consent: Consent, grower: Grower | None) -> str:
    """Who has to say whether the account of a held approval is right: the grower's owner, or whoever asked."""
    return mention(grower.owner) if grower and grower.owner else mention(consent.asked_by, consent.asked_by_name)


def decider_unmarked(consent: Consent, grower: Grower | None) -> str:
    """The same where a mention would be an id: an owner's name is known only when it is who asked."""
    is_owners = grower is not None and grower.owner not in (None, consent.asked_by)
    return "the grower’s owner" if is_owners else escape(consent.asked_by_name)


def standing(consent: Consent, now: datetime, grower: Grower | None = None) -> str:
    """How the consent stands, in a sentence or two. Points in time only: on a living message durations grow stale."""
    asked, link = mention(consent.maker, consent.asked_by_name), link_name(consent)
    match consent.state:
        case ConsentState.OPEN if is_forgotten(consent):
            works = "ran out" if now >= consent.expires_at else "works until"
            agreed = "The grower agreed with a FieldView account about which nobody decided in time, so I forgot it."
            return f"{agreed} The {link} {asked} sent {works} {moment(consent.expires_at)}."
        case ConsentState.OPEN if consent.replaced_at:
            return f"{_sent(consent, asked)}; it has ended while the grower was at it, and they may still finish."
        case ConsentState.OPEN if now >= consent.expires_at:
            return f"The {link} {asked} sent ran out {moment(consent.expires_at)} without an answer."
        case ConsentState.OPEN if needs_operator(consent):
            return f"{_sent(consent, asked)}. The grower tried, but {trouble(consent.trouble)}."
        case ConsentState.OPEN:
            return f"{_sent(consent, asked)}; {_begun(consent)} It works until {moment(consent.expires_at)}."
        case ConsentState.HELD:
            agreed = f"The grower agreed, but with {account_kind(consent.trouble)}{_named(consent.account_email)}."
            return f"{agreed} {decider(consent, grower)} has to say whether that is right."
        case ConsentState.EXCHANGING | ConsentState.DELIVERING:
            return f"The grower agreed, and Leaf is being told. {_held_up(consent)}".strip()
        case ConsentState.CONNECTED:
            finished = f" {moment(consent.finished_at)}" if consent.finished_at else ""
            return f"The grower agreed{finished} through the {link} {asked} sent; Leaf is checking the new connection."
        case ConsentState.DECLINED:
            return f"The grower said no to the {link} {asked} sent."
        case ConsentState.REVOKED:
            return f"The {link} {asked} sent no longer works: {_taken(consent)}."
        case ConsentState.FAILED:
            return f"The grower agreed, but it did not go through: {trouble(consent.trouble)}."


def _taken(consent: Consent) -> str:
    if consent.revoked_by:
        return f"{mention(consent.revoked_by)} took it back"
    is_replaced = consent.trouble not in ("works-without", "disconnected", "gone")
    return "a newer one took its place" if is_replaced else trouble(consent.trouble)


def is_again(consent: Consent) -> bool:
    """Whether FieldView was connected before: what comes in then is not the first data."""
    return bool(consent.incident_id or consent.replaces_credential)


def link_name(consent: Consent) -> str:
    """What the link is called: it repairs something or it is the first one."""
    return "reconnect link" if consent.incident_id else "link"


def _sent(consent: Consent, asked: str) -> str:
    link, when = link_name(consent), moment(consent.created_at)
    if consent.sent_to:
        return f"{asked} sent {mention(consent.sent_to)} a {link} {when}"
    return f"{asked} made a {link} {when}, to be passed on"


def _begun(consent: Consent) -> str:
    if consent.begun_at is None:
        seen = f"opened {moment(consent.opened_at)}, not begun yet." if consent.opened_at else "not opened yet."
        return f"{seen}{_reminded(consent)}"
    begun = f"the grower began {moment(consent.begun_at)}"
    if consent.trouble:
        return f"{begun}, but it did not go through: {trouble(consent.trouble)}."
    return f"{begun} and has not finished.{_reminded(consent)}"


def _reminded(consent: Consent) -> str:
    if consent.reminders_stopped_at:
        return " They asked not to be reminded again."
    if not consent.reminders:
        return ""
    return f" Reminded {often(consent.reminders)}." if consent.sent_to else f" {_asked_to_remind(consent)}"


def _asked_to_remind(consent: Consent) -> str:
    """Nobody but whoever got the words to pass on knows whether the grower has been reminded."""
    return f"I asked {often(consent.reminders)} that somebody remind them."


def account_kind(doubt: str | None) -> str:
    """The account of a held approval, by what is in doubt about it."""
    return _KINDS.get(doubt or "", "another FieldView account")


_KINDS = {
    "somebody-elses-account": "the FieldView account of another grower",
    "unfamiliar-account": "a FieldView account that I do not know",
}


def _named(account: str | None) -> str:
    return f" ({escape(account)})" if account else ""


def _held_up(consent: Consent) -> str:
    return f"It takes longer, because {trouble(consent.trouble)}. I keep trying." if consent.trouble else ""


def data_line(data: DataFlow | None, since: datetime | None = None) -> str:
    """What Leaf holds; `since` asks whether something came in after that."""
    if data is None:
        return "Leaf does not tell yet whether data is coming in."
    holds = f"Leaf holds {count(data.farms, 'farm')} and {count(data.fields, 'field')}"
    if data.synced_at is None:
        return f"{holds}; nothing has come in yet."
    if since and data.synced_at < since:
        return f"{holds}; nothing new has come in since, which can take some hours."
    flowing = "Data is flowing again: " if since else ""
    return f"{flowing}{holds}; the newest came in {moment(data.synced_at)}."


def connected(
    consent: Consent,
    grower: Grower,
    connection: Connection,
    data: DataFlow | None,
    now: datetime,
    first: FirstData | None = None,
) -> Message:
    """The channel hears that a grower is connected."""
    name = escape(grower.name)
    asked = mention(consent.maker, consent.asked_by_name)
    lines = [
        f"🟢 *{name}* connected FieldView.",
        account_line(consent.account_email or connection.account_email, grower, was_asked=True),
        f"{asked} asked {moment(consent.created_at)}{_took(consent)}.",
        first_data_line(first, again=is_again(consent)) if first else data_line(data),
    ]
    left_out = missing_parts(connection.missing_scopes) if connection.missing_scopes else None
    blocks = (section(*lines, left_out), actions(button("Show status", "show-status", grower.id)))
    return Message(f"{called(grower)} connected FieldView.", blocks)


def account_line(account: str | None, grower: Grower, *, was_asked: bool) -> str:
    """Which FieldView account it is, and a word when that is not the address Leaf knows, or when nobody knows it.

    `was_asked`: the grower connected through this bot, so that FieldView was asked whose account it is.
    """
    if not account:
        return UNVERIFIED if was_asked else NOT_THROUGH_ME
    return " ".join(filter(None, (f"FieldView account: {escape(account)}.", account_doubt(account, grower))))


def account_doubt(account: str | None, grower: Grower) -> str | None:
    """A word when the FieldView account is not the address Leaf knows: a manager's perhaps, perhaps a stranger's."""
    if not (account and grower.email) or grower.email.strip().casefold() == account.strip().casefold():
        return None
    return f"Leaf knows this grower as {escape(grower.email)}: make sure that both belong together."


UNVERIFIED = "FieldView account: unverified. FieldView did not say whose it is."
NOT_THROUGH_ME = "FieldView account: unknown. This grower was not connected through me."


def _took(consent: Consent) -> str:
    return f"; it was done {lasting(consent.finished_at - consent.created_at)} later" if consent.finished_at else ""


def consent_outcome(
    consent: Consent,
    now: datetime,
    connection: Connection | None = None,
    first: FirstData | None = None,
    *,
    grower: Grower | None = None,
    whose: Grower | None = None,
) -> Message:
    """The agent who asked hears what became of it, and what to do next.

    `connection` is what Leaf has said of it since; without it, nothing is claimed about how well it works. `whose` is
    another grower who is known by the FieldView account that is held.
    """
    about = (now, connection, first, grower, whose)
    sign, head, then = _outcome(consent, escape(consent.grower_name), *about)
    _, alone, _ = _outcome(consent, called(grower, consent.grower_name), *about)
    show = button("Show status", "show-status", consent.grower_id)
    code_word = f"Code word of this link: {escape(consent.code_word)}"
    text = alone if "<@" in then else unmarked(f"{alone} {then}")
    lines = (f"{sign} *{head}*", told_apart(grower), then, _both_asked(consent, grower))
    return Message(text, (section(*lines), actions(*_offers(consent, now), show), quiet(code_word)))


def _offers(consent: Consent, now: datetime) -> list[ButtonElement]:
    if consent.state is ConsentState.HELD:
        return decision(consent)
    if consent.state is ConsentState.OPEN and consent.trouble == "undelivered" and not ran_out(consent, now):
        return [button("Show me the link", "show-link", consent.id, style="primary")]
    return [button("Send a new link", "send-link", consent.grower_id)] if _may_ask_again(consent, now) else []


def _both_asked(consent: Consent, grower: Grower | None) -> str | None:
    """Two who are asked the same know of each other."""
    if consent.state is not ConsentState.HELD or grower is None or grower.owner in (None, consent.asked_by):
        return None
    asked = mention(consent.asked_by, consent.asked_by_name)
    return f"{mention(grower.owner)} looks after this grower, {asked} answers for the link: whoever is first decides."


def decision(consent: Consent) -> list[ButtonElement]:
    """The buttons that say whether the account of a held approval is right; `question_shown` reads their value."""
    about = f"{consent.id}:{consent.doubt_mark}"
    return [
        button("Use this account", "use-account", about, style="primary"),
        button("Refuse", "refuse-account", about),
    ]


def question_shown(value: str) -> tuple[str, str]:
    """The consent that a button of `decision` decides about, and what the question was; empty for an older button."""
    consent_id, _, shown = value.partition(":")
    return consent_id, shown


def _may_ask_again(consent: Consent, now: datetime) -> bool:
    ended = consent.state in (ConsentState.DECLINED, ConsentState.FAILED)
    return not needs_operator(consent) and (ended or ran_out(consent, now) or is_forgotten(consent))


def ran_out(consent: Consent, now: datetime) -> bool:
    """Whether the time of the link is over, and nobody has used it."""
    return consent.state is ConsentState.OPEN and now >= consent.expires_at


Outcome = tuple[str, str, str]
"""A sign, what happened, and what comes next."""


def _outcome(
    consent: Consent,
    name: str,
    now: datetime,
    connection: Connection | None,
    first: FirstData | None,
    grower: Grower | None,
    whose: Grower | None,
) -> Outcome:
    match consent.state:
        case ConsentState.CONNECTED:
            return _through(consent, name, connection, first, grower)
        case ConsentState.DECLINED:
            then = "Nothing was changed. Talk to them first; a new link helps only if they want one."
            return "⚪", f"{name} said no.", then
        case ConsentState.FAILED:
            return "🔴", f"{name} could not be connected.", _failed(consent)
        case ConsentState.HELD if consent.trouble == "somebody-elses-account":
            head = f"{name} signed in with the FieldView account of {_another_grower(whose)}."
            return "🟠", head, _anothers(consent)
        case ConsentState.HELD if consent.trouble == "unfamiliar-account":
            return "🟠", f"{name} signed in with a FieldView account that I do not know.", _unfamiliar(consent, grower)
        case ConsentState.HELD:
            return "🟠", f"{name} signed in with another FieldView account.", _another(consent, connection)
        case ConsentState.REVOKED if consent.revoked_by:
            then = f"{mention(consent.revoked_by)} did that. Nothing is shared through it."
            return "⚪", f"The link for {name} was taken back.", then
        case ConsentState.REVOKED if consent.trouble == "works-without":
            return "🟢", f"{name} need not answer any more.", "FieldView is connected and works without that link."
        case ConsentState.REVOKED if consent.trouble == "gone":
            return "⚪", f"The link for {name} no longer works.", "The grower is no longer at Leaf."
        case ConsentState.REVOKED if consent.trouble == "disconnected":
            return "⚪", f"The link for {name} no longer works.", "The connection was ended, so nobody is asked for it."
        case ConsentState.REVOKED:
            then = "A newer link took its place, or the grower is connected."
            return "⚪", f"The link for {name} no longer works.", then
        case ConsentState.EXCHANGING | ConsentState.DELIVERING:
            then = _held_up(consent) or "This usually takes less than a minute; I tell you here when it is done."
            return "🔵", f"{name} agreed; Leaf is being told.", then
        case ConsentState.OPEN:
            return _unfinished(consent, name, now)


def _another(consent: Consent, connection: Connection | None) -> str:
    before = connection.account_email if connection else None
    return (
        f"This time it was {escape(consent.account_email or 'one without a name')}"
        f"{f', the last time {escape(before)}' if before else ''}. Nothing is changed at Leaf until you decide: "
        "ask the grower if you are not sure. If nobody decides within three days, I forget this approval."
    )


def _another_grower(whose: Grower | None) -> str:
    if whose is None:
        return "another grower"
    apart = told_apart(whose)
    return f"{escape(whose.name)} ({apart})" if apart else escape(whose.name)


def _anothers(consent: Consent) -> str:
    return (
        f"It was {escape(consent.account_email or 'one without a name')}. Nothing is changed at Leaf until you decide: "
        "use it only if both share one FieldView account, and ask the grower if you are not sure. "
        "If nobody decides within three days, I forget this approval."
    )


def _unfamiliar(consent: Consent, grower: Grower | None) -> str:
    not_theirs = ""
    if grower and account_doubt(consent.account_email, grower):
        not_theirs = f"; this one is not the address that Leaf has for them ({escape(grower.email or '')})"
    return (
        f"It was {escape(consent.account_email or 'one without a name')}. I do not know which account it was before"
        f"{not_theirs}. Nothing is changed at Leaf until you decide: ask the grower if you are not sure. "
        "If nobody decides within three days, I forget this approval."
    )


def _failed(consent: Consent) -> str:
    why = f"The grower did their part, but it failed for good: {trouble(consent.trouble)}. Nothing was changed."
    if needs_operator(consent):
        return f"{why} An operator has to find out why before the grower is asked again."
    return f"{why} Ask them once more with a new link."


def _through(
    consent: Consent, name: str, connection: Connection | None, first: FirstData | None, grower: Grower | None
) -> Outcome:
    account = f"FieldView account: {escape(consent.account_email)}. " if consent.account_email else f"{UNVERIFIED} "
    doubt = account_doubt(consent.account_email, grower) if grower else None
    account += f"{doubt} " if doubt else ""
    match connection.status if connection else CredentialStatus.HEALTHY:
        case CredentialStatus.PENDING | CredentialStatus.UNAVAILABLE:
            then = "Leaf is still checking the new connection; I tell you here when it is done."
            return "🔵", f"{name} agreed.", account + then
        case CredentialStatus.LIMITED:
            left_out = missing_parts(connection.missing_scopes if connection else ())
            then = f"{left_out} The status tells what to do."
            return "🟠", f"{name} is connected, but shares only a part.", account + then
        case CredentialStatus.ABSENT:
            return "⚪", f"{name} agreed and was connected; that has been ended since.", account.rstrip()
        case CredentialStatus.BROKEN | CredentialStatus.UNKNOWN if (
            connection and connection.completing_consent != consent.id
        ):
            then = "It worked after they agreed; Leaf no longer says so. The status tells what to do."
            return "🔴", f"{name} agreed and was connected, but it does not work any more.", account + then
        case CredentialStatus.BROKEN | CredentialStatus.UNKNOWN:
            then = "Leaf took the connection, but does not say that it works. The status tells what to do."
            return "🟠", f"{name} agreed, but it does not work yet.", account + then
        case CredentialStatus.HEALTHY:
            left = "" if doubt else "; there is nothing left for you to do"
            then = f"Leaf now has the connection and brings in the data{left}."
            told = first_data_line(first, again=is_again(consent)) if first else then
            return "🟢", f"{name} agreed and is connected.", account + told


def _unfinished(consent: Consent, name: str, now: datetime) -> Outcome:
    if needs_operator(consent):
        then = "FieldView does not accept this bot’s own set-up. The operators know; the grower did nothing wrong."
        return "🛠️", f"{name} could not be connected yet.", f"{then} You need do nothing now."
    if is_forgotten(consent):
        works = "The link has run out since." if ran_out(consent, now) else "The link works again."
        then = (
            "They had signed in with an account that somebody here had to confirm. Nothing was changed at Leaf. "
            f"{works} The grower may think that all is done: find out which account is right, then tell them or send a "
            "new link."
        )
        return "🟠", f"Nobody decided in time about {name}, so the approval was forgotten.", then
    if ran_out(consent, now):
        reminded = ""
        if consent.reminders:
            by_me = f"I reminded them {often(consent.reminders)}."
            reminded = f"{by_me if consent.sent_to else _asked_to_remind(consent)} "
        never = consent.opened_at is None and consent.begun_at is None
        how = "As far as I can tell, it was never opened." if never else "They did not finish in time."
        then = f"{how} {reminded}It is your turn: call them, or ask again with a new link."
        return "⚪", f"The link for {name} ran out.", then
    works, press = "The same link still works.", "it again"
    if consent.replaced_at:
        works, press = "That link has ended since.", "the newest link, if they have one"
    match _trouble(consent):
        case None if consent.reminders_stopped_at:
            then = f"They pressed “Stop reminding me”, so I leave them alone. {works} Perhaps call them."
            return "⚪", f"{name} does not want to be reminded.", then
        case None:
            return "⚪", f"{name} has not finished yet.", works
        case "undelivered":
            then = f"Slack does not take my message to them. {works} Send it to them yourself."
            if consent.message_ts:
                return "🟠", f"My messages no longer reach {name}.", then
            return "🟠", f"{name} does not have the link yet.", then
        case "other-account" | "unfamiliar-account" | "somebody-elses-account" as doubt:
            then = f"{_UNUSED[doubt]} FieldView account was not used, and nothing was changed at Leaf. {works}"
            if consent.sent_to:
                return "⚪", f"{name} is asked to sign in with {_right_account(doubt)}.", then
            return "⚪", f"{name} has to sign in with {_right_account(doubt)}.", f"{then} Ask them to."
        case "denied-at-fieldview":
            then = f"They came back without agreeing, perhaps by mistake. {works} Ask them whether they meant it."
            return "🟠", f"{name} did not agree on FieldView’s page.", then
        case other:
            then = f"This is why: {trouble(other)}. {works} Ask them to press {press}."
            return "🟠", f"{name} could not be connected yet.", then
