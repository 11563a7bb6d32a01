"""`/fieldview health`: the bot looks at itself and says what to do about what is not well."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import text, update
from starlette.responses import JSONResponse

from bot.announcer import DELIVER
from bot.messages.needs import Need
from bot.sandbox.leaf.alerts import LIMITED, UNAUTHENTICATED, Webhook
from bot.vault import Vault
from storage import outbox, subscriptions
from storage.records import AnnouncementKind, Wishes
from storage.tables import ConsentRow
from tests.bot.test_journal import tamper
from tests.consenting import asked, settled
from tests.stage import Stage, eventually, set_up, text_of


async def health(stage: Stage) -> dict[str, str]:
    """Each finding by its subject, with its sign; of several with one subject, the first."""
    lost = stage.world.slack.channel(stage.growers).is_archived
    await stage.types("/fieldview health", channel=stage.alerts if lost else None)
    # On a busy machine the first word may be that it takes a moment.
    whispers = stage.world.slack.whispered
    await stage.world.slack.until(lambda: "*Leaf:*" in text_of(whispers(stage.grace)[-1]))
    answer = text_of(whispers(stage.grace)[-1])
    found: dict[str, str] = {}
    for line in answer.replace("\n        → ", " → ").splitlines():
        sign, _, rest = line.partition(" *")
        subject, colon, words = rest.partition(":* ")
        if colon:
            found.setdefault(subject, f"{sign} {words}")
    return found


async def registered(stage: Stage) -> None:
    async def so() -> bool:
        return bool(stage.world.leaf.alerts.webhooks)

    await eventually(so)


async def test_a_bot_that_is_well_says_so_of_every_part(stage: Stage) -> None:
    await settled(stage)
    await registered(stage)
    await stage.types("/fieldview subscribe")
    found = await health(stage)
    assert {subject for subject, words in found.items() if not words.startswith("🟢")} == {"Public address"}
    assert found.keys() == {
        *("Public address", "Database", "Keys", "Audit anchors", "Watching", "Messages", "Jobs"),
        *("Slack", "Clock", "Alert channel", "Channels", "Leaf", "Alerts from Leaf"),
    }
    assert "this bot asked for" in found["Alerts from Leaf"]
    assert "1 of 1 subscribed" in found["Channels"]


async def loses_channel(stage: Stage) -> None:
    await stage.types("/fieldview subscribe")
    stage.world.slack.archive(stage.growers)


async def loses_alert_channel(stage: Stage) -> None:
    stage.world.slack.archive(stage.alerts)


async def loses_a_scope(stage: Stage) -> None:
    stage.world.slack.scopes.discard("groups:read")


async def loses_the_optional_scope(stage: Stage) -> None:
    stage.world.slack.scopes.discard("users:read.email")


async def loses_leaf(stage: Stage) -> None:
    stage.world.leaf.faults.outage()


async def loses_the_login(stage: Stage) -> None:
    stage.world.leaf.password = "changed"
    stage.world.leaf.stale_logins()


async def loses_alerts_to_another(stage: Stage) -> None:
    elsewhere = Webhook("w1", (LIMITED, UNAUTHENTICATED), "theirs", "s", "https://elsewhere.example/hook")
    stage.world.leaf.alerts.webhooks = {"w1": elsewhere}


async def stops_looking(stage: Stage) -> None:
    stage.world.clock.advance(timedelta(hours=5))


async def gets_stuck(stage: Stage) -> None:
    await owes(stage, timedelta(minutes=9))


async def is_stuck_for_long(stage: Stage) -> None:
    await owes(stage, timedelta(hours=2))


async def owes(stage: Stage, since: timedelta) -> None:
    async with stage.running.bot.database.transaction() as session:
        await outbox.want(session, AnnouncementKind.INCIDENT, "x", "C1", stage.world.clock() - since)


async def loses_a_key_of_a_token(stage: Stage) -> None:
    await asked(stage)
    other = Vault(SecretStr(Fernet.generate_key().decode())).seal(SecretStr("token"))
    async with stage.running.bot.database.transaction() as session:
        await session.execute(update(ConsentRow).values(refresh_token=other))


async def says_nothing_of_scopes(stage: Stage) -> None:
    said = {"ok": True, "team_id": stage.world.slack.workspace.team["id"], "team": "Green Acres", "user_id": "U1"}
    stage.world.slack.faults.answer(JSONResponse(said), "auth.test")


async def leaves_a_job_lying(stage: Stage) -> None:
    await leaves(stage, timedelta(minutes=10))


async def leaves_a_job_lying_for_long(stage: Stage) -> None:
    await leaves(stage, timedelta(hours=2))


async def leaves(stage: Stage, due_for: timedelta) -> None:
    """A job that is due in a lane which nobody looks through."""
    async with stage.running.bot.database.transaction() as session:
        due = int((time.time() - due_for.total_seconds()) * 1000)
        row = {"id": "lost", "due": due}
        await session.execute(
            text(
                "INSERT INTO workflow_status (workflow_uuid, status, name, queue_name, created_at, updated_at, "
                "application_version) VALUES (:id, 'ENQUEUED', 'lost', 'nobodys', :due, :due, '0')"
            ),
            row,
        )


async def is_updated_by_another(stage: Stage) -> None:
    async with stage.running.bot.database.transaction() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))


@pytest.mark.parametrize(
    ("befalls", "subject", "sign", "says", "advises"),
    [
        (loses_channel, "Channel", "🔴", "archived", "unsubscribe"),
        (loses_alert_channel, "Alert channel", "🔴", "archived", "ALERT_CHANNEL"),
        (loses_a_scope, "Slack", "🔴", "groups:read", "reinstall"),
        (loses_the_optional_scope, "Slack", "🟡", "by e-mail", "reinstall"),
        (loses_leaf, "Leaf", "🔴", "Leaf", "LEAF_API_URL"),
        (loses_the_login, "Leaf", "🔴", "refuses", "LEAF_PASSWORD"),
        (loses_alerts_to_another, "Alerts from Leaf", "🟡", "eventRegisteredTwice", "delete that registration"),
        (stops_looking, "Watching", "🔴", "5 h", "log"),
        (gets_stuck, "Messages", "🟡", "9 min", "nothing is lost"),
        (is_stuck_for_long, "Messages", "🔴", "2 h", "Nobody reads them"),
        (leaves_a_job_lying, "Jobs", "🟡", "due for 10 min", "log"),
        (leaves_a_job_lying_for_long, "Jobs", "🔴", "due for 2 h", "log"),
        (loses_a_key_of_a_token, "Keys", "🔴", "refresh tokens", "Put back the key"),
        (says_nothing_of_scopes, "Slack", "🟡", "does not say with which permissions", "manifest.yml"),
        (is_updated_by_another, "Database", "🟡", "newer version", "Finish the update"),
    ],
)
async def test_what_is_ill_stands_in_its_line_with_what_to_do(
    sqlite_url: str, befalls: Callable[[Stage], Any], subject: str, sign: str, says: str, advises: str
) -> None:
    async with set_up(sqlite_url) as stage:
        await settled(stage)
        await registered(stage)
        await befalls(stage)
        line = (await health(stage))[subject]
        words, _, remedy = line.partition(" → ")
        assert words.startswith(sign)
        assert says in words
        assert advises in remedy


async def test_a_channel_that_was_lost_and_is_back_is_mended_by_subscribing(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    await loses_channel(stage)
    await stage.world.leaf.revoke("hana@sato.example")
    await stage.posted(stage.alerts, 2)
    stage.world.slack.unarchive(stage.growers)
    line = (await health(stage))["Channel"]
    assert "is_archived" in line
    assert "subscribe` there" in line
    await stage.types("/fieldview subscribe")
    assert "Channel" not in await health(stage)


async def test_a_private_channel_is_named_to_its_members_and_admins_only(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    merger = slack.add_channel("merger-with-acme", [stage.linus], private=True)
    await stage.types("/fieldview subscribe", stage.linus, merger)
    slack.archive(merger)
    line = (await health(stage))["Channel"]
    assert line.startswith("🔴 a private channel is archived")
    assert "merger" not in text_of(stage.answers(stage.grace)[-1])
    assert "#merger-with-acme is archived" in text_of(await stage.types("/fieldview health", stage.linus))


async def test_a_channel_that_outsiders_read_gets_nothing_and_is_not_mended_by_subscribing(
    stage_on_sqlite: Stage,
) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    await stage.types("/fieldview subscribe")
    stage.world.slack.share(stage.growers)
    await stage.world.leaf.revoke("hana@sato.example")
    await stage.posted(stage.alerts, 2)
    line = (await health(stage))["Channel"]
    assert line.startswith("🔴")
    assert "read by people from outside this workspace: nothing about growers is written there" in line
    assert "Take another channel" in line
    assert "subscribe" not in line


async def test_without_an_alert_channel_it_says_when_no_channel_hears_everything(sqlite_url: str) -> None:
    async with set_up(sqlite_url, alert_channel=None) as stage:
        await stage.types("/fieldview subscribe")
        assert "1 of 1 subscribed" in (await health(stage))["Channels"]
        async with stage.running.bot.database.transaction() as session:
            narrow = Wishes(owner=stage.linus)
            await subscriptions.choose(session, stage.growers, narrow, stage.grace, stage.world.clock())
        told = (await health(stage))["Channels"]
        assert told.startswith("🟡")
        assert "no channel that works hears everything at once" in told


async def test_alerts_that_somebody_asked_for_before_are_adopted_and_others_never_deleted(sqlite_url: str) -> None:
    async with set_up(sqlite_url) as stage:
        await registered(stage)
        [ours] = stage.world.leaf.alerts.webhooks.values()
        adopted = Webhook("w1", ours.events, "by hand", ours.secret, ours.url)
        stage.world.leaf.alerts.webhooks = {"w1": adopted}
        assert "kept" in (await health(stage))["Alerts from Leaf"]
        await loses_alerts_to_another(stage)
        stage.world.clock.advance(timedelta(seconds=stage.settings.sweep_interval))
        await stage.running.timer.tick()
        [told] = await stage.posted(stage.alerts)
        assert "allows only one" in text_of(told)
        assert list(stage.world.leaf.alerts.webhooks) == ["w1"]


async def test_what_operators_were_told_stands_there_until_it_is_over(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await settled(stage)
    await stage.running.bot.announcer.tell_operators(Need("some-kind", "Something needs an operator."))
    assert "Something needs an operator." in (await health(stage))["Notice"]
    await stage.running.bot.announcer.all_clear("some-kind")
    assert "Notice" not in await health(stage)


async def test_while_slack_is_ill_each_message_keeps_its_one_job(stage: Stage) -> None:
    """However long that lasts, and however often the bot looks for what was left lying."""
    stage.world.slack.faults.outage("chat")
    await stage.running.bot.announcer.tell_operators(Need("test", "Somebody has to look."))
    for _ in range(5):
        stage.world.clock.advance(timedelta(minutes=5))
        await stage.running.timer.tick()
    keys = await stage.running.jobs.keys_under_way(DELIVER, begun_after=datetime.now(UTC) - timedelta(minutes=3))
    assert set(Counter(key.split("-")[1] for key in keys).values()) == {1}, keys
    stage.world.slack.faults.heal()
    await stage.world.slack.until(lambda: stage.world.slack.posted(stage.alerts), timeout=60)
    assert len(stage.world.slack.posted(stage.alerts)) == 1


async def test_old_entries_that_somebody_rewrote_stay_and_the_operators_are_told_once(database_url: str) -> None:
    async with set_up(database_url, audit_retention_days=30) as stage:
        bot, slack = stage.running.bot, stage.world.slack
        await stage.types("/fieldview access members viewer", stage.linus)
        await tamper(bot.database, "UPDATE audit SET at = '2025-01-01 00:00:00.000000' WHERE seq = 1")
        before = len(await stage.audit())
        for _ in range(2):
            await stage.running.timer.tick()
        await stage.delivered()
        told = [text_of(message) for message in slack.posted(stage.alerts) if "audit trail" in text_of(message)]
        assert len(told) == 1
        assert "entry 1 was changed or written by somebody else" in told[0]
        assert len(await stage.audit()) >= before, "nothing is removed"
