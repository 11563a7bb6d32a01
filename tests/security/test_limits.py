"""How often a grower's pages may be asked for, and whose address it is that asks."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from bot.app import Tuning
from handlers.limits import Rates, address_of
from tests.consenting import asked
from tests.stage import Stage, set_up

FEW = Tuning(page_rates=Rates(of_address=5, looks_at_link=4, presses_of_link=2))
HERE = "127.0.0.1/32"


async def test_a_link_is_looked_at_and_pressed_so_often_and_others_are_not_touched_by_it(sqlite_url: str) -> None:
    async with set_up(sqlite_url, tuning=FEW) as stage, httpx.AsyncClient(trust_env=False, timeout=30) as client:
        link = await asked(stage)
        assert [(await client.get(link)).status_code for _ in range(5)] == [200] * 4 + [429]
        assert [(await client.post(link)).status_code for _ in range(3)] == [303] * 2 + [429]
        held = await client.get(link)
        assert held.headers["retry-after"] == "60"
        assert held.headers["content-type"].startswith("text/html")
        assert link.rsplit("/", 1)[1] not in held.text
        assert (await client.get(f"{stage.url}/connect/another")).status_code == 404
        assert (await client.get(f"{stage.url}/healthz")).status_code == 200


async def test_one_address_is_held_and_the_one_beside_it_is_not(sqlite_url: str) -> None:
    tuning = replace(FEW, page_rates=Rates(of_address=5, looks_at_link=100))
    async with (
        set_up(sqlite_url, tuning=tuning, trusted_proxies=HERE) as stage,
        httpx.AsyncClient(base_url=stage.url, trust_env=False, timeout=30) as client,
    ):

        async def asks(address: str, path: str) -> int:
            return (await client.get(path, headers={"X-Forwarded-For": f"1.1.1.1, {address}"})).status_code

        paths = [f"/connect/guess-{number}" for number in range(3)]
        paths += ["/oauth/fieldview/done", "/oauth/fieldview/callback?state=x&code=y", "/connect/guess-9"]
        assert [await asks("203.0.113.7", path) for path in paths] == [404] * 4 + [303, 429]
        assert await asks("203.0.113.8", "/connect/guess-1") == 404


async def test_an_address_that_the_visitor_only_claims_is_not_believed(sqlite_url: str) -> None:
    async with (
        set_up(sqlite_url, tuning=FEW, trusted_proxies="203.0.113.1") as stage,
        httpx.AsyncClient(base_url=stage.url, trust_env=False, timeout=30) as client,
    ):
        for number in range(12):
            headers = {"X-Forwarded-For": "203.0.113.7"}
            assert (await client.get(f"/connect/guess-{number}", headers=headers)).status_code == 404


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("9.9.9.9", None, [], "9.9.9.9"),
        ("9.9.9.9", "198.51.100.1", [], "9.9.9.9"),
        ("172.18.0.5", None, [], None),
        ("172.18.0.5", "198.51.100.1", [], None),
        ("172.18.0.5", "198.51.100.1", ["172.16.0.0/12"], "198.51.100.1"),
        ("172.18.0.5", "6.6.6.6, 198.51.100.1", ["172.16.0.0/12"], "198.51.100.1"),
        ("172.18.0.5", "198.51.100.1, 172.18.0.9", ["172.16.0.0/12"], "198.51.100.1"),
        ("172.18.0.5", "nonsense, 172.18.0.9", ["172.16.0.0/12"], None),
        ("172.18.0.5", "", ["172.16.0.0/12"], None),
        ("::ffff:172.18.0.5", "2001:db8:1:2:3::9", ["172.16.0.0/12"], "2001:db8:1:2::/64"),
        ("2606:4700::1111", None, [], "2606:4700::/64"),
        ("not an address", "198.51.100.1", ["0.0.0.0/0"], None),
    ],
)
def test_whose_address_it_is(peer: str, forwarded: str | None, trusted: list[str], address: str | None) -> None:
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    request = Request({"type": "http", "client": (peer, 1), "headers": headers, "method": "GET", "path": "/"})
    assert address_of(request, [ip_network(network) for network in trusted]) == address


@pytest.mark.parametrize("secure", [True, False])
async def test_over_tls_every_answer_promises_to_stay_with_it(sqlite_url: str, secure: bool) -> None:
    more: dict[str, Any] = {"public_url": "https://bot.example.com"} if secure else {}
    async with (
        set_up(sqlite_url, **more) as stage,
        httpx.AsyncClient(base_url=stage.url, trust_env=False, timeout=30) as client,
    ):
        for path in ("/healthz", "/connect/x", "/nowhere", "/oauth/fieldview/callback", "/oauth/fieldview/done"):
            promise = (await client.get(path)).headers.get_list("strict-transport-security")
            assert promise == (["max-age=63072000; includeSubDomains"] if secure else []), path


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/connect/x", 404),
        ("DELETE", "/connect/x", 405),
        ("GET", "/connect/x/decline", 405),
        ("GET", "/connect/x/y/z", 404),
        ("GET", "//connect/x", 404),
        ("GET", "/CONNECT/x", 404),
        ("GET", "/connect/", 404),
        ("POST", "/connect/x/decline", 404),
        ("GET", "/oauth/fieldview/callback?state=a&code=b", 303),
        ("HEAD", "/oauth/fieldview/callback?state=a&code=b", 405),
        ("POST", "/oauth/fieldview/callback?state=a&code=b", 405),
        ("GET", "/oauth/fieldview/callback/?state=a&code=b", 404),
        ("GET", "/oauth/fieldview/elsewhere", 403),
        ("POST from elsewhere", "/connect/x", 403),
        ("POST packed", "/connect/x", 415),
    ],
)
async def test_every_answer_at_a_secret_address_whatever_its_status_is_neither_kept_nor_passed_on(
    stage_on_sqlite: Stage, method: str, path: str, status: int
) -> None:
    more = {"POST from elsewhere": {"Sec-Fetch-Site": "cross-site"}, "POST packed": {"Content-Encoding": "gzip"}}
    async with httpx.AsyncClient(base_url=stage_on_sqlite.url, trust_env=False, timeout=30) as client:
        address = f"{stage_on_sqlite.url}{path}"
        answer = await client.request(method.partition(" ")[0], address, headers=more.get(method))
    assert answer.status_code == status
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
    [policy] = answer.headers.get_list("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/slack/events", "/leaf/alerts", "/connect/x", "/connect/x/decline", "/healthz"])
async def test_nothing_is_posted_from_another_sites_page(sqlite_url: str, path: str) -> None:
    async with (
        set_up(sqlite_url) as stage,
        httpx.AsyncClient(base_url=stage.url, trust_env=False, timeout=30) as client,
    ):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            answer = await client.post(path, headers=headers)
            assert (answer.status_code, answer.json()) == (403, {"error": "this was not sent from our own page"})
