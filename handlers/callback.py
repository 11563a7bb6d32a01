"""`/oauth/fieldview/callback`: FieldView sends the grower back, and a clean page tells how it went."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.bot import Bot
from bot.errors import ConsentForeign
from bot.journey import Return
from handlers.browser import BrowserCookie
from handlers.consent import PRIVATE, invitation_of
from handlers.pages import Failure, Pages
from handlers.refusals import Refusals
from storage.records import Consent, ConsentState, Trouble

LONGEST = 4096
"""Characters of a code, state or error that are looked at."""

DONE = "/oauth/fieldview/done"
ELSEWHERE = "/oauth/fieldview/elsewhere"
GLANCES, PAUSE = 15, 0.2
"""How often, and with how many seconds between, a page that is about to change looks again before it answers."""


class Callback:
    """Takes FieldView's answer out of the address bar at once."""

    def __init__(self, bot: Bot, pages: Pages, public_url: str) -> None:
        self._bot = bot
        self._pages = pages
        self._cookie = BrowserCookie(public_url)
        self._refusals = Refusals(bot.clock)

    async def receive(self, request: Request) -> Response:
        """GET from FieldView: 303 to a page without code and state; another one when this browser began nothing.

        Raises HTTPException for HEAD, by which a scanner would spend the state.
        """
        if request.method != "GET":
            raise HTTPException(405, headers={"Allow": "GET"})
        state, code, error = (_one(request, name) for name in ("state", "code", "error"))
        browser = self._cookie.read(request)
        if state is None:
            return RedirectResponse(ELSEWHERE, 303, headers=PRIVATE)
        try:
            if not browser or _is_ambiguous(request):
                raise ConsentForeign
            await self._bot.journey.returned(
                state, browser, SecretStr(code) if code else None, error, request.scope["request_id"]
            )
        except ConsentForeign:
            await self._note(state, request.scope["request_id"])
            return RedirectResponse(ELSEWHERE, 303, headers=PRIVATE)
        return RedirectResponse(DONE, 303, headers=PRIVATE)

    async def _note(self, state: str, request_id: str) -> None:
        """The row of an answer that was not taken: one for each consent in a while, however often it comes."""
        consent = await self._bot.journey.of_state(state)
        if consent is None or not self._refusals.is_news(consent.id, "consent-returned"):
            return
        try:
            await self._bot.journey.note_foreign(consent, request_id)
        except Exception:
            self._refusals.forget(consent.id, "consent-returned")
            raise

    async def show_foreign(self, request: Request) -> Response:
        """GET: 403, this browser began nothing that FieldView could have answered to."""
        return self._pages.for_request(request).wrong_browser()

    async def show(self, request: Request) -> Response:
        """GET: how the consent stands that this browser began last. Waits a moment for one that is nearly through."""
        browser = self._cookie.read(request)
        back = await self._bot.journey.of_browser(browser)
        for _ in range(GLANCES):
            if back is None or not _is_in_work(back.consent) or back.consent.trouble:
                break
            await asyncio.sleep(PAUSE)
            back = await self._bot.journey.of_browser(browser)
        pages = self._pages.for_request(request)
        return await self._page(pages.preferring(back.consent.language), back) if back else pages.unknown()

    async def _page(self, pages: Pages, back: Return) -> Response:
        consent, invitation = back.consent, invitation_of(back.consent, self._bot)
        if consent.state in _TAKEN and not back.is_own:
            return pages.taken(invitation)
        match consent.state:
            case ConsentState.CONNECTED:
                return pages.connected(invitation, account=consent.account_email)
            case ConsentState.DECLINED:
                return pages.declined(invitation)
            case ConsentState.REVOKED:
                return pages.revoked(invitation, settled=await self._bot.journey.is_settled(consent))
            case ConsentState.FAILED:
                return pages.failed(Failure.UNAVAILABLE)
            case ConsentState.HELD:
                return pages.wrong_account(invitation)
            case ConsentState.OPEN if consent.replaced_at:
                return pages.revoked(invitation, settled=await self._bot.journey.is_settled(consent))
            case ConsentState.OPEN:
                return pages.failed(_FAILURES.get(consent.trouble or "", Failure.TOO_LATE))
            case ConsentState.EXCHANGING | ConsentState.DELIVERING:
                if consent.trouble:
                    return pages.delayed(invitation, check_url=DONE)
                return pages.connecting(invitation, check_url=DONE)


_FAILURES = {
    Trouble.DENIED.value: Failure.CANCELLED,
    Trouble.CODE_REFUSED.value: Failure.TOO_LATE,
    Trouble.ANSWER_LOST.value: Failure.UNAVAILABLE,
    Trouble.FIELDVIEW_DOWN.value: Failure.UNAVAILABLE,
    Trouble.OUR_CONFIGURATION.value: Failure.REFUSED,
}


_TAKEN = (ConsentState.EXCHANGING, ConsentState.DELIVERING, ConsentState.HELD, ConsentState.CONNECTED)
"""States in which somebody's approval stands."""


def _is_in_work(consent: Consent) -> bool:
    return consent.state in (ConsentState.EXCHANGING, ConsentState.DELIVERING)


def _is_ambiguous(request: Request) -> bool:
    """Whether a parameter comes twice, which OAuth forbids: another reader would take the other one."""
    keys = [key for key, _ in request.query_params.multi_items()]
    return len(keys) != len(set(keys))


def _one(request: Request, name: str) -> str | None:
    """The parameter, if it came exactly once and is of a sane length."""
    values = request.query_params.getlist(name)
    return values[0] if len(values) == 1 and 0 < len(values[0]) <= LONGEST else None
