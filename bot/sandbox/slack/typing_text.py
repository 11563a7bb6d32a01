"""What becomes of the text a person types before an app reads it."""

from __future__ import annotations

import re

from .workspace import Channel, Workspace

MENTION = re.compile(r"(?<![\w@#])([@#])([\w][\w.-]*)")
URL = re.compile(r"https?://[^\s<>|]+")
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


def escape(text: str) -> str:
    """The three characters Slack escapes everywhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def with_mentions(text: str, workspace: Workspace, *, labelled: bool) -> str:
    """Escaped text with known @names, #channels and @groups as `<@U…>`, `<#C…>` and `<!subteam^S…>`, in commands
    labelled `|name`."""

    def link(match: re.Match[str]) -> str:
        sign, typed = match.groups()
        name = typed
        while name:
            found = workspace.user_named(name) if sign == "@" else _channel(workspace, name)
            if found is not None:
                label = f"|{found.name}" if labelled else ""
                return f"<{sign}{found.id}{label}>{typed[len(name) :]}"
            if sign == "@" and (group := _group(workspace, name)):
                label = f"|@{name}" if labelled else ""
                return f"<!subteam^{group}{label}>{typed[len(name) :]}"
            name = name[:-1] if name[-1] in ".-" else ""
        return match.group()

    return MENTION.sub(link, escape(text))


def _channel(workspace: Workspace, name: str) -> Channel | None:
    return next((each for each in workspace.channels.values() if each.name == name and not each.is_im), None)


def _group(workspace: Workspace, handle: str) -> str | None:
    return next((key for key, group in workspace.usergroups.items() if group["handle"] == handle), None)


def with_links(text: str) -> str:
    """Web and e-mail addresses marked up, as Slack's escaping may do too."""
    linked = URL.sub(lambda match: f"<{match.group()}>", text)
    return EMAIL.sub(lambda match: f"<mailto:{match.group()}|{match.group()}>", linked)
