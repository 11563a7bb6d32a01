"""Opening, pushing, updating and publishing views."""

from __future__ import annotations

from ..block_kit import HOME, MODAL, check_view
from ..core import Core
from ..dialogs import View
from ..errors import SlackError, bad_arguments
from ..web_api import Args, Method
from ..workspace import Json

LARGEST_VIEW = 250_000


def view_json(core: Core, view: View) -> Json:
    return view.to_api(core.workspace.team["id"], core.workspace.app_id, core.workspace.bot_id)


def checked_view(args: Args, surface: str) -> Json:
    """The view of this call. Raises SlackError invalid_arguments with every complaint."""
    view = args.json("view")
    if view is None:
        raise bad_arguments("missing required field: view")
    if problems := check_view(view, surface):
        raise bad_arguments(*problems)
    if len(str(view)) > LARGEST_VIEW:
        raise SlackError("view_too_large")
    checked: Json = view
    return checked


def open_(core: Core, args: Args) -> Json:
    definition = checked_view(args, MODAL)
    trigger = core.tickets.spend_trigger(args.need("trigger_id"))
    view = core.dialogs.open(trigger.user, definition)
    core.changes.ring([trigger.user])
    return {"view": view_json(core, view)}


def push(core: Core, args: Args) -> Json:
    definition = checked_view(args, MODAL)
    trigger = core.tickets.spend_trigger(args.need("trigger_id"))
    view = core.dialogs.push(trigger.user, definition)
    core.changes.ring([trigger.user])
    return {"view": view_json(core, view)}


def update(core: Core, args: Args) -> Json:
    view = core.dialogs.find(args.text("view_id"), args.text("external_id"))
    surface = HOME if view in core.dialogs.homes.values() else MODAL
    core.dialogs.update(view, checked_view(args, surface), args.text("hash"))
    core.changes.ring([view.user])
    return {"view": view_json(core, view)}


def publish(core: Core, args: Args) -> Json:
    user = args.need("user_id")
    if user not in core.workspace.users:
        raise SlackError("user_not_found")
    view, looks_different = core.dialogs.publish(user, checked_view(args, HOME), args.text("hash"))
    if looks_different:
        core.changes.ring([user])
    else:
        core.changes.wake()
    return {"view": view_json(core, view)}


METHODS = {
    "views.open": Method(open_),
    "views.push": Method(push),
    "views.update": Method(update),
    "views.publish": Method(publish),
}
