"""What tells one grower's browser from another's, and a person's own click from somebody else's page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

AGE = 60 * 60 * 24

MOST = 8
"""Consents that one browser can have begun at a time: an office may connect several growers."""

_SECRETS = re.compile(rf"[\w-]{{20,100}}(?:\.[\w-]{{20,100}}){{0,{MOST - 1}}}", re.ASCII)


class BrowserCookie:
    """The secrets that bind consents to the browser that began them, one for each, the one begun last first."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        # Browsers accept the prefix only over TLS; on loopback there is none.
        self._name = "__Host-fieldview-consent" if self._secure else "fieldview-consent"

    def read(self, request: Request) -> tuple[str, ...]:
        """The secrets; none without the cookie, or with several: a browser keeps one of that name.

        Read here to the letter: parsers that strip more than blanks take a name that only looks like it, which any
        neighbour under the same domain may set, for one that only this host can.
        """
        parts = [
            part.strip(" \t").partition("=")
            for header in request.headers.getlist("cookie")
            for part in header.split(";")
        ]
        found = [value for name, _, value in parts if name == self._name]
        return tuple(found[0].split(".")) if len(found) == 1 and _SECRETS.fullmatch(found[0]) else ()

    def write(self, response: Response, secret: str, before: tuple[str, ...] = ()) -> None:
        """Keep this secret, and as many of those `before` as there is room for."""
        value = ".".join([secret, *(other for other in before if other != secret)][:MOST])
        # Lax, not Strict: the cookie has to come along when FieldView sends the browser back.
        response.set_cookie(
            self._name, value, max_age=AGE, path="/", secure=self._secure, httponly=True, samesite="lax"
        )


_MACHINE = re.compile(
    r"bot|crawl|spider|preview|scan|slurp|headless|python|curl|wget|http|facebookexternalhit|whatsapp|telegram|skype"
    r"|slack|safelinks|proofpoint|mimecast|barracuda|monitor",
    re.IGNORECASE,
)


def looks_like_a_person(request: Request) -> bool:
    """Whether a browser's window shows the page, and no preview, scanner or prefetch: a hint, as all of it can be
    imitated. Browsers that send no Fetch Metadata are not counted."""
    headers = request.headers
    if request.method != "GET" or headers.get("sec-purpose") or headers.get("purpose") or headers.get("x-moz"):
        return False
    is_navigation = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    agent = headers.get("user-agent", "")
    return is_navigation and bool(agent) and not _MACHINE.search(agent)


def is_own_click(request: Request, public_url: str) -> bool:
    """Whether a form was sent from our own page. Fetch Metadata first; Origin where the browser has none.

    Under `Referrer-Policy: no-referrer` browsers send `Origin: null` even for our own forms.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None or origin == "null":
        return True
    return _origin(origin) == _origin(public_url)


def _origin(address: str) -> tuple[str, str | None, int | None] | None:
    """Scheme, host and port, however they were written; None for what is no address."""
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
