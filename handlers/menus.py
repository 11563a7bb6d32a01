"""All menus that are filled while somebody types, by their action id; no row of the audit trail for a letter typed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import Option

from bot import messages
from bot.bot import Bot
from handlers.call import Typing
from storage.records import Role


@dataclass(frozen=True)
class Menu:
    """One menu: who may look into it, and what it offers for what was typed."""

    role: Role
    offer: Callable[[Typing, Bot], Awaitable[Sequence[Option]]]


async def growers(typing: Typing, bot: Bot) -> Sequence[Option]:
    """Growers by name, e-mail, externalId and id, from the local index: Slack waits three seconds."""
    return messages.grower_options(await bot.directory.suggest(typing.typed))


async def tags(typing: Typing, bot: Bot) -> Sequence[Option]:
    """Tags that growers have, and the typed one: a channel may wish for it before anybody has it."""
    return messages.tag_options(await bot.tagging.suggest(typing.typed))


MENUS: dict[str, Menu] = {
    "find-grower": Menu(Role.VIEWER, growers),
    "subscribe-tag": Menu(Role.OPERATOR, tags),
}
