"""What somebody may read of channels: a private one is named to its members, and its name to admins."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.access import Access
from bot.slack.client import Channel
from storage.records import AuditEntry

UNNAMED = "a private channel"

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,31}")
_MENTION = re.compile(r"<#([CG][A-Z0-9]+)(?:\|[^<>]*)?>")


async def as_seen_by(user: str, entries: Sequence[AuditEntry], access: Access) -> list[AuditEntry]:
    """The entries with other words in place of the channels that this person sees nothing of."""
    details = [_read(entry.detail) for entry in entries]
    named = {channel for detail in details for channel in _channels(detail)}
    named |= {channel for entry in entries for channel in _MENTION.findall(entry.typed or "")}
    sights = await asyncio.gather(*(access.sight(user, channel) for channel in sorted(named)))
    words = {
        channel: f"#{sight.name}" if sight.name else UNNAMED
        for channel, sight in zip(sorted(named), sights, strict=True)
        if not sight.is_open
    }
    return (
        [_told(entry, detail, words) for entry, detail in zip(entries, details, strict=True)] if words else [*entries]
    )


async def name_before(user: str, channel: Channel, access: Access) -> str:
    """What a channel is called before this person."""
    sight = await access.sight(user, channel.id)
    return f"#{channel.name}" if sight.is_open or sight.name else UNNAMED


def _read(detail: str | None) -> Any:
    try:
        return json.loads(detail) if detail else None
    except ValueError:
        return None


def _channels(detail: Any) -> Iterator[str]:
    """Every channel's id that stands anywhere in it."""
    if isinstance(detail, str):
        if _CHANNEL.fullmatch(detail):
            yield detail
        return
    parts: Iterable[Any] = ()
    if isinstance(detail, Mapping):
        parts = detail.values()
    elif isinstance(detail, list):
        parts = detail
    for part in parts:
        yield from _channels(part)


def _told(entry: AuditEntry, detail: Any, words: Mapping[str, str]) -> AuditEntry:
    typed = entry.typed and _MENTION.sub(lambda found: words.get(found[1], found[0]), entry.typed)
    return replace(entry, detail=entry.detail and json.dumps(_without(detail, words)), typed=typed)


def _without(detail: Any, words: Mapping[str, str]) -> Any:
    if isinstance(detail, str):
        return words.get(detail, detail)
    if isinstance(detail, Mapping):
        return {key: _without(part, words) for key, part in detail.items()}
    return [_without(part, words) for part in detail] if isinstance(detail, list) else detail
