"""docs/access.md names every entry with the role that the gate asks for: `python -m tests.house.test_access_table`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from handlers.actions import ACTIONS
from handlers.commands import COMMAND, COMMANDS
from handlers.menus import MENUS
from handlers.shortcuts import SHORTCUTS
from handlers.views import FORMS
from tests.house import repository

PAGE = "docs/access.md"
SECTION = re.compile(r"(<!-- entries -->\n).*(<!-- end of entries -->)", re.DOTALL)


def rows() -> Iterator[tuple[str, str, str]]:
    for command in COMMANDS.values():
        yield "command", f"{COMMAND} {command.name}", command.role
    for action_id, action in ACTIONS.items():
        yield "button", action_id, "of the command that asked" if action.role_of else action.role
    for callback_id, form in FORMS.items():
        yield "form", callback_id, form.role
    for callback_id, offer in SHORTCUTS.items():
        yield "shortcut", callback_id, offer.role
    for action_id, menu in MENUS.items():
        yield "menu", action_id, menu.role


def table() -> str:
    lines = ["| kind | entry | role |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {kind} | `{name}` | {role} |" for kind, name, role in rows())])


def with_table(page: str) -> str:
    return SECTION.sub(lambda found: f"{found[1]}\n{table()}\n\n{found[2]}", page)


def test_the_table_of_roles_is_what_the_gate_asks_for() -> None:
    page = repository.text(PAGE)
    assert SECTION.search(page)
    assert with_table(page) == page, "write it anew: python -m tests.house.test_access_table"


if __name__ == "__main__":
    path = repository.ROOT / PAGE
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
