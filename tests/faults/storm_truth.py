"""Whether a storm's message told the truth: whom it named while it lasted, and what it and its list say in the end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.sandbox.slack.workspace import Message
from storage.records import StormKind
from tests.faults.verdicts import Farm, Verdict
from tests.stage import text_of

NAMED = 10
"""Growers whom a storm's message names; all are in its list."""


def judge_illness(verdict: Verdict, kind: str, channel: str, messages: Sequence[Message]) -> None:
    """In the end Leaf and FieldView are well, and whoever was told that they are ill reads so."""
    last = messages[-1]
    _count_last_text(verdict, kind, channel, last, is_true="answers" in last.text and "again" in last.text)


def judge_storm(
    verdict: Verdict, channel: str, messages: Sequence[Message], members: Sequence[Farm], farms: Sequence[Farm]
) -> None:
    """It names only who was broken at that time, and in the end counts and names whoever of its members still is."""
    for farm in farms:
        early = [
            version
            for message in messages
            for version in message.versions
            if farm.name in version.text + repr(version.blocks)
            and (farm.broke_at is None or version.at < farm.broke_at)
        ]
        if early:
            verdict.fault(f"a storm's message in {channel} names {farm.name}, which was not broken then")
    left = {farm.name for farm in members if not farm.is_well}
    last = messages[-1]
    named = {farm.name for farm in farms if farm.name in text_of(last)}
    counts = _counts_in(last.text)
    is_true = counts == (len(left), len(members)) and named <= left and len(named) == min(len(left), NAMED)
    _count_last_text(verdict, StormKind.GROWERS, channel, last, is_true=is_true)
    verdict.count("edits of storms' messages", sum(len(message.versions) - 1 for message in messages))


def judge_list(verdict: Verdict, names: set[str], members: Sequence[Farm]) -> None:
    """Who turned every page has read of everybody who is still broken, and of nobody else."""
    left = {farm.name for farm in members if not farm.is_well}
    if names == left:
        verdict.count("lists of storms read to their end, and true")
    else:
        verdict.fault(f"a storm's list lacks {sorted(left - names)} and has {sorted(names - left)} too many")


def _counts_in(text: str) -> tuple[int, int] | None:
    """How many are still broken, of how many, as a storm's message says; None when it says neither."""
    if found := re.search(r"for (\d+) of (\d+) grower", text):
        return int(found[1]), int(found[2])
    if found := re.search(r"stopped working for (\d+) grower", text):
        return int(found[1]), int(found[1])
    if found := re.search(r"(?:again for all|any more of) (\d+) grower", text):
        return 0, int(found[1])
    return None


def _count_last_text(verdict: Verdict, kind: str, channel: str, message: Message, *, is_true: bool) -> None:
    if is_true:
        verdict.count(f"messages of storms ({kind}) whose last text is true")
    else:
        verdict.fault(f"a storm's message ({kind}) in {channel} says {text_of(message)[:300]!r}, which is not so")
