"""Which language a page speaks: the one chosen at its foot, else the best of the browser's that we have, or English."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

DEFAULT = "en"
PARAMETER = "lang"
VARY = "Accept-Language, Cookie"
COOKIE = "fieldview-language"
COOKIE_AGE = 60 * 60 * 24
"""Seconds: as long as the cookie of the consent itself, so that the way back from FieldView keeps the language."""

_LONGEST_HEADER = 1000
"""Characters of Accept-Language that are read: browsers send less than a hundred."""

# RFC 9110, 12.5.4: language ranges with weights. Some old web views write pt_BR.
_RANGE = re.compile(
    r"(?P<tag>[a-z]{1,8}|\*)(?:[-_][a-z0-9]{1,8})*\s*(?:;\s*q\s*=\s*(?P<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """A language we have. `newly_made` when the reader has just asked for it by its link; `by_reader` also when they
    had asked for it before."""

    language: str
    newly_made: bool = False
    by_reader: bool = False


def choice_of(request: Request, ours: Collection[str]) -> Choice:
    """The language for this request, one of ours whatever the request holds; links count for GET and HEAD only."""
    asked = request.query_params.get(PARAMETER, "") if is_a_look(request) else ""
    if asked in ours:
        return Choice(asked, newly_made=True, by_reader=True)
    kept = request.cookies.get(COOKIE, "")
    if kept in ours:
        return Choice(kept, by_reader=True)
    return Choice(preferred(",".join(request.headers.getlist("accept-language")), ours))


def is_a_look(request: Request) -> bool:
    """Whether the page can be had again, in another language, by its address alone."""
    return request.method in ("GET", "HEAD")


def preferred(accept_language: str, ours: Collection[str]) -> str:
    """The heaviest of the header's languages that is ours, of equal ones the first. Malformed parts are passed over."""
    best, heaviest = DEFAULT, 0.0
    for part in accept_language[:_LONGEST_HEADER].split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            continue
        language = DEFAULT if found["tag"] == "*" else found["tag"].lower()
        weight = float(found["weight"] or 1)
        if language in ours and weight > heaviest:
            best, heaviest = language, weight
    return best


def keep(response: Response, language: str, *, secure: bool) -> None:
    """Let this browser remember the language for a day; the cookie tells nothing else."""
    response.set_cookie(COOKIE, language, max_age=COOKIE_AGE, path="/", secure=secure, httponly=True, samesite="lax")
