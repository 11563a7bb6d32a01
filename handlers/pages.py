"""The grower's pages: plain values in, finished HTML responses with every security header out."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from handlers import languages
from handlers.wording import Wording, every_wording, only_reads

_HERE = Path(__file__).parent
_ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.\-\[\]:]+")
_BUSY_SECONDS = 60
_OUTAGE_SECONDS = 600


@dataclass(frozen=True)
class Invitation:
    """Who asked whom: all that a page about a known link may tell. Names may be anything; they are tidied here."""

    grower: str
    asked_by: str
    company: str


@dataclass(frozen=True)
class ConsentView(Invitation):
    """What the consent page needs. `expires` is aware; `reconnect` when this grower was connected before.

    `left_out` are the scopes that are missing where only a part is shared now, as far as they are known; `zone` is the
    grower's, where it is known.
    """

    code_word: str
    expires: datetime
    scopes: tuple[str, ...]
    continue_url: str
    decline_url: str
    reconnect: bool = False
    left_out: Sequence[str] | None = None
    zone: tzinfo | None = None


class Sharing(StrEnum):
    """Whether data flows on a connection that was once made."""

    YES = "yes"
    STOPPED = "stopped"
    ENDED = "ended"


@dataclass(frozen=True)
class SharedView(Invitation):
    """What the page needs that tells what is shared: since when and, if it no longer is, until when, in that zone."""

    standing: Sharing
    since: datetime
    until: datetime | None
    account: str | None
    scopes: tuple[str, ...]
    zone: tzinfo


class Failure(StrEnum):
    """Why FieldView sent the grower back without an approval that we can use."""

    CANCELLED = "cancelled"
    REFUSED = "refused"
    TOO_LATE = "too_late"
    UNAVAILABLE = "unavailable"


# Cancelling is the grower's good right, so it is no error. 408 would make some browsers repeat the request: 410.
_FAILURE_STATUS = {Failure.CANCELLED: 200, Failure.REFUSED: 403, Failure.TOO_LATE: 410, Failure.UNAVAILABLE: 503}


class _Tone(StrEnum):
    """The sign above a message."""

    DONE = "done"
    GROWING = "growing"
    TIME = "time"
    STOPPED = "stopped"
    ASKING = "asking"


_SHARING = {Sharing.YES: _Tone.DONE, Sharing.STOPPED: _Tone.ASKING, Sharing.ENDED: _Tone.STOPPED}


class Pages:
    """All pages a grower can see, in one language: take those of `for_request` to answer a person.

    `form_targets` are the origins where a form's POST may be redirected to (Chrome applies form-action to redirects,
    and to those of the redirect's target too); the first one is named on the page. `secure` when the site is https.
    `company` signs the pages about which no invitation is known. Raises ValueError for a target that is no origin,
    KeyError for a language that we lack.
    """

    def __init__(
        self, *, form_targets: tuple[str, ...], secure: bool, company: str = "", language: str = languages.DEFAULT
    ) -> None:
        self._wordings = every_wording()
        self._wording = self._wordings[language]
        self._switch: Mapping[str, Wording] = {}
        self._to_keep: str | None = None
        self._is_chosen = False
        self._company = company
        self._secure = secure
        self._host = urlsplit(form_targets[0]).netloc
        stylesheet = (_HERE / "static" / "pages.css").read_text(encoding="utf-8").strip()
        self._headers = _security_headers(stylesheet, form_targets, secure)
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(stylesheet=Markup(stylesheet))  # noqa: S704 our own file

    def for_request(self, request: Request) -> Pages:
        """The same pages in the language of whoever asks; with links to the others where a GET brings them again.

        A language that was chosen by such a link is kept in a cookie, for the pages after the form and after FieldView.
        """
        choice = languages.choice_of(request, self._wordings)
        pages = copy.copy(self)
        pages._wording = self._wordings[choice.language]
        pages._switch = self._wordings if languages.is_a_look(request) else {}
        pages._is_chosen = choice.by_reader
        pages._to_keep = choice.language if choice.newly_made else None
        pages._headers = {**self._headers, "Vary": languages.VARY}
        return pages

    def preferring(self, language: str | None) -> Pages:
        """The same pages in the language the team chose for this grower, unless whoever asks has chosen another."""
        if language not in self._wordings or self._is_chosen:
            return self
        pages = copy.copy(self)
        pages._wording = self._wordings[language]
        return pages

    def consent(self, view: ConsentView, *, now: datetime) -> HTMLResponse:
        """Ask the grower. Harmless to show any number of times: only its two forms do anything."""
        names = self._names(view)
        names |= {"until": self._wording.until(view.expires, now, view.zone), "host": self._host}
        return self._render(
            "consent.html",
            200,
            view,
            title=self._title("consent", view),
            view=view,
            grower=names["grower"],
            code_word=self._wording.name(view.code_word),
            partly=None if view.left_out is None else self._wording.partly(view.left_out),
            reads=self._wording.reads(view.scopes),
            only_reading=only_reads(view.scopes),
            say=lambda key: self._wording.say(f"consent.{key}", **names),
        )

    def connecting(self, invitation: Invitation, *, check_url: str, refresh_after: int | None = 5) -> HTMLResponse:
        """FieldView approved and Leaf is being told; the page loads `check_url` after so many seconds, without script.

        Pass None to leave it to the grower: a page that keeps reloading tires out a screen reader.
        """
        extra = [self._wording.say("connecting.refreshing")] if refresh_after else []
        return self._message(
            "connecting", 200, _Tone.GROWING, invitation, action_url=check_url, refresh=refresh_after, extra=extra
        )

    def connected(self, invitation: Invitation, *, account: str | None = None) -> HTMLResponse:
        """Done; `account` is the FieldView login that approved, when it is known."""
        extra = [self._wording.say("connected.account", account=self._wording.name(account))] if account else []
        return self._message("connected", 200, _Tone.DONE, invitation, extra=extra)

    def declined(self, invitation: Invitation, *, ask_url: str | None = None, reopened: bool = False) -> HTMLResponse:
        """The grower said no: 200 now, 410 when the link is opened again; `ask_url` takes it that they think better."""
        return self._message("declined", 410 if reopened else 200, _Tone.STOPPED, invitation, form_url=ask_url)

    def expired(self, invitation: Invitation, *, ask_url: str | None = None, asked: bool = False) -> HTMLResponse:
        """The link's time is over; `ask_url` takes the wish for a new one, `asked` when somebody has had it."""
        page = "expired_asked" if asked else "expired"
        return self._message(page, 410, _Tone.TIME, invitation, form_url=ask_url)

    def shared(self, view: SharedView) -> HTMLResponse:
        """The link has led to a connection: what is shared since when, and how to stop it."""
        names = self._names(view) | {"since": self._wording.date(view.since, view.zone)}
        names |= {"until": self._wording.date(view.until, view.zone) if view.until else ""}
        return self._render(
            "shared.html",
            200,
            view,
            title=self._wording.say(f"shared.title_{view.standing}"),
            view=view,
            tone=_SHARING[view.standing],
            grower=names["grower"],
            account=self._wording.name(view.account) if view.account else self._wording.say("shared.unverified"),
            reads=self._wording.reads(view.scopes),
            say=lambda key: self._wording.say(f"shared.{key}", **names),
            ask=lambda key: self._wording.say(f"consent.{key}", **names),
        )

    def revoked(self, invitation: Invitation, *, settled: bool = False) -> HTMLResponse:
        """Somebody at the company took the link back, or made a newer one; `settled` when the grower is connected."""
        page = "settled" if settled else "revoked"
        return self._message(page, 410, _Tone.STOPPED, invitation)

    def taken(self, invitation: Invitation) -> HTMLResponse:
        """Somebody else came back from FieldView first, in another browser."""
        return self._message("taken", 409, _Tone.STOPPED, invitation)

    def unknown(self) -> HTMLResponse:
        """No such link. Takes nothing, so that unknown and malformed links cannot be told apart."""
        return self._message("unknown", 404, _Tone.ASKING)

    def failed(self, reason: Failure, *, retry_url: str | None = None) -> HTMLResponse:
        """FieldView gave no approval; `retry_url` is the consent page, offered only to the browser that began there."""
        status = _FAILURE_STATUS[reason]
        headers = {"Retry-After": str(_OUTAGE_SECONDS)} if status == 503 else {}
        return self._message(f"failed_{reason}", status, _Tone.ASKING, action_url=retry_url, headers=headers)

    def wrong_account(self, invitation: Invitation, *, again_url: str | None = None) -> HTMLResponse:
        """Approved with a FieldView account that is in doubt; nothing is changed until the team has decided.

        `again_url` takes the wish to start again with the account from before.
        """
        return self._message("wrong_account", 409, _Tone.ASKING, invitation, form_url=again_url)

    def delayed(self, invitation: Invitation, *, check_url: str | None = None) -> HTMLResponse:
        """Leaf is down after the consent: nothing is lost and the grower need do nothing."""
        return self._message("delayed", 200, _Tone.TIME, invitation, action_url=check_url)

    def wrong_browser(self) -> HTMLResponse:
        """The consent was begun in another browser. Names nobody: we do not know who is looking."""
        return self._message("wrong_browser", 403, _Tone.ASKING)

    def busy(self) -> HTMLResponse:
        """Too many requests; says to come back in a minute, also to machines."""
        return self._message("busy", 429, _Tone.TIME, headers={"Retry-After": str(_BUSY_SECONDS)})

    def error(self, reference: str, status: int = 500) -> HTMLResponse:
        """Our own crash, with a reference that leads to the log."""
        return self._message("error", status, _Tone.ASKING, values={"reference": self._wording.name(reference)})

    def _message(
        self,
        page: str,
        status: int,
        tone: _Tone,
        invitation: Invitation | None = None,
        *,
        action_url: str | None = None,
        form_url: str | None = None,
        refresh: int | None = None,
        extra: list[Markup] | None = None,
        values: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        known = {**(self._names(invitation) if invitation else {}), **(values or {})}
        return self._render(
            "message.html",
            status,
            invitation,
            headers,
            title=self._title(page, invitation),
            tone=tone,
            heading=self._wording.say(f"{page}.heading", **known),
            text=[*self._wording.say_all(f"{page}.text", **known), *(extra or [])],
            next=self._wording.say_all(f"{page}.next", **known),
            action=self._wording.say(f"{page}.action") if action_url or form_url else "",
            action_url=action_url,
            form_url=form_url,
            refresh=refresh,
        )

    def _render(
        self,
        template: str,
        status: int,
        invitation: Invitation | None,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        company = invitation.company if invitation else self._company
        wordmark = self._wording.name(company) if company else self._wording.say("wordmark")
        html = self._templates.get_template(template).render(
            wording=self._wording, switch=self._switch, wordmark=wordmark, **values
        )
        response = HTMLResponse(html, status, {**self._headers, **(headers or {})})
        if self._to_keep:
            languages.keep(response, self._to_keep, secure=self._secure)
        return response

    def _names(self, invitation: Invitation) -> dict[str, str]:
        names = {"grower": invitation.grower, "asked_by": invitation.asked_by, "company": invitation.company}
        return {key: self._wording.name(name) for key, name in names.items()}

    def _title(self, page: str, invitation: Invitation | None) -> Markup:
        # Names no grower: titles stay in the history of a phone and in the previews of messengers.
        company = self._wording.plain_name(invitation.company) if invitation else ""
        return self._wording.say(f"{page}.title", company=company)


def _security_headers(stylesheet: str, form_targets: tuple[str, ...], secure: bool) -> dict[str, str]:
    headers = {
        "Content-Security-Policy": _content_security_policy(stylesheet, form_targets),
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "X-Robots-Tag": "noindex, nofollow",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return headers | ({"Strict-Transport-Security": "max-age=63072000; includeSubDomains"} if secure else {})


def _content_security_policy(stylesheet: str, form_targets: tuple[str, ...]) -> str:
    # The stylesheet stands in the page, allowed by its hash: one request on a slow line instead of two.
    if wrong := [target for target in form_targets if not _ORIGIN.fullmatch(target)]:
        raise ValueError(f"not an origin: {wrong[0]!r}")
    digest = base64.b64encode(hashlib.sha256(stylesheet.encode()).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src 'sha256-{digest}'",
            "img-src 'self' data:",
            f"form-action 'self' {' '.join(form_targets)}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )
