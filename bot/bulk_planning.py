"""What each line of a list of growers means, and what is to become of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.errors import UsageError
from bot.spreadsheet import Line
from bot.tagging import A_TAG, MOST, tag_in, words_in
from storage import connections, consents, growers, tags
from storage.records import BulkLine, Connection, Consent, CredentialStatus, Grower, LineFate

_ADDRESS = re.compile(r"[^\s@,;]+@[^\s@,;]+")


async def planned(session: AsyncSession, lines: Sequence[Line], now: datetime) -> list[BulkLine]:
    """What is to become of each line, as things stand. Changes nothing."""
    found = await growers.answering(session, {word for line in lines for word in line.words})
    ids = sorted({grower.id for several in found.values() for grower in several})
    known: dict[str, Connection] = {}
    for start in range(0, len(ids), 500):
        known |= await connections.get_many(session, ids[start : start + 500])
    links = await consents.working_of(session, now, ids)
    tagged = await tags.of_many(session, ids)
    fates: list[BulkLine] = []
    seen: dict[str, int] = {}
    for line in lines:
        means = _meant(line.words, found)
        fate = _doubted(_fate(line, means, known, links, seen), line.words, found)
        if len(means) == 1:
            fate = _with_tags(fate, line.tags, tagged.setdefault(means[0].id, set()))
            seen.setdefault(means[0].id, line.number)
        fates.append(fate)
    return fates


def unplanned(lines: Sequence[Line]) -> list[BulkLine]:
    """The lines as they came, to be planned later."""
    return [
        BulkLine(
            line.number,
            line.text,
            LineFate.UNPLANNED,
            note=line.fault,
            words=line.words,
            tags=(line.tags,) * bool(line.tags),
        )
        for line in lines
    ]


def as_given(lines: Sequence[BulkLine]) -> list[Line]:
    """What `unplanned` was made of."""
    return [Line(line.number, line.typed, line.words, line.note, "".join(line.tags)) for line in lines]


def _meant(words: Sequence[str], found: Mapping[str, Sequence[Grower]]) -> list[Grower]:
    """Whom a line may mean: whoever every word that fits anybody fits; all of them where the words disagree."""
    fitting = [{grower.id: grower for grower in found[word]} for word in words if word in found]
    if not fitting:
        return []
    agreed = set.intersection(*map(set, fitting))
    everybody = {key: grower for some in fitting for key, grower in some.items()}
    return [everybody[key] for key in sorted(agreed or everybody)]


def _fate(
    line: Line,
    means: Sequence[Grower],
    known: Mapping[str, Connection],
    links: Mapping[str, Consent],
    seen: Mapping[str, int],
) -> BulkLine:
    if line.fault:
        return BulkLine(line.number, line.text, LineFate.UNREADABLE, note=line.fault)
    if len(means) != 1:
        fate = LineFate.AMBIGUOUS if means else LineFate.UNKNOWN
        return BulkLine(line.number, line.text, fate)
    [grower] = means
    whose: dict[str, Any] = {"grower_id": grower.id, "grower_name": grower.name}
    if grower.id in seen:
        return BulkLine(
            line.number, line.text, LineFate.TWICE, **whose, note=f"The same grower as line {seen[grower.id]}."
        )
    if is_well(known.get(grower.id)):
        return BulkLine(line.number, line.text, LineFate.CONNECTED, **whose)
    if link := links.get(grower.id):
        return BulkLine(line.number, line.text, LineFate.HAS_LINK, **whose, consent_id=link.id)
    return BulkLine(line.number, line.text, LineFate.TO_INVITE, **whose)


def _doubted(line: BulkLine, words: Sequence[str], found: Mapping[str, Sequence[Grower]]) -> BulkLine:
    """The line with a word on what on it speaks against the rest of it, where something does."""
    fitting = [word for word in words if word in found]
    strange = [word for word in words if _ADDRESS.fullmatch(word) and word not in found]
    if line.fate is LineFate.AMBIGUOUS and not set.intersection(*({each.id for each in found[it]} for it in fitting)):
        doubt = f"Its cells do not mean one and the same grower: {_quoted(fitting)}."
    elif line.fate is not LineFate.AMBIGUOUS and fitting and strange:
        doubt = f"Nobody at Leaf has the address {_quoted(strange)}."
    else:
        return line
    return _noted(line, doubt)


def _with_tags(line: BulkLine, written: str, has: set[str]) -> BulkLine:
    """The line with the tags that its grower does not have yet, which from here on counts as having them."""
    fresh: list[str] = []
    for word in words_in(written):
        try:
            tag = tag_in(word)
        except UsageError:
            return _noted(line, f"Its tags are left out: {_quoted([word])} cannot be a tag ({A_TAG}).")
        if tag not in has and tag not in fresh:
            fresh.append(tag)
    if len(has) + len(fresh) > MOST:
        return _noted(line, f"Its tags are left out: a grower has at most {MOST}.")
    has.update(fresh)
    return replace(line, tags=tuple(fresh))


def _noted(line: BulkLine, doubt: str) -> BulkLine:
    return replace(line, note=f"{line.note} {doubt}" if line.note else doubt)


def _quoted(words: Sequence[str]) -> str:
    return ", ".join(f"“{word[:60]}”" for word in words[:3])


def is_well(connection: Connection | None) -> bool:
    """Whether no link is needed."""
    return connection is not None and connection.status is CredentialStatus.HEALTHY


def counted(lines: Sequence[BulkLine]) -> dict[str, int]:
    """How many lines have which fate."""
    return dict(sorted(Counter(str(line.fate) for line in lines).items()))
