"""Only the growers of one colleague, or those with one tag: the conditions of a query that has joined them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, select

from storage.records import Whose
from storage.tables import GrowerRow, GrowerTagRow


def to(whose: Whose) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if whose.owner is not None:
        conditions.append(GrowerRow.owner == whose.owner)
    if whose.tag is not None:
        conditions.append(GrowerRow.id.in_(select(GrowerTagRow.grower_id).where(GrowerTagRow.tag == whose.tag)))
    return conditions
