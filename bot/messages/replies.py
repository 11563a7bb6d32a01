"""What the bot says about itself: help, trouble, patience, and notices to its operators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.errors import (
    AlertOver,
    AmbiguousGrower,
    BotError,
    ChannelUnreachable,
    NotAllowed,
    OtherAccountHeld,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    SomebodyWasFirst,
    UnknownGrower,
)
from bot.messages.casework import not_done
from bot.messages.links import account_changed
from bot.messages.needs import has_happened
from bot.messages.pieces import Message, quiet, section
from bot.messages.text import channel, code, escape, listing, mention, sentence, unmarked
from bot.messages.times import in_utc, lasting, moment
from bot.messages.vocabulary import unreachable
from storage.records import Notice


def help_text(
    topics: Sequence[tuple[str, Sequence[tuple[str, str]]]], *, unknown: str | None = None, hint: str | None = None
) -> Message:
    """How every command is used, by topic; after a slip what was perhaps meant, and this only if nothing was."""
    start = f"I do not know {code(unknown, 40)}." if unknown else ""
    if hint:
        start = f"{start} Did you mean {code(hint)}?".strip()
        return Message(unmarked(start), (section(start, "`/fieldview help` lists what I can do."),))
    blocks = [
        *([section(start)] if start else []),
        section("*I connect growers’ Climate FieldView accounts to Leaf, and tell you when one stops working.*"),
        *(
            section(f"*{topic}*", *(f"{code(usage)} – {sentence(purpose, 200)}" for usage, purpose in commands))
            for topic, commands in topics
        ),
        quiet("A grower is a name, an e-mail, an external id, a Leaf id or an @mention. Only you see my answers."),
    ]
    words = listing([usage.split()[1] for _, commands in topics for usage, _ in commands])
    fallback = unmarked(start) if start else f"What I can do with /fieldview: {escape(words, 1000)}."
    return Message(fallback, tuple(blocks))


def command_help(usage: str, purpose: str, examples: Sequence[tuple[str, str]]) -> Message:
    """One command: how it is used, what it is for, and lines somebody may type with what each of them does."""
    lines = [f"{code(line, 150)}\n{sentence(does, 400)}" for line, does in examples]
    who = "A grower is a name, an e-mail, an external id, a Leaf id or an @mention."
    end = "`/fieldview help` lists what else I can do."
    blocks = (
        section(f"*{code(usage, 150)}*", f"{sentence(purpose, 200)}."),
        section(f"*For example*\n{lines[0]}", *lines[1:]),
        quiet(" ".join([who, end] if "grower" in usage else [end])),
    )
    return Message(f"{unmarked(code(usage, 150))}: {unmarked(purpose)}.", blocks)


def problem(error: BotError, *, might_change: bool = False) -> Message:
    """Something that is expected to go wrong did. `might_change`: whoever asked may wonder whether it was half done."""
    sign = "🟡 " if isinstance(error, ProviderError) else "🔒 " if isinstance(error, NotAllowed) else ""
    match error:
        case AlertOver() | SomebodyWasFirst():
            return not_done(error)
        case OtherAccountHeld():
            return account_changed(error.consent, error.grower)
        case UnknownGrower() | AmbiguousGrower():
            # What was typed stands in these sentences: it must not pass for markup of ours.
            told = escape(str(error), 300)
            return Message(told, (section(told),))
        case ChannelUnreachable():
            told = _unreachable(error)
            return Message(unmarked(told), (section(told),))
        case NotAllowed() if error.admins:
            refusal = " ".join(filter(None, (f"You may not {error.deed} here.", error.why)))
            names = listing([*map(mention, error.admins), error.whom_to_ask], "or")
            return Message(unmarked(sentence(str(error))), (section(f"{sign}{sentence(refusal)} Ask {names}."),))
        case ProviderRejected(code=reason) if reason:
            told = f"{escape(error.provider)} did not accept this. Its reason: "
            return Message(f"{told}{escape(reason)}", (section(f"{sign}{told}{code(reason)}"),))
        case ProviderUnavailable(in_doubt=False) if might_change:
            told = f"{escape(str(error))} Nothing was changed."
            return Message(told, (section(f"{sign}{sentence(told)}"),))
        case _:
            return Message(unmarked(sentence(str(error))), (section(f"{sign}{sentence(str(error))}"),))


_IN_A_CHANNEL = {
    "not_in_channel": "I am not in {}. Write `/invite @FieldView` there, then try again.",
    "channel_not_found": "I do not see {}. If it is private, write `/invite @FieldView` there, then try again.",
    "is_archived": "{} is archived, so nothing can be posted there. Choose another channel.",
    "outsiders_read_it": "People from outside this workspace read {}, so growers are not named there.",
    "restricted_action": "This workspace does not let me post to {}. A workspace admin can change that.",
    "restricted_action_read_only_channel": "Only some may post to {}. A workspace admin can change that.",
}


def _unreachable(error: ChannelUnreachable) -> str:
    """Where nothing can be written, and what to do: in words, but for what Slack has not told us before."""
    if error.channel.startswith(("C", "G")):
        where = channel(error.channel)
        words = _IN_A_CHANNEL.get(error.reason) or f"I cannot post to {{}}. Slack says {code(error.reason)}."
        return words.format(where)
    why = "they are only a guest now" if error.reason == "is_a_guest" else unreachable(error.reason)
    whom = mention(error.channel) if error.channel.startswith(("U", "W")) else "this person"
    return f"I cannot write to {whom} directly: {why}."


def crash(reference: str) -> Message:
    """Something broke that should not."""
    head = "Something broke on my side. It was nothing you did."
    then = "Try once more in a minute. If it happens again, give an operator this number:"
    return Message(f"{head} {then} {escape(reference)}", (section(head, f"{then} {code(reference)}"),))


def working() -> Message:
    """It takes a moment."""
    text = "This takes a moment longer. I am still on it and will answer here."
    return Message(text, (section(text),))


def audit_anchor(number: int, line: str) -> Message:
    """Where the audit trail stood, to be kept in a channel where nobody rewrites it: an entry's number and anchor."""
    head = f"The audit trail stands at entry {number:,}"
    why = "Leave this message here: held against it, the trail shows if anybody rewrote or cut off what came before."
    command = f"fieldview-bot audit verify --anchor '{line}'"
    return Message(f"{head}. {why}", (section(f"📌 *{head}*", why, f"```{command}```"),))


def operator_notice(notice: Notice, now: datetime) -> Message:
    """The bot itself needs a person; later, that it no longer does."""
    text = sentence(notice.text, 2800)
    if notice.over_at is None:
        head = "This bot needs an operator"
        blocks = (section(f"⚠️ *{head}*", text), quiet(f"Since {moment(notice.raised_at)}"))
        return Message(f"{head}: {unmarked(text)}", blocks)
    if has_happened(notice.kind):
        head = f"This happened on {in_utc(notice.raised_at)}"
        return Message(
            f"{head}: {unmarked(text)}",
            (section(f"*{head}*", text), quiet("If it happens once more, I tell it once more.")),
        )
    lasted = lasting(notice.over_at - notice.raised_at)
    head = "Over, nobody needs to act any more"
    blocks = (section(f"✅ *{head}*", f"It was: {text}"), quiet(f"It lasted {lasted}, until {moment(notice.over_at)}."))
    return Message(f"{head}. It was: {unmarked(text)}", blocks)
