"""Slack's client on the wire: which answers mean later, never, ours to mend, or gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.errors import ChannelUnreachable, ProviderGibberish, ProviderRefusedUs, ProviderRejected, ProviderUnavailable
from bot.sandbox.clock import Clock
from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack
from bot.slack.client import Posted, SlackClient, _is_of

HELLO = {"text": "hello", "unfurl_links": False, "unfurl_media": False}


@dataclass(frozen=True)
class Desk:
    slack: Slack
    client: SlackClient
    grace: str
    channel: str


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    slack = Slack(clock=Clock(), signing_secret="signing", bot_token="xoxb-canary")
    async with slack.running():
        grace = slack.add_user("grace", "Grace Okafor", "grace@example.com", admin=True)
        yield Desk(
            slack, SlackClient("xoxb-canary", slack.api_url, timeout=2), grace, slack.add_channel("growers", [grace])
        )


async def test_a_message_is_posted_edited_and_gone(desk: Desk) -> None:
    posted = await desk.client.post(desk.channel, HELLO)
    assert await desk.client.update(posted, {**HELLO, "text": "changed"})
    [message] = desk.slack.posted(desk.channel)
    assert (message.ts, message.text) == (posted.ts, "changed")
    desk.slack.delete_message(message)
    assert not await desk.client.update(posted, HELLO)
    assert not await desk.client.update(Posted(desk.channel, "1.000001"), HELLO)


async def test_a_message_to_a_person_stands_in_their_direct_messages(desk: Desk) -> None:
    posted = await desk.client.post(desk.grace, HELLO)
    assert posted.channel == desk.slack.dm(desk.grace)
    await desk.client.post_ephemeral(desk.channel, desk.grace, HELLO)
    assert desk.slack.whispered(desk.grace)[-1].text == "hello"


async def test_places_that_never_take_a_message(desk: Desk) -> None:
    desk.slack.archive(desk.channel)
    secret = desk.slack.add_channel("secret", private=True, with_bot=False)
    for place, reason in ((desk.channel, "is_archived"), (secret, "channel_not_found"), ("C0", "channel_not_found")):
        with pytest.raises(ChannelUnreachable) as unreachable:
            await desk.client.post(place, HELLO)
        assert (unreachable.value.channel, unreachable.value.reason) == (place, reason)


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive", "not_authed"])
async def test_a_refused_token_is_ours_to_mend(desk: Desk, code: str) -> None:
    desk.slack.token_error = code
    with pytest.raises(ProviderRefusedUs) as refused:
        await desk.client.post(desk.channel, HELLO)
    assert code in refused.value.detail
    assert "canary" not in repr(refused.value)


async def test_a_missing_scope_is_named(desk: Desk) -> None:
    desk.slack.scopes.clear()
    with pytest.raises(ProviderRefusedUs) as refused:
        await desk.client.post(desk.channel, HELLO)
    assert "chat:write" in refused.value.detail
    assert await desk.client.person_by_email("grace@example.com") is None, "the bot may do without this one"


async def test_too_fast_is_later_and_slack_says_when(desk: Desk) -> None:
    desk.slack.rate_limit("chat.postMessage", retry_after=17)
    with pytest.raises(ProviderUnavailable) as later:
        await desk.client.post(desk.channel, HELLO)
    assert (later.value.retry_after, later.value.maybe_done) == (17.0, False)
    assert desk.slack.posted(desk.channel) == []


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"ok": False, "error": "internal_error"}),
        JSONResponse({"ok": False, "error": "fatal_error"}),
        JSONResponse({"ok": False, "error": "service_unavailable"}, 503),
        JSONResponse({"ok": False}),
        JSONResponse({}),
        PlainTextResponse("<html>502</html>", 502, media_type="text/html"),
        PlainTextResponse("<html>ok</html>", 200, media_type="text/html"),
        PlainTextResponse('{"ok": tr', 200, media_type="application/json"),
        PlainTextResponse("[]", 200, media_type="application/json"),
        PlainTextResponse("", 500),
    ],
)
async def test_what_is_no_answer_means_later_and_perhaps_done(desk: Desk, answer: Response) -> None:
    desk.slack.faults.answer(answer)
    with pytest.raises(ProviderUnavailable) as later:
        await desk.client.post(desk.channel, HELLO)
    assert later.value.maybe_done
    assert "html" not in later.value.detail


async def test_a_post_whose_answer_is_lost_is_not_repeated_here(desk: Desk) -> None:
    desk.slack.faults.lose_answer()
    with pytest.raises(ProviderUnavailable) as later:
        await desk.client.post(desk.channel, HELLO)
    assert later.value.maybe_done
    assert len(desk.slack.posted(desk.channel)) == 1


async def test_nobody_there_is_later_and_surely_not_done() -> None:
    with pytest.raises(ProviderUnavailable) as later:
        await SlackClient("xoxb-canary", "http://127.0.0.1:1/api/").post("C1", HELLO)
    assert not later.value.maybe_done


async def test_a_slow_slack_is_later(desk: Desk) -> None:
    desk.slack.faults.slow(30)
    with pytest.raises(ProviderUnavailable):
        await SlackClient("xoxb-canary", desk.slack.api_url, timeout=1).post(desk.channel, HELLO)


async def test_slacks_reason_for_a_refusal_is_kept(desk: Desk) -> None:
    with pytest.raises(ProviderRejected) as rejected:
        await desk.client.post(desk.channel, {"text": "x", "blocks": [{"type": "section"}]})
    assert rejected.value.code == "invalid_blocks"


async def test_people_and_channels(desk: Desk) -> None:
    guest = desk.slack.add_user("gus", "Gus Guest", "gus@example.com", guest="single")
    assert (await desk.client.person(guest)).is_outsider
    desk.slack.deactivate(guest)
    found = await desk.client.person_by_email("grace@example.com")
    assert found == await desk.client.person(desk.grace)
    assert found is not None
    assert (found.name, found.is_admin, found.is_outsider, found.is_gone) == ("Grace Okafor", True, False, False)
    person = await desk.client.person(guest)
    assert (person.is_colleague, person.is_gone) == (False, True)
    assert await desk.client.person_by_email("nobody@example.com") is None
    with pytest.raises(ChannelUnreachable):
        await desk.client.person("U0NOBODY")
    shared = desk.slack.add_channel("shared", ext_shared=True, archived=True)
    channel = await desk.client.channel(shared)
    assert (channel.name, channel.is_member, channel.is_archived, channel.is_shared) == ("shared", True, True, True)
    workspace = await desk.client.workspace()
    assert workspace.name == "Green Acres"
    assert "chat:write" in workspace.scopes


@pytest.mark.parametrize("left_out", ["team_id", "is_restricted", "is_ultra_restricted"])
@pytest.mark.parametrize("as_null", [True, False])
async def test_who_slack_does_not_say_is_no_guest_is_nobody_we_know(desk: Desk, left_out: str, as_null: bool) -> None:
    """Whoever asks for somebody is told that Slack leaves it open, and never that they are a full member."""
    said = desk.slack.user(desk.grace).to_api("T1", with_email=True)
    said.pop(left_out)
    desk.slack.faults.answer(JSONResponse({"ok": True, "user": said | ({left_out: None} if as_null else {})}), times=1)
    with pytest.raises(ProviderGibberish):
        await desk.client.person(desk.grace)
    assert not (await desk.client.person(desk.grace)).is_outsider


@asynccontextmanager
async def elsewhere() -> AsyncIterator[tuple[str, list[str]]]:
    """Somebody's port, and what was sent there; our Slack is at 127.0.0.1, so `localhost` is another host."""
    heard: list[str] = []

    async def hear(request: Request) -> Response:
        heard.append((await request.body()).decode())
        return PlainTextResponse("ok")

    async with serving(Starlette(routes=[Route("/{rest:path}", hear, methods=["POST"])])) as url:
        yield url.rsplit(":", 1)[1], heard


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:{port}/response/x",
        "http://127.0.0.1@localhost:{port}/response/x",
        "http://somebody@127.0.0.1:{port}/response/x",
        "http://localhost:{port}\\@127.0.0.1/response/x",
        "https://127.0.0.1:{port}/response/x",
        "http://[",
        "response/x",
    ],
)
async def test_an_answer_goes_to_slack_and_nowhere_else(desk: Desk, address: str) -> None:
    async with elsewhere() as (port, heard):
        with pytest.raises(ProviderGibberish) as refused:
            await desk.client.respond(address.format(port=port), HELLO)
    assert heard == []
    assert "/x" not in repr(refused.value), "the address may be a secret"


async def test_an_answer_does_not_follow_where_the_address_leads(desk: Desk) -> None:
    async with elsewhere() as (port, heard):
        leading = RedirectResponse(f"http://localhost:{port}/x", 307)
        async with serving(Starlette(routes=[Route("/response/x", leading, methods=["POST"])])) as url:
            with pytest.raises(ProviderRejected) as refused:
                await desk.client.respond(f"{url}/response/x", HELLO)
    assert (refused.value.status, heard) == (307, [])


def test_slacks_hosts() -> None:
    assert _is_of("https://slack.com/api/", "https://hooks.slack.com/commands/T1/2/x")
    assert _is_of("https://slack-gov.com/api/", "https://hooks.slack-gov.com/commands/T1/2/x")
    for other in ("https://hooks.slack.com.example/x", "https://notslack.com/x", "http://hooks.slack.com/x"):
        assert not _is_of("https://slack.com/api/", other)
