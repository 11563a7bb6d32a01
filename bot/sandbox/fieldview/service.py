"""The FieldView of the sandbox: one registered application, its growers' accounts, and the verbs to move them."""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bot.sandbox.clock import Clock
from bot.sandbox.faults import Faults
from bot.sandbox.fieldview.grants import Account, Grants
from bot.sandbox.fieldview.web import RequestIds, fieldview_application
from bot.sandbox.recording import RecordedCall, RequestLog

OnDeny = Literal["error", "nothing", "both"]


class BadAuthorizeRequest(ValueError):
    """The authorize page shows an error instead of redirecting; the text says what was wrong."""


@dataclass(frozen=True)
class AuthorizeRequest:
    """What an application asked for on the authorize page, checked."""

    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    params: dict[str, str]


class FieldView:
    """FieldView over HTTP (`app`), in process (the verbs below), and over `/_sandbox/<verb>` with the same names.

    Switches: `echoes_state`, `on_deny` (`nothing`: back without code and error; `both`: an error and a live code),
    `grants_only` (fewer scopes than asked, for everybody), `code_lifetime`, `names_account` (or its answers do not tell
    whose account it was).
    """

    def __init__(
        self,
        *,
        clock: Clock,
        client_id: str,
        client_secret: str,
        api_key: str,
        redirect_uris: Iterable[str] = (),
        application: str = "FieldView for Slack",
    ) -> None:
        """`redirect_uris` must match exactly; the set can grow later. `application` is the name growers are shown."""
        self.clock = clock
        self.client_id = client_id
        self.client_secret = client_secret
        self.api_key = api_key
        self.redirect_uris = set(redirect_uris)
        self.application = application
        self.accounts: dict[str, Account] = {}
        self.echoes_state = True
        self.on_deny: OnDeny = "error"
        self._grants = Grants(clock)
        self.faults = Faults(fieldview_application(self))
        self.log = RequestLog(RequestIds(self.faults))
        self.app = self.log

    @property
    def requests(self) -> deque[RecordedCall]:
        """The last requests: method, path without query, status."""
        return self.log.calls

    @property
    def grants_only(self) -> frozenset[str] | None:
        """The scopes that grants are limited to from now on; None: whatever is asked."""
        return self._grants.grants_only

    @grants_only.setter
    def grants_only(self, scopes: Iterable[str] | None) -> None:
        self._grants.grants_only = None if scopes is None else frozenset(scopes)

    @property
    def code_lifetime(self) -> timedelta:
        return self._grants.code_lifetime

    @code_lifetime.setter
    def code_lifetime(self, lifetime: timedelta) -> None:
        self._grants.code_lifetime = lifetime

    # -- accounts and what they do

    def add_account(
        self, email: str, first: str, last: str, country: str = "US", grants_only: Iterable[str] | None = None
    ) -> Account:
        """Create a login, or replace the one with this e-mail."""
        limit = None if grants_only is None else frozenset(grants_only)
        self.accounts[email.casefold()] = Account(email, first, last, country, limit)
        return self.account(email)

    def account(self, email: str) -> Account:
        """The login with this e-mail, in any case. Raises LookupError."""
        found = self.accounts.get(email.strip().casefold())
        if found is None:
            raise LookupError(f"no FieldView account {email!r}")
        return found

    def revoke(self, email: str) -> int:
        """The grower revokes this application in FieldView: every live token dies; returns how many grants ended."""
        return self._grants.revoke_account(self.account(email))

    def approve(self, authorize_url: str, email: str) -> str:
        """Click through the page as this grower: the callback URL. Raises ValueError where the page shows an error."""
        return self.approved(self.check(_query(authorize_url)), self.account(email))

    def deny(self, authorize_url: str, email: str | None = None) -> str:
        """Say no on the page: the callback URL. Raises ValueError where the page shows an error."""
        account = self.account(email) if email else next(iter(self.accounts.values()), None)
        return self.denied(self.check(_query(authorize_url)), account)

    # -- the authorize page

    def check(self, params: dict[str, str]) -> AuthorizeRequest:
        """What the page was asked for. Raises BadAuthorizeRequest, and then nobody is redirected anywhere."""
        if params.get("page") != "oidcauthn":
            raise BadAuthorizeRequest("This sign-in page was opened without page=oidcauthn.")
        if params.get("response_type") != "code":
            raise BadAuthorizeRequest("The response_type must be code.")
        if params.get("client_id") != self.client_id:
            raise BadAuthorizeRequest("No application is registered with this client_id.")
        if params.get("redirect_uri") not in self.redirect_uris:
            raise BadAuthorizeRequest("The redirect_uri is not registered for this application.")
        return AuthorizeRequest(
            params["redirect_uri"], tuple(params.get("scope", "").split(" ")), params.get("state"), params
        )

    def approved(self, asked: AuthorizeRequest, account: Account) -> str:
        """Where the browser goes with a fresh code."""
        return self._callback(asked, {"code": self._grants.new_code(account, asked.redirect_uri, asked.scopes)})

    def denied(self, asked: AuthorizeRequest, account: Account | None) -> str:
        """Where the browser goes with a no, by the switch `on_deny`."""
        if self.on_deny == "nothing":
            return self._callback(asked, {})
        said = {"error": "access_denied", "error_description": "The resource owner denied the request"}
        if self.on_deny == "both" and account:
            said["code"] = self._grants.new_code(account, asked.redirect_uri, asked.scopes)
        return self._callback(asked, said)

    def _callback(self, asked: AuthorizeRequest, answer: dict[str, str]) -> str:
        if self.echoes_state and asked.state is not None:
            answer["state"] = asked.state
        parts = urlsplit(asked.redirect_uri)
        query = urlencode([*parse_qsl(parts.query), *answer.items()])
        return urlunsplit(parts._replace(query=query))

    # -- tokens

    def exchange(self, code: str, redirect_uri: str) -> dict[str, Any]:
        """Spend a code. Raises RefusedToken."""
        return self._grants.exchange(code, redirect_uri)

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Use a refresh token, once. Raises RefusedToken."""
        return self._grants.refresh(refresh_token)

    def is_live(self, refresh_token: str) -> bool:
        """Neither revoked nor expired; a used token counts as live for its last hour."""
        return self._grants.is_live(refresh_token)

    def scopes_of(self, refresh_token: str) -> frozenset[str]:
        """What was granted with this token; nothing for a dead one."""
        return self._grants.scopes_of(refresh_token)

    def revoke_token(self, refresh_token: str) -> None:
        """End the grant behind this token; an unknown token is ignored."""
        self._grants.revoke_token(refresh_token)

    def knows_client(self, client_id: str, client_secret: str) -> bool:
        """Whether these are the credentials of the registered application."""
        given, known = f"{client_id}:{client_secret}", f"{self.client_id}:{self.client_secret}"
        return hmac.compare_digest(given.encode(), known.encode())

    # -- control

    def allow_redirect(self, uri: str) -> None:
        """Register one more redirect URI."""
        self.redirect_uris.add(uri)

    def switch(
        self,
        *,
        echoes_state: bool | None = None,
        on_deny: OnDeny | None = None,
        grants_only: list[str] | Literal["everything"] | None = None,
        names_account: bool | None = None,
    ) -> None:
        """Set switches by name; `grants_only="everything"` lifts the limit. Raises ValueError for an unknown value."""
        if on_deny is not None and on_deny not in get_args(OnDeny):
            raise ValueError(f"on_deny cannot be {on_deny!r}")
        self.on_deny = on_deny or self.on_deny
        self.echoes_state = self.echoes_state if echoes_state is None else bool(echoes_state)
        if names_account is not None:
            self._grants.names_account = bool(names_account)
        if grants_only is not None:
            self.grants_only = None if grants_only == "everything" else frozenset(grants_only)

    def advance(self, seconds: float) -> str:
        """Jump the clock of the whole sandbox."""
        return self.clock.advance(timedelta(seconds=seconds)).isoformat()

    def state(self) -> dict[str, Any]:
        """What a control panel shows; no secrets."""
        return {
            "now": self.clock().isoformat(),
            "accounts": [account.described() for account in self.accounts.values()],
            "redirect_uris": sorted(self.redirect_uris),
            "requests": len(self.requests),
            "switches": {
                "echoes_state": self.echoes_state,
                "names_account": self._grants.names_account,
                "on_deny": self.on_deny,
                "grants_only": sorted(self.grants_only) if self.grants_only is not None else "everything",
            },
        }


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
