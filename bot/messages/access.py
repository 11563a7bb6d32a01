"""Who may do what: the rules in words, and what became of one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from slack_sdk.models.blocks import Block, MarkdownTextObject, SectionBlock

from bot.messages.pieces import Message, button, quiet, section
from bot.messages.text import capital, channel, code, count, escape, mention
from storage.records import MEMBERS, AccessRule, Role

SHOWN = 40
"""Rules that are listed: Slack takes fifty blocks."""

MAY = {
    Role.GROWER: "nothing",
    Role.VIEWER: "look",
    Role.OPERATOR: "look, connect and repair",
    Role.ADMIN: "everything",
}

_GROUP = re.compile(r"S[A-Z0-9]+")


def access(rules: Sequence[AccessRule], first_admins: Sequence[str]) -> Message:
    """Every rule, with a button that takes it back."""
    members = next((rule.role for rule in rules if rule.subject == MEMBERS), Role.OPERATOR)
    standing = [
        f"• Workspace admins may do {MAY[Role.ADMIN]}.",
        *(
            f"• {capital(whom(subject))} may do {MAY[Role.ADMIN]}: this bot’s settings say so."
            for subject in first_admins
        ),
        f"• {_line(AccessRule(MEMBERS, members))}",
    ]
    blocks: list[Block] = [section("*Who may do what*", *standing[:SHOWN])]
    blocks += [_removable(rule) for rule in rules[:SHOWN]]
    if len(rules) > SHOWN:
        blocks.append(section(f"and {count(len(rules) - SHOWN, 'more rule')}."))
    blocks.append(
        quiet(
            "`/fieldview access @who operator` makes a rule: for a user group, a private channel, a person or "
            "`members`, with viewer, operator, admin or none. Everybody has the highest role that fits them.",
            "Guests and people of other organisations may do nothing, whatever a rule says.",
        )
    )
    return Message(f"Who may do what: {count(len(rules), 'rule')}, besides workspace admins.", tuple(blocks))


def access_changed(subject: str, before: Role | None, after: Role | None) -> Message:
    """To the admin who changed it."""
    head = f"{capital(whom(subject))}: {code(after or 'no rule of its own')}."
    if subject == MEMBERS and after is None:
        head = "All members: what holds without a rule."
    was = f"Before that it was {code(before)}." if before else None
    then = "It holds at once for what only admins may do, and within a minute for the rest."
    return Message("The rules of who may do what were changed.", (section(f"*{head}*", was), quiet(then)))


def whom(subject: str) -> str:
    """Whom a rule is about."""
    if subject == MEMBERS:
        return "all members"
    if _GROUP.fullmatch(subject):
        return f"<!subteam^{subject}>"
    if subject.startswith(("C", "G")):
        return f"members of {channel(subject)}"
    return mention(subject) if subject.startswith(("U", "W")) else escape(subject)


def _line(rule: AccessRule) -> str:
    does = "look" if rule.role is Role.VIEWER else "look, connect and repair" if rule.role is Role.OPERATOR else None
    may = does or f"do {MAY[rule.role]}"
    return (
        f"{capital(whom(rule.subject))} may {may} ({rule.role})."
        if rule.role is not Role.GROWER
        else (f"{capital(whom(rule.subject))} may do nothing, unless another rule says so.")
    )


def _removable(rule: AccessRule) -> SectionBlock:
    text = MarkdownTextObject(text=_line(rule), verbatim=True)
    return SectionBlock(text=text, accessory=button("Take back", "access-remove", rule.subject))
