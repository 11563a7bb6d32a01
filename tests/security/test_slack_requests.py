"""`POST /slack/events` from whoever is not Slack, or is Slack gone mad: refused, nothing changed, never our fault."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from bot.background import Background
from bot.slack.client import SlackClient, Workspace
from handlers.slack import bolt_app
from handlers.slack_events import SlackEvents
from tests.stage import Stage, eventually

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


def signed(secret: str, timestamp: str, raw: bytes) -> str:
    """Slack's signature. Source: docs.slack.dev, verifying requests."""
    base = b"v0:" + timestamp.encode() + b":" + raw
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


class Sender:
    """Sends requests to the bot, signed as Slack signs them unless told otherwise, and sees what came of them."""

    def __init__(self, stage: Stage, http: httpx.AsyncClient) -> None:
        self.stage = stage
        self._http = http
        self._serial = 0

    async def send(self, body: bytes | str, kind: str = FORM, /, **headers: str | None) -> httpx.Response:
        """`headers` in snake case go over the usual ones; None leaves one out."""
        raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        now = str(int(time.time()))
        signature = self.signature(now, raw)
        usual: dict[str, str | None] = {"content_type": kind, "x_slack_request_timestamp": now}
        shown = usual | {"x_slack_signature": signature} | headers
        sent = {name.replace("_", "-").encode(): value.encode() for name, value in shown.items() if value is not None}
        return await self._http.post("/slack/events", content=raw, headers=list(sent.items()))

    def signature(self, timestamp: str, raw: bytes) -> str:
        return signed(self.stage.world.slack.delivery.signing_secret, timestamp, raw)

    def command(self, text: str = "status", **fields: str) -> str:
        """A command's body, different each time."""
        self._serial += 1
        slack = self.stage.world.slack
        usual = {
            "command": "/fieldview",
            "text": text,
            "user_id": self.stage.grace,
            "channel_id": self.stage.growers,
            "team_id": slack.workspace.team["id"],
            "response_url": f"{slack.url}/response/{slack.tickets.response_url(self.stage.grace, self.stage.growers)}",
            "trigger_id": f"1.{self._serial}",
        }
        return urlencode(usual | fields)

    async def traces(self) -> tuple[int, int]:
        """Audit rows and calls of Slack's Web API so far."""
        return len(await self.stage.audit()), len(self.stage.world.slack.requests)


@pytest.fixture
async def sender(stage_on_sqlite: Stage) -> AsyncIterator[Sender]:
    async with httpx.AsyncClient(base_url=stage_on_sqlite.url) as http:
        yield Sender(stage_on_sqlite, http)


async def test_a_signed_command_is_carried_out(sender: Sender) -> None:
    answer = await sender.send(sender.command())
    assert (answer.status_code, answer.content) == (200, b"")
    await eventually(lambda: _rows(sender, 1))


async def _rows(sender: Sender, count: int) -> bool:
    return len(await sender.stage.audit()) == count


@pytest.mark.parametrize(
    "headers",
    [
        {"x_slack_signature": None},
        {"x_slack_request_timestamp": None},
        {"x_slack_signature": "v0=" + "0" * 64},
        {"x_slack_signature": ""},
        {"x_slack_signature": "v0=ü"},
        {"x_slack_signature": "v1=abc"},
        *(
            {"x_slack_request_timestamp": junk}
            for junk in ("", "soon", "-5", "1e9", "1.5", "٣٤٥", "9" * 30, "9" * 5000)
        ),
    ],
    ids=lambda headers: str(headers)[:60],
)
async def test_what_slack_did_not_sign_just_now_changes_nothing(sender: Sender, headers: dict[str, str | None]) -> None:
    before = await sender.traces()
    for body in (sender.command("connect Ada Lovelace Farms"), sender.command() + "&ssl_check=1"):
        answer = await sender.send(body, FORM, **headers)
        assert answer.status_code == 401
    assert await sender.traces() == before


@pytest.mark.parametrize("seconds_off", [-86_400, -310, 310, 86_400])
async def test_a_good_signature_of_another_time_is_refused(sender: Sender, seconds_off: int) -> None:
    body, timestamp = sender.command(), str(int(time.time()) + seconds_off)
    stamp = {"x_slack_request_timestamp": timestamp, "x_slack_signature": sender.signature(timestamp, body.encode())}
    before = await sender.traces()
    assert (await sender.send(body, **stamp)).status_code == 401
    assert await sender.traces() == before


async def test_a_signature_covers_its_own_body_only(sender: Sender) -> None:
    other = sender.command("help").encode()
    now = str(int(time.time()))
    before = await sender.traces()
    answer = await sender.send(
        sender.command("connect Ada"), x_slack_request_timestamp=now, x_slack_signature=sender.signature(now, other)
    )
    assert answer.status_code == 401
    assert await sender.traces() == before


async def test_a_replayed_command_is_carried_out_once_even_when_both_come_together(sender: Sender) -> None:
    body, now = sender.command("connect Ada Lovelace Farms"), str(int(time.time()))
    stamp = {"x_slack_request_timestamp": now, "x_slack_signature": sender.signature(now, body.encode())}
    answers = await asyncio.gather(*(sender.send(body, **stamp) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    await eventually(lambda: _rows(sender, 1))
    assert len(await sender.stage.dm(sender.stage.ada)) == 1


MALFORMED: list[tuple[str, bytes | str]] = [
    (FORM, ""),
    (FORM, "payload="),
    (FORM, "payload={"),
    (FORM, "payload=[]"),
    (FORM, "payload=null"),
    (FORM, "payload=" + quote('{"type":"block_actions"}')),
    (FORM, "payload=" + quote('{"type":"block_actions","actions":[{"action_id":"send-link"}]}')),
    (FORM, "payload=" + quote('{"type":"block_actions","actions":{"0":{}}}')),
    (FORM, "payload=" + quote('{"type":"view_submission","view":7}')),
    (FORM, "payload=" + quote('{"type":"view_submission","view":{"callback_id":"create-grower"}}')),
    (FORM, "payload=" + quote('{"type":"no_such_thing","user":{"id":"U1"}}')),
    (FORM, "payload=" + "[" * 200_000),
    (FORM, "command=%2Ffieldview"),
    (FORM, "command=%2Ffieldview&text=status&user_id=nobody"),
    (FORM, "command=%2Fother&text=status&user_id=U0123"),
    (FORM, b"command=%2Ffieldview&text=\xff\xfe"),
    (FORM, "command=%2Ffieldview&text=%FF%FE&user_id=U0123"),
    (FORM, "command=%2Ffieldview&text=%ED%A0%80&user_id=U0123"),
    (FORM, "command=%2Ffieldview&text=help&text=connect&user_id=U0123"),
    (FORM, "payload=" + quote('{"type":"block_actions","type":"view_submission"}')),
    (FORM, "payload=" + quote('{"type":"block_actions","user":{"id":"U1","id":"U2"}}')),
    (FORM, "payload=" + quote('{"type":"block_actions","x":NaN}')),
    (JSON, '{"type":"event_callback","x":-Infinity}'),
    (JSON, "\ufeff{}"),
    (JSON, "[]"),
    (JSON, "7"),
    (JSON, '"text"'),
    (JSON, "{"),
    (JSON, "{}"),
    (JSON, '{"type":"event_callback"}'),
    (JSON, '{"type":"event_callback","event":7}'),
    (JSON, '{"type":"event_callback","event":{"type":"app_home_opened"}}'),
    (JSON, '{"type":"event_callback","authorizations":[7],"event":{"type":"app_home_opened"}}'),
    ("text/plain", "hello"),
    ("", "hello"),
]


@pytest.mark.parametrize(("kind", "body"), MALFORMED, ids=[f"{kind}:{body[:60]!r}" for kind, body in MALFORMED])
async def test_signed_but_malformed_is_the_senders_fault(sender: Sender, kind: str, body: bytes | str) -> None:
    before = await sender.traces()
    answer = await sender.send(body, kind)
    assert 400 <= answer.status_code < 500, answer.text
    assert await sender.traces() == before


async def test_other_methods_and_oversized_bodies(sender: Sender) -> None:
    before = await sender.traces()
    url = f"{sender.stage.url}/slack/events"

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    async with httpx.AsyncClient() as http:
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert (await http.request(method, url)).status_code == 405
        assert (await http.post(url, content=b"x" * 1_000_001)).status_code == 413
        assert (await http.post(url, content=endless())).status_code == 413
    assert await sender.traces() == before


@pytest.mark.parametrize("text", ["status payload", "connect payload=Farms", "status Payload & Sons", "payload"])
async def test_a_command_with_the_word_payload_in_it_is_a_command(sender: Sender, text: str) -> None:
    assert (await sender.send(sender.command(text))).status_code == 200
    await eventually(lambda: _rows(sender, 1))


@pytest.mark.parametrize("text", ["status \x00", "connect a\x00b", "\x00", "events \x1b[31m 7", "\u202e"])
async def test_text_no_database_takes_is_answered_all_the_same(stage: Stage, text: str) -> None:
    async with httpx.AsyncClient(base_url=stage.url) as http:
        sender = Sender(stage, http)
        body = sender.command("").replace("text=", "text=" + quote(text, errors="surrogatepass"))
        assert (await sender.send(body)).status_code == 200
        await eventually(lambda: _rows(sender, 1))
        [row] = await stage.audit()
        assert row.outcome in ("done", "refused")


WORDS = st.sampled_from(
    [
        *("type", "user", "id", "team", "team_id", "channel", "actions", "action_id"),
        *("block_id", "value", "view", "state", "callback_id", "values", "event", "command"),
        *("authorizations", "enterprise", "container", "message", "response_url", "text", "user_id", "channel_id"),
        *("bot_id", "selected_option"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS
SHAPES = st.recursive(
    LEAVES,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(WORDS | st.text(max_size=6), inside, max_size=6),
    max_leaves=25,
)
KINDS = st.sampled_from(
    [
        *(
            "block_actions",
            "view_submission",
            "view_closed",
            "event_callback",
            "url_verification",
            "block_suggestion",
            "shortcut",
            "junk",
        ),
        *("message_action", "interactive_message", "dialog_submission", "workflow_step_edit"),
    ]
)


SECRET = "signing-secret"


class Idle(Background):
    """Takes work and does none of it: what matters here is what Slack is answered."""

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        work.close()
        return asyncio.create_task(asyncio.sleep(0))


@pytest.fixture(scope="module")
def answered() -> Iterator[Callable[[bytes, str], int]]:
    """Sends signed bytes to the edge alone, in one event loop for all examples, and returns the status."""
    bot: Any = SimpleNamespace(
        slack=SlackClient("xoxb-none", "http://127.0.0.1:9/api/"), clock=lambda: datetime.now(UTC)
    )
    edge = bolt_app(bot, Workspace("T0HOME", "Home", "U0BOT", frozenset()), Idle(), SECRET)
    site = Starlette(routes=[Route("/", SlackEvents(edge, SecretStr(SECRET)).receive, methods=["POST"])])

    async def status(raw: bytes, kind: str) -> int:
        now = str(int(time.time()))
        headers = {
            "content-type": kind,
            "x-slack-request-timestamp": now,
            "x-slack-signature": signed(SECRET, now, raw),
        }
        async with httpx.AsyncClient(transport=httpx.ASGITransport(site), base_url="http://bot") as http:
            return (await http.post("/", content=raw, headers=headers)).status_code

    with asyncio.Runner() as loop:
        yield lambda raw, kind: loop.run(status(raw, kind))


# The same body twice within a second is a replay: 401.
FINE = (200, 400, 401, 404)


@settings(max_examples=400, deadline=None)
@given(kind=KINDS, shape=st.dictionaries(WORDS, SHAPES, max_size=8), as_form=st.booleans())
def test_no_signed_shape_makes_us_fail(
    answered: Callable[[bytes, str], int], kind: str, shape: dict[str, Any], as_form: bool
) -> None:
    text = json.dumps({"type": kind} | shape)
    body = "payload=" + quote(text) if as_form else text
    assert answered(body.encode(), FORM if as_form else JSON) in FINE


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=200), kind=st.sampled_from([FORM, JSON, "", "text/html"]))
def test_no_signed_bytes_make_us_fail(answered: Callable[[bytes, str], int], raw: bytes, kind: str) -> None:
    assert answered(raw, kind) in FINE
