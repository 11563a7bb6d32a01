"""Looking people up."""

from __future__ import annotations

from ..core import Core
from ..errors import SlackError
from ..web_api import Args, Method, paged
from ..workspace import Json, User


def user_json(core: Core, user: User) -> Json:
    return user.to_api(core.workspace.team["id"], with_email="users:read.email" in core.scopes)


def info(core: Core, args: Args) -> Json:
    user = core.workspace.users.get(args.need("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_json(core, user)}


def list_(core: Core, args: Args) -> Json:
    page, more = paged(args, [user for user in core.workspace.users.values() if not user.stranger])
    return {"members": [user_json(core, user) for user in page], "response_metadata": more}


def lookup_by_email(core: Core, args: Args) -> Json:
    email = args.need("email").casefold()
    for user in core.workspace.users.values():
        if user.email.casefold() == email and not user.deleted and not user.is_bot:
            return {"user": user_json(core, user)}
    raise SlackError("users_not_found")


def usergroups(core: Core, args: Args) -> Json:
    with_users = args.flag("include_users")
    groups = [
        {**group, "user_count": len(group["users"])} | ({} if with_users else {"users": []})
        for group in core.workspace.usergroups.values()
    ]
    return {"usergroups": groups}


def usergroup_members(core: Core, args: Args) -> Json:
    group = core.workspace.usergroups.get(args.need("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": group["users"]}


METHODS = {
    "users.info": Method(info, ("users:read",)),
    "users.list": Method(list_, ("users:read",)),
    "users.lookupByEmail": Method(lookup_by_email, ("users:read.email",)),
    "usergroups.list": Method(usergroups, ("usergroups:read",)),
    "usergroups.users.list": Method(usergroup_members, ("usergroups:read",)),
}
