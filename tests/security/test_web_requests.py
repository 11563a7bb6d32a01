"""Requests that nobody honest sends: they change nothing and are answered with 4xx, never with 500."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot import logs
from bot.sandbox.leaf.alerts import signature
from handlers.browser import is_own_click
from handlers.pages import Pages
from handlers.web import LARGEST_BODY, Edge, crashed
from tests.consenting import CALLBACK, DONE, asked, remembered, settled
from tests.stage import Stage, set_up

PATHS = ("/connect/x", "/connect/x/decline", CALLBACK, DONE, "/leaf/alerts", "/healthz", "/readyz", "/metrics")
DEEP = b"[" * 100_000 + b"]" * 100_000
UNREADABLE = {
    "empty": b"",
    "no JSON": b"<html>",
    "a list": b"[]",
    "a number": b"1e999999",
    "a huge number": b'{"type": ' + b"9" * 10_000 + b"}",
    "deep": DEEP,
    "deep inside": b'{"type": "credentialsUnauthenticated", "credentialId": ' + DEEP + b"}",
    "invalid UTF-8": b'{"type": "\xff\xfe"}',
    "no type": b"{}",
    "a type that is no text": b'{"type": {"a": 1}}',
    "an id that is none": b'{"type": "credentialsUnauthenticated", "credentialId": "a\\u202e b"}',
    "a lone surrogate": b'{"type": "credentialsUnauthenticated", "credentialId": "\\ud800"}',
    "a key twice": b'{"type": "newImages", "type": "credentialsUnauthenticated", "provider": "JohnDeere"}',
    "not a number": b'{"type": "credentialsUnauthenticated", "timestamp": NaN}',
    "a byte order mark": b'\xef\xbb\xbf{"type": "credentialsUnauthenticated"}',
    "an endless id": b'{"type": "credentialsUnauthenticated", "credentialId": "' + b"x" * 100_000 + b'"}',
}


@asynccontextmanager
async def client_of(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stage.url, trust_env=False, timeout=30) as client:
        yield client


async def test_every_address_and_method_that_does_not_exist_is_a_polite_no(stage: Stage) -> None:
    await asked(stage)
    await settled(stage)
    before = await remembered(stage)
    async with client_of(stage) as client:
        for path in (*PATHS, "/", "/favicon.ico", "/connect", "/connect/", "/slack/events/x", "/%2e%2e/etc/passwd"):
            for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"):
                answer = await client.request(method, path)
                assert 400 <= answer.status_code < 500, (method, path, answer.status_code)
        for path in ("/", "/favicon.ico", "/connect", "/wp-login.php", "/static/../../etc/passwd", "//evil.example/"):
            assert (await client.get(path)).status_code == 404
        page = await client.get("/nowhere", headers={"Accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert (await client.get("/nowhere")).json() == {"error": "not found"}
    assert await remembered(stage) == before


async def test_no_redirect_is_made_of_the_host_header(stage_on_sqlite: Stage) -> None:
    async with client_of(stage_on_sqlite) as client:
        for path in ("/healthz/", "/connect/x/", f"{CALLBACK}/", "/leaf/alerts/"):
            answer = await client.get(path, headers={"Host": "evil.example"})
            assert answer.status_code == 404
            assert "evil.example" not in str(answer.headers) + answer.text


async def test_leafs_route_takes_nothing_that_leaf_did_not_sign(stage: Stage) -> None:
    await settled(stage)
    before = await remembered(stage)
    body = b'{"type": "credentialsUnauthenticated", "provider": "ClimateFieldView", "credentialId": "x"}'
    secret = stage.world.leaf.webhook_secret
    assert secret is not None
    true = signature(secret, body)
    wrong = [
        *("", "x", "=", "é", "!!!!", true[:-4], true + "A", true.lower(), f"sha256={true}"),
        base64.b64encode(b"short").decode(),
        base64.b64encode(b"\0" * 32).decode(),
        signature("another secret", body),
        signature(secret, body + b" "),
        signature(secret, json.dumps(json.loads(body), separators=(",", ":")).encode()),
        "A" * 20_000,
    ]
    async with client_of(stage) as client:
        assert (await client.post("/leaf/alerts", content=body)).status_code == 401
        for signed in wrong:
            headers = [(b"X-Leaf-Signature", signed.encode("latin-1"))]
            answer = await client.post("/leaf/alerts", content=body, headers=headers)
            assert answer.status_code == 401, signed[:80]
            assert answer.json() == {"error": "not signed by Leaf"}
        for named, unsigned in UNREADABLE.items():
            assert (await client.post("/leaf/alerts", content=unsigned)).status_code == 401, named
    assert await remembered(stage) == before


async def test_signatures_are_compared_in_a_time_that_tells_nothing(
    stage_on_sqlite: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[object] = []
    in_constant_time = hmac.compare_digest

    def noted(expected: Any, given: Any) -> bool:
        compared.append(given)
        return in_constant_time(expected, given)

    guess = b"g" * 32
    slacks = f"v0={guess.hex()}"
    now = str(int(time.time()))
    monkeypatch.setattr(hmac, "compare_digest", noted)
    async with client_of(stage_on_sqlite) as client:
        leafs = {"X-Leaf-Signature": base64.b64encode(guess).decode()}
        assert (await client.post("/leaf/alerts", content=b"{}", headers=leafs)).status_code == 401
        signed = {"X-Slack-Signature": slacks, "X-Slack-Request-Timestamp": now}
        assert (await client.post("/slack/events", content=b"{}", headers=signed)).status_code == 401
    assert guess in compared
    assert slacks in compared


async def test_what_leaf_signed_and_nobody_can_read_is_a_400(stage: Stage) -> None:
    await settled(stage)
    before = await remembered(stage)
    secret = stage.world.leaf.webhook_secret
    assert secret is not None
    async with client_of(stage) as client:
        for named, body in UNREADABLE.items():
            headers = {"X-Leaf-Signature": signature(secret, body)}
            assert (await client.post("/leaf/alerts", content=body, headers=headers)).status_code == 400, named
    assert await remembered(stage) == before


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536):
        yield b"x" * 65_536


@pytest.mark.parametrize("declared", [True, False])
async def test_ten_megabytes_are_too_much(stage_on_sqlite: Stage, declared: bool) -> None:
    stage = stage_on_sqlite
    link = await asked(stage)
    await settled(stage)
    before = await remembered(stage)
    async with client_of(stage) as client:
        for path in ("/leaf/alerts", "/slack/events", "/connect/x", f"{link}/decline", f"{link}/renew", link):
            content = b"x" * 10_000_000 if declared else chunks(10_000_000)
            answer = await client.post(path, content=content)
            assert answer.status_code == 413, path
            assert answer.json() == {"error": "too large"}
        assert await remembered(stage) == before
        assert (await client.get(link)).status_code == 200


async def raw(url: str, request: bytes) -> bytes:
    """The first bytes a server answers to exactly these bytes."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request)
    await writer.drain()
    writer.write_eof()
    async with asyncio.timeout(10):
        answer = await reader.read(4096)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_bytes_that_are_hardly_http(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    host = b"Host: x\r\n"
    for request in (
        b"GET /connect/\x00 HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /connect/\xff\xfe HTTP/1.1\r\n" + host + b"\r\n",
        b"GET " + b"/a" * 100_000 + b" HTTP/1.1\r\n" + host + b"\r\n",
        b"GET /connect/../../x HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n",
        b"POST /leaf/alerts HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
        b"POST /leaf/alerts HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ):
        answer = await raw(stage.url, request)
        assert answer == b"" or answer.split(b" ", 2)[1][:1] == b"4", (request[:60], answer[:80])
    # Somebody who hangs up in the middle of a body is no crash of ours.
    await raw(stage.url, b"POST /leaf/alerts HTTP/1.1\r\n" + host + b"Content-Length: 500\r\n\r\nhalf")
    async with client_of(stage) as client:
        assert (await client.get("/healthz")).status_code == 200


@pytest.fixture(scope="module")
def edge() -> Edge:
    """The outermost layer around routes that fail in every way."""
    pages = Pages(form_targets=("https://climate.com",), secure=True, company="Green Acres")

    async def crash(request: Request) -> Response:
        raise RuntimeError(f"password=hunter2 {request.path_params['token']}")

    async def read(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    routes = [Route("/crash/{token}", crash), Route("/read", read, methods=["POST"])]
    return Edge(Starlette(routes=routes, exception_handlers={Exception: crashed(pages)}), "https://bot")


async def test_a_crash_is_a_page_with_a_reference_that_the_log_has_too(
    edge: Edge, capsys: pytest.CaptureFixture[str], put_back_logging: None
) -> None:
    logs.configure("debug", "json")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="https://bot") as client:
        answer = await client.get("/crash/sEcReT")
    assert answer.status_code == 500
    assert answer.headers["cache-control"] == "no-store"
    assert "hunter2" not in answer.text
    assert "sEcReT" not in answer.text
    logged = capsys.readouterr().err
    [reference] = set(re.findall(r"\b[0-9a-f]{12}\b", answer.text))
    assert f'"request_id": "{reference}"' in logged
    assert '"route": "/crash/{token}"' in logged
    assert "hunter2" not in logged


async def test_the_limit_on_bodies_is_exact(edge: Edge) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="https://bot") as client:
        assert (await client.post("/read", content=b"x" * LARGEST_BODY)).text == str(LARGEST_BODY)
        assert (await client.post("/read", content=b"x" * (LARGEST_BODY + 1))).status_code == 413


def request_with(**headers: str) -> Request:
    raw_headers = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw_headers})


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        ("https://bot.example.com", True),
        ("https://BOT.example.com", True),
        ("https://bot.example.com:443", True),
        ("https://bot.example.com:8443", False),
        ("http://bot.example.com", False),
        ("https://bot.example.com.evil.example", False),
        ("https://evil.example/?https://bot.example.com", False),
        ("https://[", False),
        ("https://bot.example.com:port", False),
        ("", False),
    ],
)
def test_an_origin_is_compared_by_its_meaning(origin: str, ours: bool) -> None:
    assert is_own_click(request_with(origin=origin), "https://Bot.example.com") == ours


@given(st.text(alphabet=st.characters(max_codepoint=255, exclude_categories=["Cc"])))
def test_no_origin_however_strange_crashes_or_passes(origin: str) -> None:
    assert not is_own_click(request_with(origin=origin), "https://bot.example.com") or origin in (
        "null",
        "https://bot.example.com",
    )


@dataclass(frozen=True)
class Junk:
    """A request nobody honest sends."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    cookie: str


JUNK = st.builds(
    Junk,
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    path=st.sampled_from([CALLBACK, DONE, "/leaf/alerts", "/slack/events"])
    | st.text(max_size=60).map(lambda token: "/connect/" + quote(token, safe="", errors="replace")),
    query=st.dictionaries(st.sampled_from(["state", "code", "error", "x"]), st.text(max_size=200), max_size=3),
    body=st.binary(max_size=300),
    cookie=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=";"), max_size=60),
)


async def test_hypothesis_finds_no_request_that_crashes(sqlite_url: str) -> None:
    requests: list[Junk] = []

    # Only collected here: the bot uses chance of its own, which Hypothesis does not like beside it.
    @settings(max_examples=300, deadline=None, database=None)
    @given(JUNK)
    def collect(junk: Junk) -> None:
        requests.append(junk)

    collect()
    async with set_up(sqlite_url) as stage, client_of(stage) as client:
        await settled(stage)
        before = await remembered(stage)
        for junk in requests:
            # A client that sends spaces at the end of a header does not exist: they are not part of its value.
            cookie = {"Cookie": f"fieldview-consent={junk.cookie}".rstrip()}
            answer = await client.request(junk.method, junk.path, params=junk.query, content=junk.body, headers=cookie)
            sent_away = answer.headers.get("location") == "/oauth/fieldview/elsewhere"
            assert 400 <= answer.status_code < 500 or sent_away, junk
        assert await remembered(stage) == before
