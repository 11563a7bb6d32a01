"""Every entry there is passes the gate: walked through the registries, so that a new one is tested by being there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

import handlers.slack
from handlers.actions import ACTIONS
from handlers.call import Reply
from handlers.commands import COMMANDS
from handlers.shortcuts import SHORTCUTS
from handlers.views import FORMS
from storage import access_rules
from storage.records import MEMBERS, Role
from tests.security.test_slack_requests import FORM, Sender
from tests.stage import Stage, eventually, set_up

REGISTRIES: dict[str, dict[str, Any]] = {"command": COMMANDS, "button": ACTIONS, "form": FORMS, "shortcut": SHORTCUTS}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One thing somebody can do in Slack."""

    kind: str
    name: str

    @property
    def declared(self) -> Any:
        return REGISTRIES[self.kind][self.name]

    def body(self, stage: Stage, who: str) -> str:
        """What Slack sends when this person does it."""
        if self.kind == "command":
            fields = {"command": "/fieldview", "text": self.name, "user_id": who, "channel_id": stage.growers}
            return str(httpx.QueryParams(fields | {"team_id": stage.world.slack.workspace.team["id"]}))
        home = stage.world.slack.workspace.team["id"]
        payload: dict[str, Any] = {"team": {"id": home}, "user": {"id": who, "team_id": home}, "trigger_id": "1.1"}
        if self.kind == "button":
            payload |= {"type": "block_actions", "channel": {"id": stage.growers}, "container": {}}
            payload |= {"actions": [{"action_id": self.name, "block_id": "b", "value": "v"}]}
        elif self.kind == "shortcut":
            payload |= {"type": "message_action", "callback_id": self.name, "channel": {"id": stage.growers}}
        else:
            payload |= {
                "type": "view_submission",
                "view": {"id": "V1", "type": "modal", "callback_id": self.name, "state": {"values": {}}},
            }
        return str(httpx.QueryParams({"payload": json.dumps(payload)}))


def entries() -> Iterator[Entry]:
    for kind, registry in REGISTRIES.items():
        yield from (Entry(kind, name) for name in registry)


WRONG = {"block": "This is not filled in."}


@pytest.fixture
async def watched(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Stage, list[str]]]:
    """A bot whose entries do nothing but note that they were reached; `FAULTY` forms have been filled in wrong."""
    wrong = WRONG if getattr(request, "param", None) == "faulty" else {}
    reached: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        async def run(request: Any, bot: Any) -> Reply:
            reached.append(name)
            return Reply()

        return run

    for registry in REGISTRIES.values():
        for name, entry in list(registry.items()):
            replaced = {"run": noting(name)} | ({"faults": lambda form: wrong} if hasattr(entry, "faults") else {})
            monkeypatch.setitem(registry, name, dataclasses.replace(entry, **replaced))
    async with set_up(sqlite_url) as stage:
        yield stage, reached


async def does(stage: Stage, entry: Entry, who: str) -> str:
    """The person does it; returns the outcome in the audit trail."""
    before = len(await stage.audit())
    async with httpx.AsyncClient(base_url=stage.url) as http:
        answer = await Sender(stage, http).send(entry.body(stage, who), FORM)
    assert answer.status_code == 200
    assert next(iter(WRONG.values())) not in answer.text, "who may not send a form is not told what is wrong in it"

    async def noted() -> bool:
        return len(await stage.audit()) > before

    await eventually(noted)
    return (await stage.audit())[-1].outcome


async def tries(stage: Stage, entry: Entry, who: str, reached: list[str]) -> None:
    """What is only tried in a form leaves no row when it is done."""
    async with httpx.AsyncClient(base_url=stage.url) as http:
        assert (await Sender(stage, http).send(entry.body(stage, who), FORM)).status_code == 200

    async def came() -> bool:
        return bool(reached)

    await eventually(came)


async def set_members(stage: Stage, role: Role) -> None:
    async with stage.running.bot.database.transaction() as session:
        await access_rules.put(session, MEMBERS, role, stage.linus, stage.world.clock())


FAULTY = pytest.mark.parametrize("watched", ["well filled in", "faulty"], indirect=True)


@FAULTY
async def test_whoever_has_less_than_the_declared_role_reaches_nothing(watched: tuple[Stage, list[str]]) -> None:
    stage, reached = watched
    for below, enough in zip(list(Role)[:-1], list(Role)[1:], strict=True):
        await set_members(stage, below)
        for entry in entries():
            if entry.declared.role is enough:
                assert await does(stage, entry, stage.grace) == "refused", entry
        assert reached == []


async def test_whoever_has_the_declared_role_gets_through(watched: tuple[Stage, list[str]]) -> None:
    stage, reached = watched
    for role in (Role.GROWER, Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        await set_members(stage, role)
        for entry in entries():
            if entry.declared.role is role:
                if getattr(entry.declared, "in_form", False):
                    await tries(stage, entry, stage.grace, reached)
                else:
                    assert await does(stage, entry, stage.grace) == "done", entry
                assert reached.pop() == entry.name


@FAULTY
@pytest.mark.parametrize("who", ["guest", "stranger", "of another workspace", "bot", "unknown to Slack"])
async def test_outsiders_reach_nothing_but_what_is_for_growers(watched: tuple[Stage, list[str]], who: str) -> None:
    stage, reached = watched
    slack = stage.world.slack
    outsider = slack.add_user(
        "outsider",
        admin=True,
        guest="multi" if who == "guest" else None,
        stranger=who == "stranger",
        team="T0ELSEWHERE" if who == "of another workspace" else None,
    )
    if who == "bot":
        slack.user(outsider).is_bot = True
    if who == "unknown to Slack":
        slack.faults.outage("users.info")
    for entry in entries():
        if entry.declared.role is not Role.GROWER:
            assert await does(stage, entry, outsider) == "refused", entry
    assert reached == []


@pytest.mark.parametrize("watched", ["faulty"], indirect=True)
async def test_whoever_may_send_a_form_is_told_what_is_wrong_in_it(watched: tuple[Stage, list[str]]) -> None:
    stage, reached = watched
    for entry in entries():
        if entry.kind == "form":
            async with httpx.AsyncClient(base_url=stage.url) as http:
                answer = await Sender(stage, http).send(entry.body(stage, stage.linus), FORM)
            assert answer.json() == {"response_action": "errors", "errors": WRONG}
    assert reached == []


@pytest.mark.parametrize("watched", ["faulty"], indirect=True)
async def test_a_gate_that_takes_too_long_refuses_a_form_while_slack_still_waits(
    watched: tuple[Stage, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, reached = watched
    monkeypatch.setattr(handlers.slack, "GATE_WITHIN", 0.05)
    stage.world.slack.faults.slow(1, "users.info")
    form = next(entry for entry in entries() if entry.kind == "form")
    assert await does(stage, form, stage.linus) == "refused"
    assert reached == []


async def test_where_outsiders_read_nobody_reaches_anything(watched: tuple[Stage, list[str]]) -> None:
    stage, reached = watched
    stage.world.slack.share(stage.growers)
    for entry in entries():
        if entry.declared.role is not Role.GROWER and entry.kind != "form":
            assert await does(stage, entry, stage.linus) == "refused", entry
    assert reached == []
