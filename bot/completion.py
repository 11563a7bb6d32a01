"""The durable job that completes a consent: exchange the code, hand the token to Leaf, erase both.

The refresh token is with us, encrypted, only between FieldView's answer and Leaf's.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.archive import Archive
from bot.consent_news import ConsentNews
from bot.errors import (
    NothingHeld,
    OtherAccountHeld,
    ProviderError,
    ProviderGibberish,
    ProviderRefusedUs,
    ProviderRejected,
    ProviderUnavailable,
)
from bot.fieldview.client import FieldViewClient, Grant
from bot.first_data import FOLLOW
from bot.jobs import Queue
from bot.leaf.client import LeafClient
from bot.leaf.models import Credential
from bot.messages import needs
from bot.monitor import CHECK
from bot.reducer import Reading, Reducer
from bot.vault import Unreadable, Vault
from storage import connections, consents, disconnections, first_data, growers
from storage.database import Database
from storage.records import Consent, ConsentState, CredentialStatus, NoteKind, Trouble

log = structlog.get_logger(__name__)

COMPLETE = "complete-consent"
"""The job that turns a returned authorization code into a credential at Leaf; its subject is the consent's id."""

EXCHANGE_PATIENCE = timedelta(minutes=5)
"""How long a code is worth keeping while FieldView does not answer: how long codes live is not documented."""

HANDOVER_PATIENCE = timedelta(hours=72)
"""How long Leaf may be down before the grower is asked again: the refresh token itself dies after 30 days."""


HOLD_PATIENCE = timedelta(hours=72)
"""How long an approval for another account waits for somebody's decision before it is erased."""

NOTHING_HELD: dict[str, Any] = {
    "refresh_token": None,
    "exchanged_at": None,
    "account_email": None,
    "granted_scopes": [],
    "trouble": None,
}
"""What is left of an approval that is not wanted."""


class Completion:
    """From FieldView's code to Leaf's credential."""

    def __init__(
        self,
        *,
        database: Database,
        vault: Vault,
        fieldview: FieldViewClient,
        leaf: LeafClient,
        application: dict[str, SecretStr],
        reducer: Reducer,
        archive: Archive,
        announcer: Announcer,
        news: ConsentNews,
        queue: Queue,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._vault = vault
        self._fieldview = fieldview
        self._leaf = leaf
        self._application = application
        self._reducer = reducer
        self._archive = archive
        self._announcer = announcer
        self._news = news
        self._queue = queue
        self._clock = clock

    async def complete(self, consent_id: str) -> float | None:
        """Job: exchange the code, hand the token to Leaf, erase both. Every step may run again."""
        async with self._database.reading() as session:
            consent = await consents.get(session, consent_id)
        if consent is not None and consent.state is ConsentState.EXCHANGING:
            wait = await self._exchange(consent)
            if wait is not None:
                return wait
            async with self._database.reading() as session:
                consent = await consents.get(session, consent_id)
        if consent is not None and consent.state is ConsentState.DELIVERING:
            return await self._hand_over(consent)
        return None

    async def _exchange(self, consent: Consent) -> float | None:
        async with self._database.reading() as session:
            sealed, returned_at = await consents.sealed_code(session, consent.id)
        if sealed is None:
            await self._reopen(consent, Trouble.ANSWER_LOST)
            return None
        try:
            grant = await self._fieldview.exchange(self._vault.open(sealed))
        except Unreadable:
            log.error("a code cannot be decrypted: ENCRYPTION_KEYS lost a key", consent=consent.id)
            await self._reopen(consent, Trouble.ANSWER_LOST)
            return None
        except ProviderRejected as refused:
            log.warning("fieldview refuses a code", consent=consent.id, detail=refused.detail)
            await self._reopen(consent, Trouble.OUR_CONFIGURATION if _is_ours(refused) else Trouble.CODE_REFUSED)
            return None
        except ProviderUnavailable as ill:
            if ill.maybe_done:
                await self._reopen(consent, Trouble.ANSWER_LOST)
                return None
            if returned_at and self._clock() - returned_at > EXCHANGE_PATIENCE:
                await self._reopen(consent, Trouble.FIELDVIEW_DOWN)
                return None
            await self._note_trouble(consent, Trouble.FIELDVIEW_DOWN)
            return min(ill.retry_after or 5.0, EXCHANGE_PATIENCE.total_seconds())
        except ProviderGibberish as nonsense:
            log.error("fieldview answers something unknown", consent=consent.id, detail=nonsense.detail)
            await self._reopen(consent, Trouble.ANSWER_LOST)
            await self._announcer.tell_operators(needs.fieldview_gibberish())
            return None
        except ProviderError as failure:
            log.error("fieldview does not work with us", consent=consent.id, detail=failure.detail)
            await self._reopen(consent, Trouble.OUR_CONFIGURATION)
            return None
        await self._keep(consent, grant)
        return None

    async def _keep(self, consent: Consent, grant: Grant) -> None:
        """The grant is ours until Leaf has it: encrypted, and the code is forgotten.

        Nothing goes on to Leaf when `_doubt` has a reason: somebody of the team decides first.
        """
        async with self._database.transaction() as session:
            await growers.lock_accounts(session)
            doubt = await self._doubt(session, consent, grant.account_email)
            kept = await consents.move(
                session,
                consent.id,
                ConsentState.EXCHANGING,
                ConsentState.HELD if doubt else ConsentState.DELIVERING,
                authorization_code=None,
                refresh_token=self._vault.seal(grant.refresh_token),
                exchanged_at=self._clock(),
                account_email=grant.account_email,
                granted_scopes=list(grant.scopes),
                trouble=doubt,
            )
            if doubt and kept is not None:
                await self._told_of_hold(session, kept)

    async def _told_of_hold(self, session: AsyncSession, held: Consent) -> None:
        await self._news.tell(session, held)
        doubt = held.trouble or Trouble.OTHER_ACCOUNT
        await self._news.below_the_card(session, held, NoteKind.ACCOUNT_HELD, self._clock(), trouble=doubt)
        await self._news.record(session, held, "consent-held", "done", "")

    async def _doubt(self, session: AsyncSession, consent: Consent, account: str | None) -> Trouble | None:
        """Why somebody must say whether this account is right.

        Three accounts are asked about: another grower's, another one than before, and, where the connection to be
        replaced is older than the bot and nobody knows its account, one that is not the grower's address at Leaf. An
        account that FieldView does not name is let pass. So is one in place of an older connection where Leaf has no
        address to hold it against: nothing tells the right one from a wrong one, and a question that comes every time,
        without a reason, would soon be answered unread. The team is told which account it was in any case.
        """
        connection = await connections.get(session, consent.grower_id)
        before = connection.account_email if connection else None
        as_before = bool(account and before and _is_same(before, account))
        # Once a connection was ended, another grower may have taken its account.
        has_ended = connection is not None and connection.status is CredentialStatus.ABSENT
        if not account or (as_before and not has_ended):
            return None
        grower = await growers.get(session, consent.grower_id)
        # Theirs by their own address, it is theirs though another grower may have it too.
        is_theirs = grower is not None and _is_same(grower.email, account)
        if not is_theirs and await growers.with_account(session, account, but=consent.grower_id):
            return Trouble.SOMEBODY_ELSES
        if before:
            return None if as_before else Trouble.OTHER_ACCOUNT
        replaces = connection is not None and not has_ended
        return Trouble.UNFAMILIAR_ACCOUNT if replaces and grower and grower.email and not is_theirs else None

    async def end_holds(self) -> None:
        """Nobody decided about an account in time: its token is erased."""
        before = self._clock() - HOLD_PATIENCE
        async with self._database.reading() as session:
            forgotten = await consents.held_since(session, before)
        for consent_id in forgotten:
            await self._refuse(consent_id, held_since=before)

    async def use_account(self, consent_id: str, shown: str, by: str) -> Consent:
        """Somebody of the team says that the other account is right: on to Leaf.

        Raises NothingHeld, and OtherAccountHeld when the account is not the one that was shown to them.
        """
        async with self._database.transaction() as session:
            await self._questioned(session, consent_id, shown)
            # Counted from here: Leaf gets its own time to answer.
            released = await consents.move(
                session,
                consent_id,
                ConsentState.HELD,
                ConsentState.DELIVERING,
                exchanged_at=self._clock(),
                trouble=None,
            )
            if released is None:
                raise NothingHeld
            await self._queue.enqueue(session, COMPLETE, consent_id, f"{COMPLETE}-{consent_id}-{uuid.uuid4().hex[:8]}")
            await self._news.tell(session, released)
            await self._news.below_the_card(session, released, NoteKind.ACCOUNT_DECIDED, self._clock(), by, used=True)
            await self._news.fulfil(session, released, account=released.account_email)
        return released

    async def refuse_account(self, consent_id: str, shown: str, by: str) -> Consent:
        """Somebody says that it is wrong: the token is erased, and the link, unless another one has taken its place,
        is good for another try.

        Raises NothingHeld, and OtherAccountHeld.
        """
        refused = await self._refuse(consent_id, shown, by)
        if refused is None:
            raise NothingHeld
        return refused

    async def _questioned(self, session: AsyncSession, consent_id: str, shown: str) -> None:
        """The approval that is held is the one that was shown, and stays so until the end of the transaction."""
        await consents.lock(session, consent_id)
        held = await consents.get(session, consent_id)
        if held is None or held.state is not ConsentState.HELD:
            raise NothingHeld
        if held.doubt_mark != shown:
            raise OtherAccountHeld(held, await growers.get(session, held.grower_id))

    async def _refuse(
        self, consent_id: str, shown: str = "", by: str | None = None, *, held_since: datetime | None = None
    ) -> Consent | None:
        """`held_since`: nobody has decided since before then, and a job refuses."""
        by_job = held_since is not None
        async with self._database.transaction() as session:
            if held_since is None:
                await self._questioned(session, consent_id, shown)
            else:
                # The grower may have begun anew since the job looked, and another approval be held.
                await consents.lock(session, consent_id)
                if consent_id not in await consents.held_since(session, held_since):
                    return None
            held = await consents.get(session, consent_id)
            why = Trouble.UNDECIDED if by_job else (held and held.trouble) or Trouble.OTHER_ACCOUNT
            values = NOTHING_HELD | {"trouble": why}
            then = ConsentState.REVOKED if held and held.replaced_at else ConsentState.OPEN
            if then is ConsentState.REVOKED:
                values |= {"finished_at": self._clock()}
            refused = await consents.move(session, consent_id, ConsentState.HELD, then, **values)
            if held is not None and refused is not None:
                await self._news.tell(session, refused)
                still = {"link_works": self._clock() < held.expires_at, "replaced": held.replaced_at is not None}
                await self._news.below_the_card(
                    session, refused, NoteKind.ACCOUNT_DECIDED, self._clock(), by, used=False, **still
                )
                if by_job:
                    await self._news.record(session, refused, "consent-hold-ended", "done", "")
                else:
                    await self._news.fulfil(session, refused, account=held.account_email)
        return refused

    async def _reopen(self, consent: Consent, trouble: Trouble) -> None:
        """This time it did not work; the link is good for another try."""
        async with self._database.transaction() as session:
            reopened = await consents.move(
                session,
                consent.id,
                ConsentState.EXCHANGING,
                ConsentState.OPEN,
                authorization_code=None,
                trouble=trouble,
            )
            if reopened is None:
                return
            await self._news.tell(session, reopened)
            why: dict[str, str | bool] = {
                "trouble": trouble,
                "link_works": True,
                "replaced": reopened.replaced_at is not None,
            }
            await self._news.below_the_card(session, reopened, NoteKind.LINK_FAILED, self._clock(), **why)
            await self._news.record(session, reopened, "consent-failed", "failed", "", detail={"trouble": trouble})
        if trouble is Trouble.OUR_CONFIGURATION:
            await self._announcer.tell_operators(needs.fieldview_configuration())

    async def _hand_over(self, consent: Consent) -> float | None:
        async with self._database.reading() as session:
            sealed, exchanged_at, began = await consents.sealed_refresh_token(session, consent.id)
        waited = self._clock() - exchanged_at if exchanged_at else timedelta()
        if sealed is None or waited > HANDOVER_PATIENCE:
            await self._fail(consent, Trouble.LEAF_DOWN)
            return None
        pause = min(600.0, max(2.0, waited.total_seconds() / 4))
        try:
            token, current = self._vault.open(sealed), await self._leaf.credential(consent.grower_id)
            async with self._database.transaction() as session:
                await growers.lock(session, consent.grower_id)
                if await self._is_overtaken(session, consent, exchanged_at):
                    await self._hold(session, consent)
                    return None
                if not began and (ahead := await consents.ahead_at_leaf(session, consent, exchanged_at)):
                    # One at a time, so that what Leaf has then can be told apart; what holds that one up holds us up.
                    await consents.note(session, consent.id, trouble=ahead.trouble)
                    return pause
                if not began and await disconnections.is_ending(session, consent.grower_id):
                    # What Leaf has is being removed at this moment: what it got now would go, too.
                    return pause
                if not began:
                    replaces = current.id if current else None
                    await consents.note(session, consent.id, replaces_credential=replaces, handing_over=True)
            if began and current is not None and current.id != consent.replaces_credential:
                # What Leaf holds already tells that an earlier try went through.
                credential = current
            else:
                credential = await self._given(consent, token, current)
        except ProviderRejected as refused:
            log.error("leaf refuses a token", consent=consent.id, detail=refused.detail)
            await self._fail(consent, Trouble.LEAF_REFUSED)
            return None
        except ProviderError as failure:
            log.warning("leaf does not take the token now", consent=consent.id, detail=failure.detail)
            await self._note_trouble(consent, Trouble.LEAF_DOWN)
            if isinstance(failure, ProviderRefusedUs):
                await self._announcer.tell_operators(needs.login_refused())
            return pause
        await self._succeed(consent, credential)
        return None

    async def _is_overtaken(self, session: AsyncSession, consent: Consent, passed_at: datetime | None) -> bool:
        """Whether the grower has been connected with another account since this one was let pass."""
        latest = await consents.latest_connected(session, consent.grower_id)
        if not (latest and latest.finished_at and passed_at and latest.account_email and consent.account_email):
            return False
        return latest.finished_at >= passed_at and not _is_same(latest.account_email, consent.account_email)

    async def _hold(self, session: AsyncSession, consent: Consent) -> None:
        """It does not go on to Leaf before somebody has said so, and then from the beginning."""
        held = await consents.move(
            session,
            consent.id,
            ConsentState.DELIVERING,
            ConsentState.HELD,
            exchanged_at=self._clock(),
            replaces_credential=None,
            handing_over=False,
            trouble=Trouble.OTHER_ACCOUNT,
        )
        if held is not None:
            await self._told_of_hold(session, held)

    async def _given(self, consent: Consent, token: SecretStr, current: Credential | None) -> Credential:
        """Leaf gets the token, in place of what it has."""
        body = self._application | {"refreshToken": token}
        if current is None:
            return await self._leaf.give_credential(consent.grower_id, body)
        await self._archive.keep(consent.grower_id)
        try:
            return await self._leaf.give_credential(consent.grower_id, body)
        except ProviderRejected:
            # There is no way to replace a credential in place: make room, then give it once more.
            await self._leaf.delete_credential(consent.grower_id)
            return await self._leaf.give_credential(consent.grower_id, body)

    async def _succeed(self, consent: Consent, credential: Credential) -> None:
        """Leaf has it: erase the token, believe the reading, tell everybody who waits, in one transaction."""
        now = self._clock()
        async with self._database.transaction() as session:
            # First, as everybody does who touches several links of one grower: so none waits for another in a circle.
            await growers.lock(session, consent.grower_id)
            done = await consents.move(
                session,
                consent.id,
                ConsentState.DELIVERING,
                ConsentState.CONNECTED,
                refresh_token=None,
                finished_at=now,
                trouble=None,
            )
            if done is None:
                return
            for other in await consents.open_of_grower(session, consent.grower_id):
                for state in (ConsentState.OPEN, ConsentState.HELD):
                    if await consents.move(
                        session, other.id, state, ConsentState.REVOKED, refresh_token=None, finished_at=now
                    ):
                        await self._news.tell_no_more(session, other)
                        break
                else:
                    await self._news.replaced(session, other, now)
            reading = Reading(consent.grower_id, credential, now)
            await self._reducer.apply(session, reading, "consent", done)
            await self._news.tell(session, done)
            connection = await connections.get(session, consent.grower_id)
            if connection is None or connection.status is not CredentialStatus.HEALTHY:
                await self._queue.enqueue(session, CHECK, consent.grower_id, f"{CHECK}-consent-{consent.id}")
            await first_data.begin(session, done.id, done.grower_id, now)
            await self._queue.enqueue(session, FOLLOW, done.id, f"{FOLLOW}-{done.id}")
            await self._news.record(session, done, "consent-completed", "done", "")
        for notice in (needs.FIELDVIEW_CONFIGURATION, needs.FIELDVIEW_GIBBERISH, needs.LOGIN):
            await self._announcer.all_clear(notice)

    async def _fail(self, consent: Consent, trouble: Trouble) -> None:
        """Give up for good: the token is erased and the team told to ask again."""
        async with self._database.transaction() as session:
            failed = await consents.move(
                session,
                consent.id,
                ConsentState.DELIVERING,
                ConsentState.FAILED,
                refresh_token=None,
                finished_at=self._clock(),
                trouble=trouble,
            )
            if failed is None:
                return
            await self._news.tell(session, failed)
            await self._news.below_the_card(session, failed, NoteKind.LINK_FAILED, self._clock(), trouble=trouble)
            await self._news.record(session, failed, "consent-failed", "failed", "", detail={"trouble": trouble})

    async def _note_trouble(self, consent: Consent, trouble: Trouble) -> None:
        if consent.trouble == trouble:
            return
        async with self._database.transaction() as session:
            await consents.note(session, consent.id, trouble=trouble)


def _is_same(one: str | None, other: str) -> bool:
    return one is not None and one.strip().casefold() == other.strip().casefold()


def _is_ours(refused: ProviderRejected) -> bool:
    """Whether FieldView found fault with this program's set-up, not with the grower's code."""
    if refused.code == "invalid_grant":
        return "mismatch" in refused.detail.lower()
    return bool(refused.code) or refused.status in (404, 405)
