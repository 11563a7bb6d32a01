"""Who the app is, and where it connects."""

from __future__ import annotations

from ..core import Core
from ..web_api import Args, Method
from ..workspace import Json


def auth_test(core: Core, args: Args) -> Json:
    space = core.workspace
    return {
        "url": f"https://{space.team['domain']}.slack.com/",
        "team": space.team["name"],
        "user": space.bot.name,
        "team_id": space.team["id"],
        "user_id": space.bot.id,
        "bot_id": space.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(core: Core, args: Args) -> Json:
    base = core.url.replace("http", "ws", 1)
    return {"url": f"{base}/socket?ticket={core.sockets.ticket()}&app_id={core.workspace.app_id}"}


def team_info(core: Core, args: Args) -> Json:
    return {"team": {**core.workspace.team, "email_domain": "", "icon": {}}}


METHODS = {
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(open_connection, ("connections:write",), for_app_token=True),
    "team.info": Method(team_info, ("team:read",)),
}
