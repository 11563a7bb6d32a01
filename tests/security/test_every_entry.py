"""Every command, button and form, with hostile values in it: each is answered, leaves one row, and changes nothing."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlencode

import httpx
import pytest

from handlers.actions import ACTIONS
from handlers.call import tidy
from handlers.commands import COMMANDS
from handlers.views import FORMS
from storage import growers
from tests.consenting import settled
from tests.security.hostile import TEXTS, examples, text
from tests.security.test_slack_requests import Sender
from tests.stage import Stage, eventually

CASES = 8
"""Values of chance for each entry, beside the chosen ones for some."""

CHANGES_CHANNELS = {"subscribe", "unsubscribe"}
"""Commands that without an argument do something to the channel they are typed in."""


@pytest.fixture(scope="module")
def values() -> Iterator[str]:
    """Texts of chance, without end; collected before any bot runs."""
    return itertools.cycle(examples(text, 60))


@pytest.fixture
async def sender(stage_on_sqlite: Stage) -> AsyncIterator[Sender]:
    async with httpx.AsyncClient(base_url=stage_on_sqlite.url, timeout=60) as http:
        yield Sender(stage_on_sqlite, http)


async def all_answered(stage: Stage, count: int) -> None:
    async def so() -> bool:
        return len([row for row in await stage.audit() if row.via in ("command", "button", "form")]) >= count

    await eventually(so, within=120)
    rows = [row for row in await stage.audit() if row.via in ("command", "button", "form")]
    assert len(rows) == count
    assert [row for row in rows if row.outcome == "crashed"] == []
    assert (await stage.running.bot.journal.verify()).fault is None


async def known(stage: Stage) -> tuple[int, int]:
    """Growers in our index, and at Leaf."""
    async with stage.running.bot.database.reading() as session:
        return await growers.count(session), len(stage.world.leaf.users)


async def test_every_command(values: Iterator[str], sender: Sender) -> None:
    stage = sender.stage
    await settled(stage)
    before = await known(stage)
    sent = 0
    for command in [*COMMANDS, "frobnicate"]:
        taken = [*itertools.islice(values, CASES), *(TEXTS if command == "status" else [])]
        for value in taken:
            if command in CHANGES_CHANNELS and not tidy(value):
                continue
            typed = f"{command} {value}".encode("utf-8", "replace").decode()
            answer = await sender.send(sender.command(typed))
            assert answer.status_code == 200, typed
            sent += 1
            if sent % 20 == 0:
                await all_answered(stage, sent)
    await all_answered(stage, sent)
    assert await known(stage) == before
    assert stage.world.slack.posted(stage.growers) == [], "nothing was said to everybody"


async def test_every_button(values: Iterator[str], sender: Sender) -> None:
    stage = sender.stage
    await settled(stage)
    before = await known(stage)
    sent, number = 0, 0
    for action in [*ACTIONS, "frobnicate"]:
        for value in [*itertools.islice(values, CASES), '{"grower":"x","days":1,"page":0}', '{"before":1}']:
            number += 1
            # What is only tried in a form leaves no row, unless it fails.
            sent += not (action in ACTIONS and ACTIONS[action].in_form)
            pressed = {
                "action_id": action,
                "block_id": f"choose:{action}:{value}"[:255],
                "value": value,
                "type": "button",
            }
            body = _envelope(stage, "block_actions", number) | {"actions": [pressed]}
            answer = await sender.send(urlencode({"payload": json.dumps(body)}))
            assert answer.status_code == 200, (action, value)
            if number % 20 == 0:
                await all_answered(stage, sent)
    await all_answered(stage, sent)
    assert await known(stage) == before


async def test_every_form(values: Iterator[str], sender: Sender) -> None:
    stage = sender.stage
    await settled(stage)
    before = await known(stage)
    sent, number = 0, 0
    for form in [*FORMS, "frobnicate"]:
        for value in [*itertools.islice(values, CASES), *TEXTS]:
            number += 1
            fields = {name: {"x": {"type": "plain_text_input", "value": value}} for name in ("name", "external_id")}
            # No address is in it, so that nothing may come of it.
            view = {"callback_id": form, "private_metadata": value[:3000], "state": {"values": fields}}
            body = _envelope(stage, "view_submission", number) | {"view": view}
            answer = await sender.send(urlencode({"payload": json.dumps(body)}))
            # A form without a field that it has is not as Slack writes.
            assert answer.status_code in (200, 400), (form, value)
            sent += answer.status_code == 200
            if number % 20 == 0:
                await all_answered(stage, sent)
    await all_answered(stage, sent)
    assert await known(stage) == before


def _envelope(stage: Stage, kind: str, number: int) -> dict[str, object]:
    slack = stage.world.slack
    team = slack.workspace.team["id"]
    return {
        "type": kind,
        "user": {"id": stage.grace, "team_id": team},
        "team": {"id": team},
        "channel": {"id": stage.growers},
        "container": {"type": "message", "message_ts": f"1.{number}", "is_ephemeral": True},
        "trigger_id": f"1.{number}",
        "response_url": f"{slack.url}/response/{slack.tickets.response_url(stage.grace, stage.growers)}",
    }
