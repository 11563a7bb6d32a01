"""The form that chooses what a channel hears, and when."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot import messages, workhours
from bot.bot import Bot
from bot.errors import UsageError
from bot.tagging import tag_in
from handlers.call import Reply, Submission
from handlers.replies import hears
from storage.records import Delivery, Topic, Wishes

_CHANNEL = re.compile(r"[CG][A-Z0-9]{2,31}")
_PERSON = re.compile(r"[UW][A-Z0-9]{2,31}")


def faults(form: Submission) -> Mapping[str, str]:
    """What to mend, by block id."""
    found = {}
    if channel_in(form.values) is None:
        found["channel"] = "Choose a channel."
    if form.values.get("whose") == "one" and not _PERSON.fullmatch(form.values.get("owner", "")):
        found["owner" if "owner" in form.values else "whose"] = "Choose a colleague."
    wishes = wishes_in(form.values, form.user, "")
    if wishes.tag == "":
        found["tag" if "tag" in form.values else "whose"] = "Choose a tag."
    if wishes.topics == ():
        found["topics"] = "Choose at least one. To hear nothing at all, use /fieldview unsubscribe."
    return found


async def subscribe(form: Submission, bot: Bot) -> Reply:
    """From now on the channel hears this."""
    channel = channel_in(form.values) or ""
    # Not where the form was opened: whoever was in that channel then may have left it since.
    await bot.access.require_reach(form.user, channel, None)
    wishes = wishes_in(form.values, form.user, zone_in(form.opened_for))
    return hears(await bot.subscribing.subscribe(channel, form.user, wishes), form.user)


def channel_in(values: Mapping[str, str]) -> str | None:
    """The channel that is chosen, if one is."""
    found = _CHANNEL.fullmatch(values.get("channel", ""))
    return found[0] if found else None


def wishes_in(values: Mapping[str, str], user: str, zone: str) -> Wishes:
    """What is chosen so far; whoever fills it in is the colleague unless another one is named, and an empty tag is one
    that is still to be chosen."""
    topics = tuple(topic for topic in Topic if topic in values.get("topics", "").split(","))
    owner = values.get("owner", "")
    named = owner if _PERSON.fullmatch(owner) else user
    chosen = values.get("delivery", "")
    delivery = Delivery(chosen) if chosen in list(Delivery) else Delivery.INSTANT
    has_digest = delivery is not Delivery.INSTANT
    return Wishes(
        owner=named if values.get("whose") == "one" else None,
        topics=None if topics == tuple(Topic) else topics,
        delivery=delivery,
        digest_hour=_hour(values.get("digest_hour", "")) if has_digest else None,
        zone=zone if has_digest else None,
        tag=_tag(values.get("tag", "")) if values.get("whose") == "tag" else None,
    )


def zone_in(name: str) -> str:
    """The time zone that the form was opened with."""
    return name if workhours.zone(name) else "UTC"


def _tag(chosen: str) -> str:
    try:
        return tag_in(chosen)
    except UsageError:
        return ""


def _hour(chosen: str) -> int:
    return int(chosen) if re.fullmatch(r"1?[0-9]|2[0-3]", chosen) else messages.FIRST_HOUR
