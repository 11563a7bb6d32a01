"""Views: each person's stack of modals, and the Home the app published for them."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .elements import Filled, state_values, with_ids
from .errors import SlackError
from .workspace import Json

DEEPEST = 3


@dataclass(eq=False)
class View:
    """A modal or a Home, with what the person has put into it so far."""

    id: str
    user: str
    definition: Json
    root_id: str
    previous_id: str | None = None
    hash: str = ""
    filled: Filled = field(default_factory=dict)
    suggested: dict[tuple[str, str], list[Json]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.replace(self.definition)

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.definition["blocks"]
        return blocks

    def replace(self, definition: Json) -> None:
        """Show something else; what stands in elements of the same ids is kept, as Slack keeps it."""
        self.definition = {**copy.deepcopy(definition), "blocks": with_ids(definition["blocks"])}
        self.hash = f"{secrets.randbelow(10**10)}.{secrets.token_urlsafe(6)}"

    def to_api(self, team_id: str, app_id: str, bot_id: str) -> Json:
        blank: Json = {
            "callback_id": "",
            "private_metadata": "",
            "external_id": "",
            "title": None,
            "submit": None,
            "close": None,
            "clear_on_close": False,
            "notify_on_close": False,
        }
        return {
            **blank,
            **self.definition,
            "id": self.id,
            "team_id": team_id,
            "app_id": app_id,
            "bot_id": bot_id,
            "app_installed_team_id": team_id,
            "hash": self.hash,
            "state": {"values": state_values(self.blocks, self.filled)},
            "root_view_id": self.root_id,
            "previous_view_id": self.previous_id,
        }


class Dialogs:
    """Everything open on everybody's screen."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}

    def top(self, user: str) -> View | None:
        stack = self.stacks.get(user)
        return stack[-1] if stack else None

    def open(self, user: str, definition: Json) -> View:
        """Put a new modal in place of whatever this person had open."""
        self._refuse_known_external_id(definition)
        self.stacks[user] = []
        return self._add(user, definition)

    def push(self, user: str, definition: Json) -> View:
        """Lay a modal over the others. Raises SlackError push_limit_reached over three."""
        if len(self.stacks.get(user, ())) >= DEEPEST:
            raise SlackError("push_limit_reached")
        self._refuse_known_external_id(definition)
        return self._add(user, definition)

    def _add(self, user: str, definition: Json) -> View:
        stack = self.stacks.setdefault(user, [])
        view_id = self._new_id("V")
        root, previous = (stack[0].id, stack[-1].id) if stack else (view_id, None)
        stack.append(View(view_id, user, definition, root, previous))
        return stack[-1]

    def _refuse_known_external_id(self, definition: Json) -> None:
        wanted = definition.get("external_id")
        if wanted and any(view.definition.get("external_id") == wanted for view in self.all()):
            raise SlackError("duplicate_external_id")

    def all(self) -> list[View]:
        return [view for stack in self.stacks.values() for view in stack] + list(self.homes.values())

    def find(self, view_id: str | None, external_id: str | None = None) -> View:
        """By Slack's id or the app's own. Raises SlackError not_found."""
        for view in self.all():
            if view_id == view.id or (external_id and view.definition.get("external_id") == external_id):
                return view
        raise SlackError("not_found")

    def update(self, view: View, definition: Json, expected_hash: str | None) -> None:
        """Show something else. Raises SlackError hash_conflict when another update came first."""
        if expected_hash and expected_hash != view.hash:
            raise SlackError("hash_conflict")
        view.replace(definition)

    def publish(self, user: str, definition: Json, expected_hash: str | None) -> tuple[View, bool]:
        """Set this person's Home; also says whether it looks different now. Raises SlackError hash_conflict."""
        home = self.homes.get(user)
        if home is None:
            view_id = self._new_id("V")
            self.homes[user] = View(view_id, user, definition, view_id)
            return self.homes[user], True
        before = _without_ids(home.definition)
        self.update(home, definition, expected_hash)
        return home, before != _without_ids(home.definition)

    def close(self, view: View) -> list[View]:
        """Take this modal and everything above it away; returns them, the topmost first."""
        stack = self.stacks[view.user]
        gone = stack[stack.index(view) :]
        del stack[stack.index(view) :]
        return gone[::-1]


def _without_ids(value: Any) -> Any:
    """The same without ids, which Slack makes anew with every update."""
    if isinstance(value, dict):
        return {name: _without_ids(part) for name, part in value.items() if name not in ("block_id", "action_id")}
    return [_without_ids(part) for part in value] if isinstance(value, list) else value
