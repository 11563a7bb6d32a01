"""Who may do what: members look and connect, admins do the rest, and whoever may not is told whom to ask."""

from __future__ import annotations

import httpx
import pytest

import bot.announcer
from tests.journeys.test_buttons import HANA, click, rows
from tests.security.test_slack_requests import FORM, Sender
from tests.stage import Stage, buttons_of, set_up, text_of


async def test_a_member_may_look_and_connect_and_only_an_admin_may_disconnect(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    told = await stage.types("/fieldview status Sato Family Orchards")
    assert "Sato" in text_of(told)
    assert "disconnect" not in buttons_of(told), "nobody is offered what they would be refused"
    assert "disconnect" in buttons_of(await stage.types("/fieldview status Sato Family Orchards", stage.linus))
    assert "End a grower’s connection (admins only)" in text_of(await stage.types("/fieldview help")).replace("'", "’")
    await stage.types("/fieldview connect Ada Lovelace Farms")
    refused = await stage.types("/fieldview disconnect Sato Family Orchards")
    assert refused.ephemeral_to == stage.grace
    assert "admin" in text_of(refused)
    assert "disconnect-confirm" not in buttons_of(refused)
    assert "disconnect-confirm" in buttons_of(
        await stage.types("/fieldview disconnect Sato Family Orchards", stage.linus)
    )
    assert [outcome for action, outcome in await stage.deeds() if action == "disconnect"] == ["refused", "done"]


async def test_neither_a_button_nor_a_menu_opens_a_door_that_the_command_does_not(stage_on_sqlite: Stage) -> None:
    stage, hana = stage_on_sqlite, stage_on_sqlite.world.leaf.find(HANA).id
    pressed = (
        {"action_id": "choose-grower", "block_id": "choose:disconnect:", "selected_option": {"value": hana}},
        {"action_id": "disconnect", "value": hana},
        {"action_id": "disconnect-confirm", "value": hana},
    )
    async with httpx.AsyncClient(base_url=stage.url) as http:
        for action in pressed:
            assert (await Sender(stage, http).send(click(stage, action), FORM)).status_code == 200
    await rows(stage, 3)
    assert await stage.deeds() == [("disconnect", "refused")] * 3
    assert stage.world.leaf.find(HANA).credential is not None


DISCONNECT = "/fieldview disconnect Sato Family Orchards"


async def may_disconnect(stage: Stage, who: str) -> bool:
    """Whether this person is asked, as those who may are, before a grower is disconnected."""
    return "disconnect-confirm" in buttons_of(await stage.types(DISCONNECT, who))


async def test_an_admin_gives_a_group_a_channel_and_a_person_roles_and_takes_them_back(stage: Stage) -> None:
    slack = stage.world.slack
    in_group, in_channel, chosen = (slack.add_user(name) for name in ("gina", "carl", "petra"))
    for person in (in_group, in_channel, chosen):
        slack.invite(stage.growers, person)
    slack.add_usergroup("leads", [in_group])
    slack.add_channel("back-office", [stage.linus, in_channel], private=True)
    for subject in ("@leads", "#back-office", "@petra"):
        assert "admin" in text_of(await stage.types(f"/fieldview access {subject} admin", stage.linus))
    for person in (in_group, in_channel, chosen):
        assert await may_disconnect(stage, person)
    assert not await may_disconnect(stage, stage.grace)
    listed = await stage.types("/fieldview access", stage.linus)
    assert buttons_of(listed).count("access-remove") == 3
    await stage.presses(listed, "access-remove", stage.linus, value=chosen)
    assert not await may_disconnect(stage, chosen)
    changes = [entry.detail for entry in await stage.audit() if entry.action == "access" and entry.detail]
    assert len(changes) == 4
    assert all('"before": null, "subject"' in (detail or "") for detail in changes[:3])
    assert changes[3] == f'{{"after": null, "before": "admin", "subject": "{chosen}"}}'


async def test_a_refusal_names_an_admin_who_can_be_asked(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    petra = stage.world.slack.add_user("petra")
    await stage.types("/fieldview access @petra admin", stage.linus)
    refused = await stage.types("/fieldview access @grace admin")
    assert f"<@{petra}>" in repr(refused.blocks)
    assert "workspace admin" in text_of(refused)
    assert not await may_disconnect(stage, stage.grace)


async def test_members_may_be_left_with_looking_or_with_nothing(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.types("/fieldview access members viewer", stage.linus)
    assert "viewer" in text_of(await stage.types("/fieldview connect Ada Lovelace Farms"))
    assert "Sato" in text_of(await stage.types("/fieldview status Sato Family Orchards"))
    await stage.types("/fieldview access members none", stage.linus)
    assert "Sato" not in text_of(await stage.types("/fieldview status Sato Family Orchards"))
    assert stage.world.slack.posted(stage.world.slack.dm(stage.ada)) == []
    await stage.types("/fieldview access @grace operator", stage.linus)
    assert "Sato" in text_of(await stage.types("/fieldview status Sato Family Orchards"))


@pytest.mark.parametrize(
    "typed", ["#growers operator", "@nobody admin", "@petra king", "operator", "members admin", "#shared viewer"]
)
async def test_a_rule_that_would_not_hold_is_not_made(stage_on_sqlite: Stage, typed: str) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    slack.add_user("petra")
    slack.add_channel("shared", [stage.linus], private=True, ext_shared=True)
    await stage.types(f"/fieldview access {typed}", stage.linus)
    assert await stage.deeds() == [("access", "refused")]
    assert (await stage.running.bot.permitting.permissions()).rules == []


async def test_a_channel_that_is_opened_to_everybody_or_to_others_gives_no_role_any_more(stage: Stage) -> None:
    slack = stage.world.slack
    carl = slack.add_user("carl")
    slack.invite(stage.growers, carl)
    office = slack.add_channel("back-office", [stage.linus, carl], private=True)
    await stage.types("/fieldview access #back-office admin", stage.linus)
    assert await may_disconnect(stage, carl)
    slack.channel(office).is_private = False
    assert not await may_disconnect(stage, carl)
    slack.channel(office).is_private = True
    assert await may_disconnect(stage, carl)
    slack.share(office, within=True)
    assert not await may_disconnect(stage, carl)
    slack.share(office, pending=True)
    assert not await may_disconnect(stage, carl)


@pytest.mark.parametrize("method", ["usergroups.users.list", "users.info", "conversations.info"])
async def test_when_slack_does_not_say_who_somebody_is_nobody_gets_in(stage_on_sqlite: Stage, method: str) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    slack.add_usergroup("leads", [stage.grace])
    await stage.types("/fieldview access @leads admin", stage.linus)
    fresh = slack.add_channel("fresh", [stage.grace])
    slack.faults.outage(method)
    told = await stage.types(DISCONNECT, channel=fresh)
    assert "disconnect-confirm" not in buttons_of(told)
    assert (await stage.audit())[-1].outcome == "refused"
    slack.faults.heal()
    told = await stage.types(DISCONNECT, channel=fresh)
    assert "disconnect-confirm" in buttons_of(told)


async def test_the_settings_name_the_first_admins(sqlite_url: str) -> None:
    async with set_up(sqlite_url, admins="U0NOBODY, S0NOGROUP1") as stage:
        assert not await may_disconnect(stage, stage.grace)
        assert "<@U0NOBODY>" in repr((await stage.types(DISCONNECT)).blocks)
        first = stage.running.bot.access._first_admins
        stage.running.bot.access._first_admins = (*first, stage.grace)
        assert await may_disconnect(stage, stage.grace)


async def test_somebody_of_another_workspace_is_refused_also_when_slack_calls_them_no_stranger(
    stage_on_sqlite: Stage,
) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    partner = slack.add_user("partner", team="T0PARTNERS", admin=True)
    slack.invite(stage.growers, partner)
    told = await stage.types("/fieldview status Sato Family Orchards", partner)
    assert "Sato" not in text_of(told)
    assert await stage.deeds() == [("status", "refused")]


@pytest.mark.parametrize(
    "place",
    [
        "shared",
        "shared within the organisation",
        "about to be shared",
        "not to be seen",
        "a group's direct messages",
    ],
)
async def test_where_outsiders_may_read_the_bot_is_of_no_use(stage_on_sqlite: Stage, place: str) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    where = slack.add_channel("place", [stage.linus], private=True, with_bot=place.startswith(("shared", "about")))
    if place.startswith(("shared", "about")):
        slack.share(where, pending=place.startswith("about"), within="within" in place)
    told = await stage.types("/fieldview status Sato Family Orchards", stage.linus, where)
    assert told.ephemeral_to == stage.linus
    assert "Sato" not in text_of(told)
    assert await stage.deeds() == [("status", "refused")]
    assert "Sato" in text_of(await stage.types("/fieldview status L-1900", stage.linus, slack.dm(stage.linus)))


async def test_only_who_has_joined_a_channel_or_an_admin_decides_what_it_hears(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    slack.add_channel("finance", [stage.linus])
    own = slack.add_channel("own", [stage.grace])
    assert "joined" in text_of(await stage.types("/fieldview subscribe #finance"))
    await stage.types("/fieldview subscribe #own")
    assert await stage.posted(own)
    await stage.types("/fieldview subscribe #finance", stage.linus)
    slack.kick("finance", stage.linus)
    await stage.types("/fieldview unsubscribe #finance")
    await stage.types("/fieldview unsubscribe #finance", stage.linus)
    done = ["refused", "done", "done", "refused", "done"]
    assert [outcome for _, outcome in await stage.deeds()] == done


async def test_who_is_no_admin_any_more_reaches_into_no_channel_that_they_have_not_joined(
    stage_on_sqlite: Stage,
) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    slack.add_channel("finance", [stage.grace])
    await stage.types("/fieldview status", stage.linus)
    slack.user(stage.linus).is_admin = False
    assert "joined" in text_of(await stage.types("/fieldview subscribe #finance", stage.linus))
    assert await stage.deeds() == [("status", "done"), ("subscribe", "refused")]


async def test_what_takes_an_admin_is_refused_at_once_where_others_came_in_a_moment_ago(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.types("/fieldview status")
    stage.world.slack.share(stage.growers)
    assert "outside this workspace" in text_of(await stage.types("/fieldview access", stage.linus))
    assert await stage.deeds() == [("status", "done"), ("access", "refused")]


@pytest.mark.parametrize("within", [False, True], ids=["another organisation", "another workspace"])
async def test_an_alert_channel_that_becomes_shared_is_told_nothing_more_and_another_place_is(
    database_url: str, monkeypatch: pytest.MonkeyPatch, within: bool
) -> None:
    monkeypatch.setattr(bot.announcer, "SHARING_REMEMBERED", 0.0)
    async with set_up(database_url) as stage:
        slack = stage.world.slack
        await stage.types("/fieldview subscribe")
        slack.share(stage.growers, within=within)
        await stage.sweeps_now()
        await stage.world.leaf.revoke(HANA)
        await stage.sweeps_now()
        await stage.delivered()
        assert "Sato" not in repr([message.blocks for message in slack.posted(stage.growers)])
        told = "\n".join(text_of(message) for message in slack.posted(stage.alerts))
        assert "Sato Family Orchards" in told
        assert "people from outside this workspace" in told


async def test_without_another_place_whoever_subscribed_the_shared_channel_is_told(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.announcer, "SHARING_REMEMBERED", 0.0)
    async with set_up(sqlite_url, alert_channel=None) as stage:
        slack = stage.world.slack
        await stage.types("/fieldview subscribe")
        slack.share(stage.growers, pending=True)
        await stage.sweeps_now()
        await stage.world.leaf.revoke(HANA)
        await stage.sweeps_now()
        await stage.delivered()
        assert "Sato" not in repr([message.blocks for message in slack.posted(stage.growers)])
        assert "Sato Family Orchards" in "".join(text_of(message) for message in await stage.dm(stage.grace, 2))
