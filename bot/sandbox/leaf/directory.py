"""All Leaf users in a stable order, found by id or filter without walking through everybody."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from bot.sandbox.leaf.records import LeafUser

Matching = Literal["exact", "ignoring_case", "substring"]

_FIELDS: dict[str, Callable[[LeafUser], str | None]] = {
    "id": lambda user: user.id,
    "email": lambda user: user.email,
    "name": lambda user: user.name,
    "externalId": lambda user: user.external_id,
}
FILTERS = ("email", "name", "externalId")


class Directory:
    """Users in order of creation. How filters match is not documented by Leaf, hence `matching`."""

    def __init__(self) -> None:
        self.matching: Matching = "exact"
        self._users: dict[str, LeafUser] = {}
        self._order: list[LeafUser] = []
        self._index: dict[str, dict[str, list[LeafUser]]] = {name: {} for name in FILTERS}
        self._sorted: dict[str, list[LeafUser]] = {}

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[LeafUser]:
        return iter(self._order)

    def get(self, user_id: str) -> LeafUser | None:
        return self._users.get(user_id)

    def add(
        self, *, name: str, email: str, phone: str = "", address: str = "", external_id: str | None = None
    ) -> LeafUser:
        user = LeafUser(str(uuid.uuid4()), name, email, phone, address, external_id)
        self._users[user.id] = user
        self._order.append(user)
        self._enter(user)
        return user

    def change(self, user: LeafUser, values: Mapping[str, str]) -> None:
        """Set attributes of a user by their Python names."""
        self._leave(user)
        for name, value in values.items():
            setattr(user, name, value)
        self._enter(user)

    def remove(self, user: LeafUser) -> None:
        del self._users[user.id]
        self._order.remove(user)
        self._leave(user)

    def find(self, who: str) -> LeafUser:
        """The user with this id, externalId, e-mail or name, in that order. Raises LookupError."""
        if who in self._users:
            return self._users[who]
        for name in ("externalId", "email", "name"):
            for user in self._index[name].get(who, []):
                return user
        raise LookupError(f"no Leaf user {who!r}")

    def select(self, filters: Mapping[str, str], sort: str = "") -> Sequence[LeafUser]:
        """Users that match every filter; `sort` is Spring's `field,asc|desc`, unknown fields are ignored."""
        chosen = self._matching(filters) if filters else self._order
        field, _, direction = sort.partition(",")
        if field not in _FIELDS:
            return chosen
        ordered = self._in_order_of(field) if chosen is self._order else sorted(chosen, key=_sort_key(field))
        return ordered[::-1] if direction.lower() == "desc" else ordered

    def _matching(self, filters: Mapping[str, str]) -> list[LeafUser]:
        candidates: Sequence[LeafUser] = self._order
        if self.matching == "exact":
            candidates = min((self._index[name].get(value, []) for name, value in filters.items()), key=len)
        return [user for user in candidates if all(self._matches(user, *item) for item in filters.items())]

    def _matches(self, user: LeafUser, name: str, wanted: str) -> bool:
        value = _FIELDS[name](user)
        if value is None:
            return False
        if self.matching == "exact":
            return value == wanted
        if self.matching == "ignoring_case":
            return value.casefold() == wanted.casefold()
        return wanted.casefold() in value.casefold()

    def _in_order_of(self, field: str) -> list[LeafUser]:
        if field not in self._sorted:
            self._sorted[field] = sorted(self._order, key=_sort_key(field))
        return self._sorted[field]

    def _enter(self, user: LeafUser) -> None:
        self._sorted.clear()
        for name in FILTERS:
            if (value := _FIELDS[name](user)) is not None:
                self._index[name].setdefault(value, []).append(user)

    def _leave(self, user: LeafUser) -> None:
        self._sorted.clear()
        for name in FILTERS:
            if (value := _FIELDS[name](user)) is not None:
                self._index[name][value].remove(user)


def _sort_key(field: str) -> Callable[[LeafUser], tuple[str, str]]:
    return lambda user: (_FIELDS[field](user) or "", user.id)
