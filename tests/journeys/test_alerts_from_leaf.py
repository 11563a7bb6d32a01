"""Leaf's alerts are hints: signed ones make the bot ask Leaf, and only what Leaf then says is believed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import text

from bot.sandbox.leaf.alerts import LIMITED, UNAUTHENTICATED, signature
from tests.consenting import settled, times
from tests.stage import ADA, Stage, eventually, set_up, text_of

SATO = "hana@sato.example"
CREDENTIAL = "GET /services/usermanagement/api/users/.*/climate-field-view-credentials$"


async def sent(stage: Stage, body: bytes, sign_with: str | None = None) -> httpx.Response:
    """A post to our webhook, signed by Leaf's secret unless another is given."""
    secret = sign_with or stage.world.leaf.webhook_secret
    assert secret is not None
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(
            f"{stage.url}/leaf/alerts", content=body, headers={"X-Leaf-Signature": signature(secret, body)}
        )


def alert(stage: Stage, **changes: Any) -> bytes:
    """The alert that Sato's credential died, in Leaf's own form."""
    credential = stage.world.leaf.find(SATO).credential
    assert credential is not None
    payload = {
        "credential": "sandbox-client",
        "provider": "ClimateFieldView",
        "credentialId": credential.id,
        "message": "changed",
        "status": "UNAUTHENTICATED",
        "type": UNAUTHENTICATED,
        "timestamp": "2026-11-24T12:00:00.000000Z",
    }
    return json.dumps(payload | changes).encode()


async def asked_leaf(stage: Stage, before: int) -> None:
    """Wait until Leaf was asked about a credential once more."""

    async def so() -> bool:
        return len(stage.world.leaf.log.matching(CREDENTIAL)) > before

    await eventually(so)


async def test_a_dead_credential_is_told_in_seconds(stage: Stage) -> None:
    await settled(stage)
    await stage.world.leaf.revoke(SATO)
    [card] = await stage.posted(stage.alerts)
    assert "Sato Family Orchards" in text_of(card)
    await stage.until_status(SATO, "broken")
    assert await times(stage, "incident-opened") == 1


async def test_a_missing_permission_is_told_too(stage: Stage) -> None:
    await settled(stage)
    await stage.world.leaf.limit(SATO)
    await stage.until_status(SATO, "limited")
    [card] = await stage.posted(stage.alerts)
    assert "Sato Family Orchards" in text_of(card)


async def test_an_alert_that_is_not_true_posts_nothing(stage: Stage) -> None:
    await settled(stage)
    before = len(stage.world.leaf.log.matching(CREDENTIAL))
    assert (await sent(stage, alert(stage))).status_code == 200
    await asked_leaf(stage, before)
    await stage.delivered()
    connection = await stage.connection(SATO)
    assert connection is not None
    assert connection.status == "healthy"
    assert stage.world.slack.posted(stage.alerts) == []
    assert await times(stage, "incident-opened") == 0


async def test_the_same_alert_five_times_is_one_incident_and_one_question(stage: Stage) -> None:
    await settled(stage)
    stage.world.leaf.set_status(SATO, "UNAUTHENTICATED")
    before = len(stage.world.leaf.log.matching(CREDENTIAL))
    body = alert(stage)
    for _ in range(5):
        assert (await sent(stage, body)).status_code == 200
    await stage.until_status(SATO, "broken")
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.alerts)) == 1
    assert await times(stage, "incident-opened") == 1
    assert len(stage.world.leaf.log.matching(CREDENTIAL)) == before + 1


async def test_many_different_alerts_for_one_credential_are_one_incident(stage: Stage) -> None:
    await settled(stage)
    stage.world.leaf.set_status(SATO, "UNAUTHENTICATED")
    for number in range(5):
        stamp = f"2026-11-24T12:00:0{number}.000000Z"
        assert (await sent(stage, alert(stage, timestamp=stamp))).status_code == 200
    await stage.until_status(SATO, "broken")
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.alerts)) == 1
    assert await times(stage, "incident-opened") == 1


async def test_an_alert_while_leaf_is_down_waits_for_leaf(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    stage.world.leaf.set_status(SATO, "UNAUTHENTICATED")
    stage.world.leaf.faults.outage("GET .*credentials", times=3, retry_after=1)
    assert (await sent(stage, alert(stage))).status_code == 200
    await stage.until_status(SATO, "broken")


async def test_a_credential_nobody_has_goes_to_the_operators_once(stage: Stage) -> None:
    await settled(stage)
    unknown = "0b6c9c1e-0000-4000-8000-000000000000"
    for stamp in ("2026-11-24T12:00:00Z", "2026-11-24T12:00:01Z"):
        assert (await sent(stage, alert(stage, credentialId=unknown, timestamp=stamp))).status_code == 200
    [notice] = await stage.posted(stage.alerts)
    assert unknown in text_of(notice)
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.alerts)) == 1


async def test_a_credential_we_have_not_met_is_found(stage: Stage) -> None:
    await settled(stage)
    stage.world.leaf.connect(ADA, status="UNAUTHENTICATED")
    await stage.world.leaf.alert(ADA)
    await stage.until_status(ADA, "broken")
    [card] = await stage.posted(stage.alerts)
    assert "Ada Lovelace Farms" in text_of(card)


async def test_what_is_not_about_fieldview_is_taken_and_left(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    before = len(stage.world.leaf.log.matching(CREDENTIAL))
    for body in (
        alert(stage, provider="JohnDeere"),
        alert(stage, type="newSatelliteImages"),
        alert(stage, credentialId=None),
        alert(stage, credentialId=""),
    ):
        assert (await sent(stage, body)).status_code == 200
    await stage.sweeps_now()
    assert len(stage.world.leaf.log.matching(CREDENTIAL)) == before


async def test_leafs_confirmation_comes_unsigned_and_does_nothing(stage: Stage) -> None:
    await settled(stage)
    body = b'{"message": "confirmation of webhook upon registration"}'
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.post(f"{stage.url}/leaf/alerts", content=body)).status_code == 200
        more = b'{"message": "confirmation of webhook upon registration", "type": "credentialsUnauthenticated"}'
        assert (await client.post(f"{stage.url}/leaf/alerts", content=more)).status_code == 401
    assert await stage.deeds() == []


async def test_leaf_is_told_where_to_send_alerts_once(stage: Stage) -> None:
    async def registered() -> bool:
        return bool(stage.world.leaf.alerts.webhooks)

    await eventually(registered)
    [webhook] = stage.world.leaf.alerts.webhooks.values()
    assert webhook.url == f"{stage.url}/leaf/alerts"
    assert set(webhook.events) == {UNAUTHENTICATED, LIMITED}


async def test_retries_hours_later_are_still_welcome(stage: Stage) -> None:
    await settled(stage)
    stage.world.leaf.set_status(SATO, "UNAUTHENTICATED")
    body = alert(stage, timestamp=stage.world.clock().isoformat())
    stage.world.clock.advance(timedelta(hours=4))
    assert (await sent(stage, body)).status_code == 200
    await stage.until_status(SATO, "broken")


async def test_without_a_secret_there_is_no_such_address(sqlite_url: str) -> None:
    async with set_up(sqlite_url, leaf_webhook_secret=None) as stage:
        assert (await sent(stage, alert(stage))).status_code == 404


def failed_call(stage: Stage, body: bytes, **changes: Any) -> dict[str, Any]:
    """How Leaf lists an alert that it could not deliver."""
    call = {
        "apiOwner": "owner",
        "createdAt": stage.world.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "url": f"{stage.url}/leaf/alerts",
        "requestBody": body.decode(),
        "connectionError": "ConnectError",
    }
    return call | changes


async def alert_jobs(stage: Stage) -> int:
    """How many jobs alerts have started, by the engine's own account."""
    table = "workflow_status" if stage.running.bot.database.is_sqlite else "dbos.workflow_status"
    async with stage.running.bot.database.reading() as session:
        return int(await session.scalar(text(f"SELECT count(*) FROM {table} WHERE name = 'alert'")) or 0)  # noqa: S608


async def ticks(stage: Stage) -> None:
    """The next interval begins; waits until Leaf was asked for what it could not deliver."""
    stage.world.clock.advance(timedelta(seconds=stage.settings.sweep_interval))
    before = len(stage.world.leaf.log.matching("GET .*/failed-calls$"))
    await stage.running.timer.tick()

    async def asked() -> bool:
        return len(stage.world.leaf.log.matching("GET .*/failed-calls$")) > before

    await eventually(asked)


async def test_one_alert_five_times_out_of_order_and_hours_late_is_one_incident(stage: Stage) -> None:
    await settled(stage)
    first, second = alert(stage), alert(stage, timestamp="2026-11-24T12:00:05Z")
    stage.world.leaf.set_status(SATO, "UNAUTHENTICATED")
    stage.world.leaf.alerts.failed_calls += [failed_call(stage, body) for body in (second, first, second)]
    stage.world.clock.advance(timedelta(hours=4))
    await ticks(stage)
    await stage.until_status(SATO, "broken")
    for body in (first, second, first, second, first):
        assert (await sent(stage, body)).status_code == 200
    await ticks(stage)
    await stage.delivered()
    assert len(stage.world.slack.posted(stage.alerts)) == 1
    assert await times(stage, "incident-opened") == 1
    assert await alert_jobs(stage) == 2, "each body starts one job, whichever way it comes"


async def test_after_downtime_a_missed_alert_is_asked_about_at_once(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    before = len(stage.world.leaf.log.matching(CREDENTIAL))
    stage.world.leaf.alerts.failed_calls.append(failed_call(stage, alert(stage)))
    await ticks(stage)
    await asked_leaf(stage, before)


async def test_what_leaf_could_not_deliver_elsewhere_long_ago_or_readably_is_left(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    for changes in (
        {"url": "https://elsewhere.example/leaf/alerts"},
        {"createdAt": "2020-01-01T00:00:00Z"},
        {"requestBody": "{"},
        {"requestBody": '{"message": "confirmation of webhook upon registration"}'},
    ):
        stage.world.leaf.alerts.failed_calls.append(failed_call(stage, alert(stage), **changes))
    await ticks(stage)
    await stage.delivered()
    assert await alert_jobs(stage) == 0


async def test_without_a_secret_leaf_is_not_asked_what_it_could_not_deliver(sqlite_url: str) -> None:
    async with set_up(sqlite_url, leaf_webhook_secret=None) as stage:
        await settled(stage)
        await stage.running.timer.tick()
        assert stage.world.leaf.log.matching("GET .*/failed-calls$") == []
