"""Buttons about a link that was made: show it, make a new one, take it back, choose its language, decide about it."""

from __future__ import annotations

from dataclasses import replace

from bot import messages, strict_json
from bot.bot import Bot
from bot.errors import UsageError
from handlers.call import Click, Reply
from handlers.replies import invited, links_out
from storage.records import Grower


async def turn(click: Click, bot: Bot) -> Reply:
    """Older or newer links: the button carries the grower and the page. Raises UsageError."""
    try:
        wanted = strict_json.loads(click.value)
        grower_id, page = wanted["grower"], int(wanted["page"])
        if not (grower_id is None or isinstance(grower_id, str)) or not 0 <= page <= 10_000:
            raise ValueError
    except (ValueError, KeyError, TypeError, OverflowError):
        raise UsageError("This button is from an older version of me.", "/fieldview links") from None
    grower = click.about(await bot.directory.by_id(grower_id)) if grower_id else None
    return await links_out(bot, grower, page, replace=click.is_ephemeral)


async def show_link(click: Click, bot: Bot) -> Reply:
    """The link again, also when the grower has it by direct message: whoever asks may make a new one anyway."""
    invitation = await bot.inviting.shown_again(click.value, await _about(click, bot))
    shown = replace(invitation, delivered_to=None)
    return Reply(messages.invitation(shown, bot.clock()))


async def renew(click: Click, bot: Bot) -> Reply:
    """A new link in place of this one."""
    consent = await bot.inviting.get(click.value)
    grower = await bot.directory.by_id(consent.grower_id)
    return await invited(bot, click, grower, even_if_healthy=False)


async def take_back(click: Click, bot: Bot) -> Reply:
    """The link stops working."""
    grower = await _about(click, bot)
    revoked = await bot.inviting.take_back(click.value, click.user)
    return Reply(messages.link_taken_back(revoked, grower))


async def choose_language(click: Click, bot: Bot) -> Reply:
    """The grower is written to in another language; the answer with the menu is shown anew. Raises UsageError."""
    consent_id, language = messages.chosen_language(click.value)
    if not consent_id:
        raise UsageError("This menu is from an older version of me.", "/fieldview links")
    grower = await _about(click, bot, consent_id)
    invitation = await bot.inviting.speak(consent_id, language, grower)
    return Reply(messages.invitation(invitation, bot.clock()), replace=click.is_ephemeral)


async def stop_reminders(click: Click, bot: Bot) -> Reply:
    """A grower wants no more reminders; the message that was pressed says so itself."""
    consent = await bot.chasing.stop(click.value, click.user)
    return Reply(detail={"consent": consent.id})


async def use_account(click: Click, bot: Bot) -> Reply:
    """The other FieldView account is right."""
    consent_id, shown = messages.question_shown(click.value)
    grower = await _about(click, bot, consent_id)
    consent = await bot.completion.use_account(consent_id, shown, click.user)
    return Reply(messages.account_decided(consent, grower, used=True))


async def refuse_account(click: Click, bot: Bot) -> Reply:
    """The other FieldView account is wrong."""
    consent_id, shown = messages.question_shown(click.value)
    grower = await _about(click, bot, consent_id)
    consent = await bot.completion.refuse_account(consent_id, shown, click.user)
    return Reply(messages.account_decided(consent, grower, used=False))


async def _about(click: Click, bot: Bot, consent_id: str | None = None) -> Grower:
    consent = await bot.inviting.get(consent_id or click.value)
    return click.about(await bot.directory.by_id(consent.grower_id))
