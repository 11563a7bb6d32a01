"""`/connect/{token}`: the page a grower sees. Looking changes nothing; only pressing a button does."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.bot import Bot
from bot.chasing import zone_of
from bot.errors import (
    ConsentDeclined,
    ConsentError,
    ConsentExpired,
    ConsentRevoked,
    ConsentUsed,
)
from bot.journey import Shared
from handlers.browser import BrowserCookie, looks_like_a_person
from handlers.pages import ConsentView, Invitation, Pages, SharedView, Sharing
from storage.records import Consent, ConsentState, CredentialStatus

LONGEST_TOKEN = 100


class ConsentPages:
    """Shows the consent page, sends the grower on to FieldView, or takes a no."""

    def __init__(self, bot: Bot, pages: Pages, public_url: str, scopes: tuple[str, ...]) -> None:
        self._bot = bot
        self._pages = pages
        self._cookie = BrowserCookie(public_url)
        self._scopes = scopes

    async def show(self, request: Request) -> Response:
        """GET and HEAD, by people, mail scanners and link previews alike."""
        token, pages = _token(request), self._pages.for_request(request)
        try:
            consent = await self._bot.journey.look(token)
        except ConsentError as over:
            return await self._over(request, pages, token, over)
        pages = pages.preferring(consent.language)
        if consent.state is ConsentState.HELD:
            again_url = None if consent.replaced_at else f"/connect/{token}"
            return pages.wrong_account(invitation_of(consent, self._bot), again_url=again_url)
        if consent.state is not ConsentState.OPEN:
            shown = pages.delayed if consent.trouble else pages.connecting
            return shown(invitation_of(consent, self._bot), check_url=request.url.path)
        if looks_like_a_person(request):
            await self._bot.journey.opened(consent, request.scope["request_id"])
        left_out = await self._bot.journey.left_out(consent)
        return pages.consent(self._view(consent, token, left_out), now=self._bot.clock())

    async def go_on(self, request: Request) -> Response:
        """POST: the grower continues to FieldView."""
        token = _token(request)
        try:
            consent = await self._bot.journey.look(token)
            if consent.state not in (ConsentState.OPEN, ConsentState.HELD):
                return RedirectResponse(f"/connect/{token}", 303, headers=PRIVATE)
            secrets = self._cookie.read(request)
            begun = await self._bot.journey.begin(token, secrets, request.scope["request_id"])
        except ConsentError as over:
            return await self._over(request, self._pages.for_request(request), token, over)
        response = RedirectResponse(begun.address, 303, headers=PRIVATE)
        self._cookie.write(response, begun.browser, secrets)
        return response

    async def decline(self, request: Request) -> Response:
        """POST: the grower does not want this."""
        token = _token(request)
        try:
            await self._bot.journey.decline(token, request.scope["request_id"])
        except ConsentDeclined:
            pass
        except ConsentError as over:
            return await self._over(request, self._pages.for_request(request), token, over)
        consent = await self._bot.journey.known(token)
        if consent is None or consent.state is not ConsentState.DECLINED:
            return RedirectResponse(f"/connect/{token}", 303, headers=PRIVATE)
        pages = self._pages.for_request(request).preferring(consent.language)
        return self._declined(pages, consent, token)

    async def ask_again(self, request: Request) -> Response:
        """POST: the link has run out, or the grower had said no, and wants a new one."""
        token = _token(request)
        try:
            await self._bot.journey.ask_again(token, request.scope["request_id"])
        except ConsentError:
            return self._pages.for_request(request).unknown()
        return RedirectResponse(f"/connect/{token}", 303, headers=PRIVATE)

    async def _over(self, request: Request, pages: Pages, token: str, over: ConsentError) -> Response:
        consent = await self._bot.journey.known(token)
        if consent is None:
            return pages.unknown()
        pages, invitation = pages.preferring(consent.language), invitation_of(consent, self._bot)
        match over:
            case ConsentUsed() if request.method == "POST":
                return RedirectResponse(f"/connect/{token}", 303, headers=PRIVATE)
            case ConsentUsed():
                return pages.shared(self._shared(await self._bot.journey.shared(consent)))
            case ConsentDeclined():
                return self._declined(pages, consent, token, reopened=True)
            case ConsentRevoked():
                return pages.revoked(invitation, settled=await self._bot.journey.is_settled(consent))
            case ConsentExpired():
                asked = consent.renewal_asked_at is not None
                return pages.expired(invitation, ask_url=None if asked else f"/connect/{token}/renew", asked=asked)
            case _:
                return pages.unknown()

    def _declined(self, pages: Pages, consent: Consent, token: str, *, reopened: bool = False) -> Response:
        invitation = invitation_of(consent, self._bot)
        if consent.renewal_asked_at is not None:
            return pages.expired(invitation, asked=True)
        return pages.declined(invitation, ask_url=f"/connect/{token}/renew", reopened=reopened)

    def _shared(self, shared: Shared) -> SharedView:
        consent, connection = shared.consent, shared.connection
        standing = _STANDING.get(connection.status, Sharing.YES) if connection else Sharing.ENDED
        return SharedView(
            grower=consent.grower_name,
            asked_by=consent.asked_by_name,
            company=self._bot.correspondence.company,
            standing=standing,
            since=(connection.connected_at if connection else None) or consent.finished_at or consent.created_at,
            until=connection.changed_at if connection and standing is not Sharing.YES else None,
            account=(connection.account_email if connection else None) or consent.account_email,
            scopes=consent.granted_scopes or self._scopes,
            zone=zone_of(consent),
        )

    def _view(self, consent: Consent, token: str, left_out: Sequence[str] | None) -> ConsentView:
        return ConsentView(
            grower=consent.grower_name,
            asked_by=consent.asked_by_name,
            company=self._bot.correspondence.company,
            code_word=consent.code_word,
            expires=consent.expires_at,
            scopes=self._scopes,
            continue_url=f"/connect/{token}",
            decline_url=f"/connect/{token}/decline",
            reconnect=consent.incident_id is not None or left_out is not None,
            left_out=left_out,
            zone=consent.growers_zone,
        )


_STANDING = {CredentialStatus.ABSENT: Sharing.ENDED, CredentialStatus.BROKEN: Sharing.STOPPED}

PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def invitation_of(consent: Consent, bot: Bot) -> Invitation:
    """Who asked whom, for pages that show no more of a consent."""
    return Invitation(consent.grower_name, consent.asked_by_name, bot.correspondence.company)


def _token(request: Request) -> str:
    return str(request.path_params["token"])[:LONGEST_TOKEN]
