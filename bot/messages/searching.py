"""The forms in which a grower is searched for while somebody types."""

from __future__ import annotations

from slack_sdk.models.blocks import Block, InputBlock, PlainTextObject
from slack_sdk.models.views import View

from bot.messages.pieces import actions, button, grower_search, section

_FOUND_BY = "Type a name, an e-mail, an external id or a Leaf id"


def connect_modal(*, private_metadata: str = "") -> View:
    """Whom to ask for consent."""
    return _modal(
        "connect-grower",
        "Connect a grower",
        "Make the link",
        private_metadata,
        section("I make the link with which the grower connects FieldView, and send it if I find them in this Slack."),
        _search("Grower"),
        section("Is it a new grower? Then I create them at Leaf first."),
        actions(button("New grower…", "create-grower", None)),
    )


def status_modal(why: str = "", *, private_metadata: str = "") -> View:
    """Whose connection to look at; `why` that has to be asked."""
    return _modal(
        "grower-status",
        "FieldView status",
        "Show",
        private_metadata,
        *([section(f"{why} Whose connection do you want to look at?")] if why else []),
        _search("Grower", hint="Leave it empty to see how everybody is.", optional=True),
    )


def disconnect_modal(*, private_metadata: str = "") -> View:
    """Whose connection to end. Sending it ends nothing: the question comes first, as for the command."""
    return _modal(
        "disconnect-grower",
        "Disconnect a grower",
        "Go on",
        private_metadata,
        section("I show you what would be lost, and ask before anything ends."),
        _search("Grower"),
    )


def _search(label: str, *, hint: str | None = None, optional: bool = False) -> InputBlock:
    return InputBlock(
        label=PlainTextObject(text=label),
        block_id="grower",
        hint=PlainTextObject(text=hint) if hint else None,
        optional=optional,
        element=grower_search("find-grower", _FOUND_BY),
    )


def _modal(callback_id: str, title: str, submit: str, private_metadata: str, *blocks: Block) -> View:
    return View(
        type="modal",
        callback_id=callback_id,
        private_metadata=private_metadata,
        title=PlainTextObject(text=title),
        submit=PlainTextObject(text=submit),
        close=PlainTextObject(text="Cancel"),
        blocks=list(blocks),
    )
