"""A grower at a browser, and what the bot remembers of consents; for the tests of the consent journey."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from dbos import DBOS
from sqlalchemy import select

from bot.people import PEOPLE
from bot.sandbox.leaf.records import LeafUser
from bot.silence import SILENCE
from storage import consents
from storage.records import Consent
from storage.tables import AnnouncementRow, AttemptRow, AuditRow, ConnectionRow, ConsentRow, GrowerRow, Row
from tests.stage import ADA, Stage, eventually, link_in

BOOLE = "george@boole.example"
CALLBACK = "/oauth/fieldview/callback"
DONE = "/oauth/fieldview/done"
OF_CONSENTS: tuple[type[Row], ...] = (ConsentRow, AttemptRow, AuditRow, AnnouncementRow, ConnectionRow, GrowerRow)


class Browser:
    """A grower's browser: keeps cookies, follows nothing by itself."""

    def __init__(self, stage: Stage, client: httpx.AsyncClient) -> None:
        self._stage = stage
        self.client = client

    async def opens(self, address: str) -> httpx.Response:
        return await self.client.get(address)

    async def sent_away(self, answer: httpx.Response) -> httpx.Response:
        """The page for a browser that began nothing, which has neither code nor state in its address."""
        assert (answer.status_code, answer.headers["location"]) == (303, "/oauth/fieldview/elsewhere")
        page = await self.client.get(answer.headers["location"])
        assert page.status_code == 403
        return page

    async def begins(self, link: str, **headers: str) -> str:
        """Press "Continue"; returns FieldView's address."""
        answer = await self.client.post(link, headers=headers)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def approves(self, at_fieldview: str, email: str = ADA) -> httpx.Response:
        """Say yes at FieldView; the answer of our callback."""
        return await self.client.get(self._stage.world.fieldview.approve(at_fieldview, email))

    async def denies(self, at_fieldview: str) -> httpx.Response:
        return await self.client.get(self._stage.world.fieldview.deny(at_fieldview, ADA))

    async def ends_up(self) -> httpx.Response:
        """The page behind the callback."""
        return await self.client.get(DONE)

    async def consents(self, link: str, email: str = ADA) -> httpx.Response:
        """The whole way."""
        back = await self.approves(await self.begins(link), email)
        assert (back.status_code, back.headers["location"]) == (303, DONE)
        return await self.ends_up()


@asynccontextmanager
async def browser(stage: Stage) -> AsyncIterator[Browser]:
    async with httpx.AsyncClient(base_url=stage.url, follow_redirects=False, trust_env=False) as client:
        yield Browser(stage, client)


def state_of(at_fieldview: str) -> str:
    return parse_qs(urlsplit(at_fieldview).query)["state"][0]


def code_of(callback: str) -> str:
    return parse_qs(urlsplit(callback).query)["code"][0]


async def asked(stage: Stage, grower: str = "Ada Lovelace Farms") -> str:
    """Grace asks Ada, who is in Slack; the link of the direct message."""
    seen = len(stage.world.slack.posted(stage.world.slack.dm(stage.ada)))
    await stage.types(f"/fieldview connect {grower}")
    return link_in((await stage.dm(stage.ada, seen + 1))[-1])


async def asked_boole(stage: Stage) -> str:
    """Grace asks a grower who is not in Slack; the link she is given to share."""
    if not any(user.email == BOOLE for user in stage.world.leaf.users):
        stage.world.leaf.add_user(name="Boole Brothers", email=BOOLE, external_id="L-1847")
        stage.world.fieldview.add_account(BOOLE, "George", "Boole")
    return link_in(await stage.types("/fieldview connect Boole Brothers"))


async def consent_of(stage: Stage, email: str = ADA) -> Consent:
    """The grower's newest consent."""
    async with stage.running.bot.database.reading() as session:
        consent = await consents.latest_of_grower(session, grower(stage, email).id)
    assert consent is not None
    return consent


async def until_state(stage: Stage, state: str, trouble: str | None = None, email: str = ADA) -> Consent:
    """Wait until the newest consent stands there."""

    async def so() -> bool:
        consent = await consent_of(stage, email)
        return consent.state == state and consent.trouble == trouble

    await eventually(so)
    return await consent_of(stage, email)


async def works_again(stage: Stage, consent: Consent) -> None:
    """The job comes round once more, without the minutes it would wait."""
    await stage.running.bot.completion.complete(consent.id)


async def remembered(stage: Stage, tables: Sequence[type[Row]] = OF_CONSENTS) -> list[Any]:
    """Every value of every row, to be compared."""
    async with stage.running.bot.database.reading() as session:
        found = []
        for table in tables:
            rows = await session.execute(select(*table.__table__.columns).order_by(*table.__table__.primary_key))
            found.append((table.__tablename__, [tuple(row) for row in rows]))
    return found


async def secrets_kept(stage: Stage) -> list[str]:
    """Which consents still hold a code or a refresh token."""
    held = ConsentRow.authorization_code.is_not(None) | ConsentRow.refresh_token.is_not(None)
    async with stage.running.bot.database.reading() as session:
        return list(await session.scalars(select(ConsentRow.id).where(held)))


async def sealed_token(stage: Stage, consent: Consent) -> str | None:
    """The stored, encrypted refresh token."""
    async with stage.running.bot.database.reading() as session:
        sealed, _, _ = await consents.sealed_refresh_token(session, consent.id)
    return sealed


def grower(stage: Stage, email: str = ADA) -> LeafUser:
    return stage.world.leaf.find(email)


async def settled(stage: Stage) -> None:
    """Wait until the first sweep has ended and nothing is owed: from here on the bot does nothing of its own accord."""

    async def so() -> bool:
        figures = await stage.running.bot.readiness.figures()
        if figures.sweep_age is None or figures.outbox_depth:
            return False
        jobs = await DBOS.list_workflows_async(load_input=False, load_output=False)
        # The last that the timer begins when it starts: until they are known, others may be still to come.
        begun = {PEOPLE, SILENCE} <= {job.name for job in jobs}
        return begun and not any(job.status in ("PENDING", "ENQUEUED") for job in jobs)

    await eventually(so)


async def times(stage: Stage, action: str) -> int:
    """How often the audit trail has this action."""
    return [deed for deed, _ in await stage.deeds()].count(action)
