"""Healthy connections through which nothing comes: the message that lists those of a day, and lines for elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block

from bot.messages.pieces import Message, actions, grower_menu, named, paragraphs, quiet, section
from bot.messages.text import count
from bot.messages.times import lasting, moment
from storage.records import Grower, Silence, SilenceEnd, SilenceKind

LISTED = 30
"""Growers under one heading."""

DAY = "{date_short_pretty}"

_OVER = {
    SilenceEnd.DATA: "data came in again",
    SilenceEnd.RECONNECTED: "connected anew",
    SilenceEnd.NOT_HEALTHY: "the connection itself changed; no longer part of this list",
    SilenceEnd.LAPSING: "still nothing, and the permission may run out: see the newer message",
    SilenceEnd.RULES: "no longer counts as without new data",
}

STALE_ACTS = (
    "whoever looks after them. Ask whether there was work in the field, and whether the tablet in the cab is online. "
    "Nobody has to connect again because of this."
)
WHEN = "This can wait until you have time. I say it once, and change this message when something moves."
LAPSING_MEANS = (
    "FieldView ends a permission that was not used for 30 days, and I know of no use for more than three weeks. "
    "I cannot see every use, so the day is an estimate."
)
LAPSING_ACTS = (
    "whoever talks to Leaf. Ask why Leaf does not read from FieldView for them. "
    "If that does not help, send the grower a new link: their consent starts the 30 days anew."
)


def silences(told: Sequence[tuple[Grower, Silence]]) -> Message:
    """Who has fallen silent, and what became of it since. It is edited later: no durations, only points in time."""
    stale = [each for each in told if _stands(each[1]) and each[1].kind is SilenceKind.STALE]
    lapsing = [each for each in told if _stands(each[1]) and each[1].kind is SilenceKind.LAPSING]
    over = [each for each in told if not _stands(each[1])]
    blocks: list[Block] = [section(f"{'🟡' if stale or lapsing else '✅'} *{_head(stale, lapsing, over)}*")]
    if stale:
        lines = ["*Connected, but nothing new comes in*", *map(_line, stale[:LISTED]), _more(stale)]
        blocks += paragraphs(*lines, f"*Who must act:* {STALE_ACTS}")
    if lapsing:
        lines = ["*Permission may run out*", LAPSING_MEANS, *map(_line, lapsing[:LISTED]), _more(lapsing)]
        blocks += paragraphs(*lines, f"*Who must act:* {LAPSING_ACTS}")
    if over:
        blocks += paragraphs("*Settled since*", *map(_settled, over[:LISTED]), _more(over))
    blocks.append(quiet(WHEN))
    if still := [grower for grower, _ in stale + lapsing]:
        blocks.append(actions(grower_menu(still, "show-status", "Look at a grower…")))
    return Message(f"{_head(stale, lapsing, over)}.", tuple(blocks))


def silence_line(grower: Grower, silence: Silence, now: datetime) -> str:
    """One grower in an answer that is read at once."""
    return f"{_line((grower, silence))} ({lasting(now - silence.since)})"


def silence_of(silence: Silence, now: datetime) -> list[str]:
    """What one grower's own status says of it."""
    acts = LAPSING_ACTS if silence.kind is SilenceKind.LAPSING else STALE_ACTS
    return [
        f"🟡 *Nothing new comes in:* {_since(silence)} ({lasting(now - silence.since)}){_lapse(silence)}.",
        f"*Who must act:* {acts}",
    ]


def _head(
    stale: Sequence[tuple[Grower, Silence]],
    lapsing: Sequence[tuple[Grower, Silence]],
    over: Sequence[tuple[Grower, Silence]],
) -> str:
    if not stale and not lapsing:
        return f"{count(len(over), 'grower')} had no new data; nothing is left to do here"
    parts = [
        f"no new data from {count(len(stale), 'grower')}" if stale else "",
        f"{count(len(lapsing), 'unused permission')} may run out" if lapsing else "",
    ]
    head = ", and ".join(filter(None, parts))
    return head[0].upper() + head[1:]


def _line(told: tuple[Grower, Silence]) -> str:
    grower, silence = told
    return f"• {named(grower)}: {_since(silence)}{_lapse(silence)}"


def _since(silence: Silence) -> str:
    if silence.ever:
        return f"the newest data came in {moment(silence.since, DAY)}"
    return f"nothing has come in since {moment(silence.since, DAY)}"


def _lapse(silence: Silence) -> str:
    if silence.kind is not SilenceKind.LAPSING or silence.lapses_at is None:
        return ""
    return f"; the permission may run out around {moment(silence.lapses_at, DAY)}"


def _settled(told: tuple[Grower, Silence]) -> str:
    grower, silence = told
    what = _OVER[silence.ended_by or SilenceEnd.RULES]
    return f"• {named(grower)}: {what}" + (f" ({moment(silence.ended_at, DAY)})" if silence.ended_at else "")


def _more(told: Sequence[tuple[Grower, Silence]]) -> str | None:
    more = len(told) - LISTED
    return f"…and {count(more, 'more grower')}: *No new data* on my Home tab lists them." if more > 0 else None


def _stands(silence: Silence) -> bool:
    return silence.ended_at is None
