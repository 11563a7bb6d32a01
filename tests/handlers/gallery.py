"""One of each page a grower can see, for the tests that look at them all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse

from handlers.pages import ConsentView, Failure, Invitation, Pages, SharedView, Sharing

NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
LEAF_NEEDS = (
    "asHarvested:read",
    "asPlanted:read",
    "asApplied:read",
    "fields:read",
    "resourceOwners:read",
    "farmOrganizations:read",
)


LANGUAGES = {"en": "en", "pt": "pt-BR", "es": "es-419", "fr": "fr"}
"""What `?lang=` takes, and what the page then says of itself."""


def a_request(
    accept_language: str | None = None, *, method: str = "GET", query: str = "", cookie: str = "", path: str = "/"
) -> Request:
    """What a browser sends that prefers these languages."""
    named = {"accept-language": accept_language, "cookie": cookie or None}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in named.items() if value is not None]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    return Request(scope)


def a_view(**changes: object) -> ConsentView:
    """Maria Santos of Prairie Grain asks the Okafors; any part may be exchanged."""
    values: dict[str, object] = {
        "grower": "Okafor Family Farms",
        "asked_by": "Maria Santos",
        "company": "Prairie Grain",
        "code_word": "amber-barley",
        "expires": datetime(2026, 12, 1, 15, tzinfo=UTC),
        "scopes": LEAF_NEEDS,
        "continue_url": "/connect/token-1",
        "decline_url": "/connect/token-1/decline",
        "reconnect": False,
    }
    return ConsentView(**(values | changes))  # type: ignore[arg-type]


def a_shared(view: ConsentView, standing: Sharing = Sharing.YES) -> SharedView:
    """The same people after the consent of the first of December."""
    return SharedView(
        grower=view.grower,
        asked_by=view.asked_by,
        company=view.company,
        standing=standing,
        since=datetime(2026, 12, 1, 3, tzinfo=UTC),
        until=None if standing is Sharing.YES else datetime(2027, 2, 1, 15, tzinfo=UTC),
        account="ada@okafor.example" if standing is Sharing.YES else None,
        scopes=view.scopes,
        zone=ZoneInfo("America/Chicago"),
    )


def every_page(pages: Pages, view: ConsentView | None = None) -> dict[str, HTMLResponse]:
    """All pages by name; `view` exchanges who is asked by whom."""
    view = view or a_view()
    invitation = Invitation(view.grower, view.asked_by, view.company)
    failures = {f"failed-{reason}": pages.failed(reason, retry_url="/connect/token-1") for reason in Failure}
    return failures | {
        "consent": pages.consent(view, now=NOW),
        "consent-partly": pages.consent(replace(view, reconnect=True, left_out=("asHarvested:read",)), now=NOW),
        "connecting": pages.connecting(invitation, check_url="/connect/token-1", refresh_after=None),
        "connected": pages.connected(invitation, account="ada@okafor.example"),
        "declined": pages.declined(invitation, ask_url="/connect/token-1/renew"),
        "expired": pages.expired(invitation, ask_url="/connect/token-1/renew"),
        "expired-asked": pages.expired(invitation, asked=True),
        "shared": pages.shared(a_shared(view)),
        "shared-stopped": pages.shared(a_shared(view, Sharing.STOPPED)),
        "shared-ended": pages.shared(a_shared(view, Sharing.ENDED)),
        "revoked": pages.revoked(invitation),
        "settled": pages.revoked(invitation, settled=True),
        "taken": pages.taken(invitation),
        "unknown": pages.unknown(),
        "wrong-account": pages.wrong_account(invitation, again_url="/connect/token-1"),
        "delayed": pages.delayed(invitation, check_url="/connect/token-1"),
        "wrong-browser": pages.wrong_browser(),
        "busy": pages.busy(),
        "error": pages.error("7F3K-92QD"),
    }
