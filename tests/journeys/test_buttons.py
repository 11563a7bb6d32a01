"""Buttons and menus: pressed twice, pressed late, pressed by those who may not, and those of older versions."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.consenting import consent_of
from tests.security.test_slack_requests import FORM, Sender
from tests.stage import ADA, Stage, buttons_of, eventually, link_in, text_of

HANA = "hana@sato.example"


async def rows(stage: Stage, count: int) -> None:
    async def so() -> bool:
        return len(await stage.audit()) >= count

    await eventually(so)


def click(stage: Stage, *actions: dict[str, Any], user: str | None = None, **more: Any) -> str:
    """The body of a click as Slack sends it, for what its own window would not let anybody press."""
    slack = stage.world.slack
    who = user or stage.grace
    payload = {
        "type": "block_actions",
        "team": {"id": slack.workspace.team["id"]},
        "user": {"id": who, "team_id": slack.workspace.team["id"]},
        "channel": {"id": stage.growers},
        "container": {"type": "message", "message_ts": "1.1", "is_ephemeral": True},
        "trigger_id": slack.tickets.trigger(who),
        "response_url": f"{slack.url}/response/{slack.tickets.response_url(who, stage.growers)}",
        "actions": list(actions),
    }
    return str(httpx.QueryParams({"payload": json.dumps(payload | more)}))


async def test_a_double_click_on_send_a_link_sends_one(stage: Stage) -> None:
    status = await stage.types("/fieldview status Ada Lovelace Farms")
    assert "send-link" in buttons_of(status)
    stage.world.slack.faults.slow(0.3, "chat.postMessage")
    pressed = [stage.world.slack.click(stage.grace, status.channel, status.ts, "send-link") for _ in range(2)]
    assert all(outcome.ok for outcome in await asyncio.gather(*pressed))
    await rows(stage, 3)
    assert len(await stage.dm(stage.ada)) == 1
    assert sorted(await stage.deeds()) == [("connect", "done"), ("connect", "refused"), ("status", "done")]
    assert all(entry.request_id for entry in await stage.audit())


async def test_pressing_again_later_is_a_new_request(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    status = await stage.types("/fieldview status Sato Family Orchards")
    for times in (1, 2):
        refreshed = await stage.presses(status, "check-now")
        assert refreshed.ts == status.ts
        assert len(refreshed.versions) == 1 + times
    assert await stage.deeds() == [("status", "done")] * 3


async def test_two_admins_who_disconnect_at_once_end_it_once_and_quietly(stage: Stage) -> None:
    await stage.sweeps_now()
    slack = stage.world.slack
    mary = slack.add_user("mary", "Mary", "mary@greenacres.example", admin=True)
    slack.invite(stage.growers, mary)
    questions = [await stage.types("/fieldview disconnect Sato Family Orchards", user) for user in (mary, stage.linus)]
    await asyncio.gather(*(slack.click(q.ephemeral_to or "", q.channel, q.ts, "disconnect-confirm") for q in questions))
    await rows(stage, 4)
    await stage.time_to_undo_passes()
    await stage.sweeps_now()
    await stage.until_status(HANA, "absent")
    await stage.delivered()
    assert slack.posted(stage.alerts) == []


async def test_a_button_of_an_older_version_is_explained(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    async with httpx.AsyncClient(base_url=stage.url) as http:
        body = click(stage, {"action_id": "frobnicate", "block_id": "b", "value": "v"})
        assert (await Sender(stage, http).send(body, FORM)).status_code == 200
    await rows(stage, 1)
    assert await stage.deeds() == [("unknown-button", "refused")]
    await stage.world.slack.until(lambda: stage.world.slack.whispered(stage.grace))
    assert "older" in text_of(stage.world.slack.whispered(stage.grace)[-1])


@pytest.mark.parametrize(
    "pressed",
    [
        {"action_id": "events-older", "value": "junk"},
        {"action_id": "events-older", "value": '{"grower":"x","page":-1,"days":30}'},
        {"action_id": "events-older", "value": '{"grower":"x","page":1e999,"days":30}'},
        {"action_id": "events-older", "value": "[]"},
        {"action_id": "events-older", "value": '{"grower":"nobody","page":0,"days":30}'},
        {"action_id": "choose-grower", "block_id": "choose:frobnicate:", "selected_option": {"value": "x"}},
        {"action_id": "choose-grower", "block_id": "junk", "selected_option": {"value": "x"}},
        {"action_id": "choose-grower", "block_id": "choose:events:", "selected_option": {"value": ""}},
        {"action_id": "send-link", "value": ""},
        {"action_id": "send-link", "value": "../../users?x=" + "y" * 1000},
        {"action_id": "disconnect-confirm", "value": "nobody"},
        {"action_id": "show-status", "selected_option": {"value": "nobody"}},
    ],
    ids=str,
)
async def test_strange_values_are_refused_in_words_and_noted(stage: Stage, pressed: dict[str, Any]) -> None:
    async with httpx.AsyncClient(base_url=stage.url) as http:
        assert (await Sender(stage, http).send(click(stage, pressed), FORM)).status_code == 200
    await rows(stage, 1)
    [(_, outcome)] = await stage.deeds()
    assert outcome in ("refused", "failed")
    await stage.world.slack.until(lambda: stage.world.slack.whispered(stage.grace))


async def test_several_actions_in_one_body_are_several_deeds(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    hana, ada = (stage.world.leaf.find(who).id for who in (HANA, ADA))
    async with httpx.AsyncClient(base_url=stage.url) as http:
        both = click(stage, *({"action_id": "show-status", "value": who} for who in (hana, ada)))
        assert (await Sender(stage, http).send(both, FORM)).status_code == 200
    await rows(stage, 2)
    assert {entry.target for entry in await stage.audit()} == {hana, ada}


async def test_the_events_button_and_the_menu_of_the_overview_show_what_they_say(stage: Stage) -> None:
    await stage.sweeps_now()
    await stage.world.leaf.revoke(HANA)
    await stage.sweeps_now()
    overview = await stage.types("/fieldview status", stage.linus)
    status = await stage.presses(overview, "show-status", stage.linus, selected=stage.world.leaf.find(HANA).id)
    assert "Sato Family Orchards" in text_of(status)
    story = await stage.presses(status, "show-events", stage.linus)
    assert "Sato Family Orchards" in text_of(story)
    question = await stage.presses(status, "disconnect", stage.linus)
    assert "disconnect-confirm" in buttons_of(question)


@pytest.mark.parametrize("forged", ["the consent's own id", "x" * 2900])
async def test_the_link_is_pressed_by_whom_it_was_sent_to_and_nobody_else(stage: Stage, forged: str) -> None:
    slack, eve = stage.world.slack, stage.world.slack.add_user("eve", "Eve", "eve@other.example")
    await stage.types("/fieldview connect Ada Lovelace Farms")
    value = (await consent_of(stage)).id if forged == "the consent's own id" else forged
    async with httpx.AsyncClient(base_url=stage.url) as http:
        pressed = click(stage, {"action_id": "open-consent-link", "block_id": "b", "value": value}, user=eve)
        assert (await Sender(stage, http).send(pressed, FORM)).status_code == 200
    await slack.until(lambda: slack.whispered(eve))
    await rows(stage, 2)
    row = (await stage.audit())[-1]
    assert (row.actor, row.action, row.outcome) == (eve, "open-consent-link", "refused")
    assert value not in (row.detail or "")


async def test_a_grower_who_is_a_guest_may_press_the_link_and_nothing_else(stage: Stage) -> None:
    slack = stage.world.slack
    slack.user(stage.ada).guest = "single"
    await stage.types("/fieldview connect Ada Lovelace Farms")
    [message] = await stage.dm(stage.ada)
    assert (await slack.click(stage.ada, message.channel, message.ts, "open-consent-link")).ok
    await rows(stage, 2)
    row = (await stage.audit())[-1]
    assert (row.actor, row.action, row.outcome) == (stage.ada, "open-consent-link", "done")
    assert slack.whispered(stage.ada) == []
    async with httpx.AsyncClient(base_url=stage.url) as http:
        forged = {"action_id": "send-link", "value": stage.world.leaf.find(ADA).id}
        await Sender(stage, http).send(click(stage, forged, user=stage.ada), FORM)
    await rows(stage, 3)
    assert (await stage.audit())[-1].outcome == "refused"
    assert link_in(message)


async def test_an_answer_to_a_click_falls_back_when_its_address_is_used_up(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    status = await stage.types("/fieldview status Sato Family Orchards")
    slack.faults.outage("/response/", status=404)
    shown = await stage.presses(status, "show-events")
    assert "Sato Family Orchards" in text_of(shown)
    assert slack.calls("chat.postEphemeral") == 1


async def test_a_modal_that_cannot_open_is_explained(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    asked = await stage.types("/fieldview connect Nobody At All")
    slack.faults.outage("views.open")
    said = await stage.presses(asked, "create-grower")
    assert "Slack" in text_of(said)
    assert (await stage.audit())[-1].outcome == "failed"
