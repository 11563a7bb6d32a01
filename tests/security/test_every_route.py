"""Every URL the program has, fuzzed: a new one without its fuzz fails here before it is anybody's."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest
from hypothesis import strategies as st

import bot.serving
import handlers.web
from bot import logs
from bot.sandbox.leaf.alerts import signature
from handlers.web import Edge
from storage.tables import AttemptRow, ConsentRow
from tests.consenting import asked, browser, remembered, settled, state_of
from tests.security.hostile import JSONS, examples, shape, text
from tests.security.test_slack_requests import FORM, JSON, signed
from tests.stage import Stage, set_up

CASES = 80
"""Requests for each route, in each run."""


@dataclass(frozen=True)
class Shot:
    """One request that nobody honest sends. `signs` signs the body as Slack or Leaf would."""

    path: str
    body: bytes = b""
    query: list[tuple[str, str | int | float | bool | None]] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    signs: str = ""


header_text = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255), max_size=40).map(
    lambda value: value.strip().encode("latin-1")
)
header = st.tuples(
    st.sampled_from([b"X-Forwarded-Host", b"Accept-Language", b"Origin", b"Sec-Fetch-Site", b"Accept"]),
    header_text,
)
cookie = header_text.map(lambda value: (b"Cookie", b"fieldview-consent=" + value.replace(b";", b"")))
headers = st.lists(header | cookie, max_size=3, unique_by=lambda pair: pair[0])
name = st.sampled_from(["state", "code", "error", "error_description", "x"])
query = st.lists(st.tuples(name, text.map(lambda value: value.encode("utf-8", "replace").decode()[:500])), max_size=4)
blob = st.binary(max_size=300) | st.sampled_from(list(JSONS)) | shape.map(lambda value: json.dumps(value).encode())
form = st.lists(
    st.tuples(st.sampled_from(["command", "text", "user_id", "payload", "channel_id"]), text), max_size=5
).map(lambda pairs: urlencode(pairs, errors="replace").encode())
token = text.map(lambda value: quote(value.encode("utf-8", "replace").decode()[:300], safe="") or "x")


def at(path: str, **more: st.SearchStrategy[object]) -> st.SearchStrategy[Shot]:
    return st.builds(Shot, path=st.just(path), headers=headers, query=query, **more)


def below(pattern: str) -> st.SearchStrategy[Shot]:
    paths = token.map(lambda value: pattern.format(token=value))
    return st.builds(Shot, path=paths, headers=headers, query=query, body=blob)


FUZZ: dict[tuple[str, str], st.SearchStrategy[Shot]] = {
    ("GET", "/connect/{token}"): below("/connect/{token}"),
    ("POST", "/connect/{token}"): below("/connect/{token}"),
    ("POST", "/connect/{token}/decline"): below("/connect/{token}/decline"),
    ("POST", "/connect/{token}/renew"): below("/connect/{token}/renew"),
    ("GET", "/oauth/fieldview/callback"): at("/oauth/fieldview/callback"),
    ("GET", "/oauth/fieldview/done"): at("/oauth/fieldview/done"),
    ("GET", "/oauth/fieldview/elsewhere"): at("/oauth/fieldview/elsewhere"),
    ("GET", "/healthz"): at("/healthz"),
    ("GET", "/readyz"): at("/readyz"),
    ("GET", "/metrics"): at("/metrics"),
    ("POST", "/slack/events"): at("/slack/events", body=blob | form, signs=st.sampled_from(["", "slack"])),
    ("POST", "/leaf/alerts"): at("/leaf/alerts", body=blob, signs=st.sampled_from(["", "leaf"])),
}
OPEN = ("/healthz", "/readyz", "/metrics")
"""Whatever else is in the request, these tell how the bot is."""


def routes_of(stage: Stage) -> set[tuple[str, str]]:
    assert isinstance(stage.running.web, Edge)
    return {
        (method, route.path) for route in stage.running.web.routes for method in (route.methods or set()) - {"HEAD"}
    }


async def test_every_route_has_its_fuzz(stage_on_sqlite: Stage) -> None:
    assert routes_of(stage_on_sqlite) == set(FUZZ)


def sealed(stage: Stage, shot: Shot) -> list[tuple[bytes, bytes]]:
    """The shot's headers, and the signature that its sender would have put there."""
    if shot.signs == "slack":
        now = str(int(time.time()))
        made = signed(stage.world.slack.delivery.signing_secret, now, shot.body)
        kind = JSON if shot.body[:1] in b"[{" else FORM
        extra = {"Content-Type": kind, "X-Slack-Request-Timestamp": now, "X-Slack-Signature": made}
    elif shot.signs == "leaf":
        assert stage.world.leaf.webhook_secret
        extra = {"X-Leaf-Signature": signature(stage.world.leaf.webhook_secret, shot.body)}
    else:
        extra = {}
    extra["X-Forwarded-For"] = str(IPv4Address(random.getrandbits(32)))
    return [*shot.headers, *((key.encode(), value.encode()) for key, value in extra.items())]


@asynccontextmanager
async def client_of(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stage.url, trust_env=False, timeout=60) as client:
        yield client


async def test_no_route_breaks_or_changes_anything(
    sqlite_url: str, capsys: pytest.CaptureFixture[str], put_back_logging: None
) -> None:
    shots = {route: examples(strategy, CASES) for route, strategy in FUZZ.items()}
    logs.configure("info", "json")
    # Every shot from an address of its own: what is tried here are the routes, not the limits before them.
    async with set_up(sqlite_url, trusted_proxies="127.0.0.1") as stage, client_of(stage) as client:
        await asked(stage)
        await settled(stage)
        before = await remembered(stage)
        for (method, pattern), taken in shots.items():
            for shot in taken:
                client.cookies.clear()
                answer = await client.request(
                    method, shot.path, params=shot.query, content=shot.body, headers=sealed(stage, shot)
                )
                if pattern in OPEN:
                    assert answer.status_code in (200, 503), shot
                elif answer.status_code == 303:
                    assert answer.headers["location"] == "/oauth/fieldview/elsewhere", shot
                elif shot.signs:
                    # Signed nonsense may be nothing to act on; what it must not be is a crash or a change.
                    assert answer.status_code in (200, 400, 401, 403, 404), shot
                else:
                    assert 400 <= answer.status_code < 500, shot
        assert await remembered(stage) == before
    for line in capsys.readouterr().err.splitlines():
        assert isinstance(json.loads(line), dict), "a line of the log was forged"


BOMB = gzip.compress(b"0" * 50_000_000)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "x-unknown", ""])
async def test_nothing_is_unpacked(stage_on_sqlite: Stage, coding: str) -> None:
    stage = stage_on_sqlite
    link = await asked(stage)
    await settled(stage)
    before = await remembered(stage)
    async with client_of(stage) as client:
        for path in ("/slack/events", "/leaf/alerts", link, f"{link}/decline", f"{link}/renew"):
            answer = await client.post(path, content=BOMB, headers={"Content-Encoding": coding})
            assert answer.status_code == 415, path
            assert answer.json() == {"error": "encoded"}
    assert await remembered(stage) == before


async def dribble(url: str, head: bytes) -> bytes:
    """Send a beginning, then nothing: whatever is answered until the other side hangs up."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(head)
    await writer.drain()
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


async def test_who_does_not_send_the_body_is_told_so(stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers.web, "BODY_WITHIN", 0.05)
    link = urlsplit(await asked(stage_on_sqlite)).path.encode()
    for path in (b"/slack/events", b"/leaf/alerts", link, link + b"/decline", link + b"/renew"):
        head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf"
        assert (await dribble(stage_on_sqlite.url, head)).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("head", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_does_not_send_the_head_is_hung_up_on(
    head: bytes, monkeypatch: pytest.MonkeyPatch, serving_bot: Callable[[], str]
) -> None:
    monkeypatch.setattr(bot.serving, "HEAD_WITHIN", 0.05)
    assert await dribble(serving_bot(), head) == b""


@pytest.fixture
async def serving_bot() -> AsyncIterator[Callable[[], str]]:
    """The program's own web server, with an application that answers nothing."""

    async def silent(scope: object, receive: object, send: object) -> None:
        await asyncio.Event().wait()

    server = bot.serving.web_server(silent, "127.0.0.1", 0)
    listener = bot.serving._bound("127.0.0.1", 0)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield lambda: f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = server.force_exit = True
    await task
    listener.close()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:99999", "127.0.0.1@evil.example", "", "a" * 3000, "x/../y"]
)
async def test_no_answer_is_made_of_the_host_header(stage_on_sqlite: Stage, host: str) -> None:
    link = await asked(stage_on_sqlite)
    async with client_of(stage_on_sqlite) as client:
        for method, path in (("GET", urlsplit(link).path), ("POST", urlsplit(link).path), ("GET", "/healthz/")):
            answer = await client.request(method, path, headers={"Host": host})
            assert "evil" not in str(answer.headers) + answer.text


@pytest.mark.parametrize(
    "query",
    ["state=a&state=b&code=c", "state={state}&code=a&code=b", "state={state}&error=x&error=y", "state={state}&x&x"],
)
async def test_a_callback_with_a_parameter_twice_spends_nothing(stage_on_sqlite: Stage, query: str) -> None:
    stage = stage_on_sqlite
    link = await asked(stage)
    async with browser(stage) as ada:
        at_fieldview = await ada.begins(link)
        before = await remembered(stage, (ConsentRow, AttemptRow))
        answer = await ada.opens(f"/oauth/fieldview/callback?{query.format(state=state_of(at_fieldview))}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/oauth/fieldview/elsewhere")
        assert await remembered(stage, (ConsentRow, AttemptRow)) == before
        assert (await ada.approves(at_fieldview)).status_code == 303, "the state is still good"


def test_no_log_is_forged_by_a_line_in_a_value(capsys: pytest.CaptureFixture[str], put_back_logging: None) -> None:
    import structlog

    for shown in ("json", "console"):
        logs.configure("debug", shown)
        structlog.get_logger("x").warning("seen", typed="a\r\n2026-11-24T00:00:00Z [error    ] forged\x1b[31m\u2028b")
        logging.getLogger("y").warning("seen %s", "a\r\n2026 [error] forged")
        told = capsys.readouterr().err
        assert len(told.splitlines()) == 2, told
        assert "\x1b[31m" not in told
