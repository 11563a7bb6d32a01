"""Who may do what: members look and connect, admins do the rest, and whoever may not is told whom to ask."""

from __future__ import annotations

import httpx

from tests.journeys.test_buttons import HANA, click, rows
from tests.security.test_slack_requests import FORM, Sender
from tests.stage import Stage, buttons_of, text_of


async def test_a_member_may_look_and_connect_and_only_an_admin_may_disconnect(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    assert "Sato" in text_of(await stage.types("/fieldview status Sato Family Orchards"))
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
