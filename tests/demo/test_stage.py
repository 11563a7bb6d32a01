"""The stage's endpoints: what they answer, and whom they turn away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from bot.demo.stage import HERE, Argument, AuditLine, CommandHint, GrowerTruth, NotPossible, Truth, stage

ADA = GrowerTruth("leaf-1", "Ada", "ada@example.com", "U1", "granted", "OK", "healthy", "2026-11-24T08:00:00+00:00")
HOST = "http://127.0.0.1:8000"


class OneGrower:
    """A backstage with Ada on it, who cannot be restricted."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Mapping[str, Argument]]] = []

    async def cast(self) -> list[str]:
        return ["U1"]

    async def commands(self) -> list[CommandHint]:
        return [CommandHint("connect", "<grower>", "Send a link")]

    async def truth(self) -> Truth:
        return Truth("2026-11-24T09:00:00+00:00", (ADA,), {"leaf": ("outage",), "fieldview": (), "slack": ()})

    async def audit(self, after: int) -> list[AuditLine]:
        rows = [AuditLine(seq, "2026-11-24T09:00:00+00:00", "U1", "connect", "Ada", "ok") for seq in (1, 2, 3)]
        return [row for row in rows if row.seq > after]

    async def do(self, verb: str, arguments: Mapping[str, Argument]) -> str:
        if verb == "restrict":
            raise NotPossible("Ada never granted anything.")
        self.done.append((verb, arguments))
        return "It is done."


@pytest.fixture
def backstage() -> OneGrower:
    return OneGrower()


@pytest.fixture
async def client(backstage: OneGrower) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(stage(backstage)), base_url=HOST) as client:
        yield client


async def test_the_page_and_everything_it_loads_come_from_here(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert "http://" not in page.text
    assert (await client.get("/static/js/main.js")).headers["content-type"].startswith("text/javascript")


async def test_the_page_allows_no_script_but_its_own(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/")).headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_the_truth_is_told_as_it_stands(client: httpx.AsyncClient) -> None:
    truth = (await client.get("/demo/truth")).json()
    assert truth["growers"][0]["bot_status"] == "healthy"
    assert truth["faults"]["leaf"] == ["outage"]
    assert (await client.get("/demo/cast")).json() == ["U1"]
    assert (await client.get("/demo/commands")).json()[0]["usage"] == "<grower>"


async def test_the_audit_trail_is_read_from_a_row_on(client: httpx.AsyncClient) -> None:
    assert [row["seq"] for row in (await client.get("/demo/audit?after=1")).json()] == [2, 3]
    assert (await client.get("/demo/audit?after=yesterday")).status_code == 400


async def test_a_verb_is_done_with_its_arguments(client: httpx.AsyncClient, backstage: OneGrower) -> None:
    answer = await client.post("/demo/do", json={"verb": "jump", "seconds": 3600})
    assert answer.json() == {"ok": True, "said": "It is done."}
    assert backstage.done == [("jump", {"seconds": 3600})]


@pytest.mark.parametrize(
    "order",
    [
        {"verb": "explode"},
        {"verb": ["revoke"]},
        {"verb": "revoke"},
        {"verb": "revoke", "grower": 7},
        {"verb": "jump", "seconds": True},
        {"verb": "sweep", "grower": "leaf-1"},
        [],
        "revoke",
    ],
)
async def test_anything_but_a_verb_with_exactly_its_arguments_is_refused(
    client: httpx.AsyncClient, backstage: OneGrower, order: object
) -> None:
    answer = await client.post("/demo/do", json=order)
    assert (answer.status_code, backstage.done) == (400, [])


async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/demo/do", content=b"\xff{")).status_code == 400


async def test_a_verb_that_is_not_possible_says_why(client: httpx.AsyncClient) -> None:
    answer = await client.post("/demo/do", json={"verb": "restrict", "grower": "leaf-1"})
    assert (answer.status_code, answer.json()["error"]) == (409, "Ada never granted anything.")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
    ],
)
async def test_another_web_page_cannot_pull_the_levers(
    client: httpx.AsyncClient, backstage: OneGrower, headers: dict[str, str]
) -> None:
    answer = await client.post("/demo/do", json={"verb": "sweep"}, headers=headers)
    assert (answer.status_code, backstage.done) == (403, [])


async def test_the_own_page_can(client: httpx.AsyncClient, backstage: OneGrower) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": HOST}
    assert (await client.post("/demo/do", json={"verb": "sweep"}, headers=headers)).status_code == 200
    assert backstage.done == [("sweep", {})]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "[", ""])
async def test_a_name_that_was_rebound_to_this_machine_gets_nothing(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get("/demo/truth", headers={"Host": host})
    assert answer.status_code == 421
    assert "Ada" not in answer.text


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST"])
async def test_loopback_goes_by_several_names(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/demo/truth", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("script", sorted(path.name for path in (HERE / "static" / "js").glob("*.js")))
def test_no_script_can_turn_text_into_markup_or_code(script: str) -> None:
    source = (HERE / "static" / "js" / script).read_text(encoding="utf-8")
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"):
        assert danger not in source
