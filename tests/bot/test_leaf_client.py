"""Leaf's client on the wire: one login, typed errors, and nothing repeated that might be done twice."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import BaseModel, SecretStr
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from bot.errors import ProviderGibberish, ProviderRefusedUs, ProviderRejected, ProviderUnavailable
from bot.leaf import models
from bot.leaf.client import LeafClient
from bot.pace import Unpaced
from bot.sandbox.clock import Clock
from bot.sandbox.leaf import Leaf, LeafUser
from bot.sandbox.serving import serving
from tests.bot.watching import Naps

BODY = {name: SecretStr(f"{name}-canary") for name in ("clientId", "clientSecret", "apiKey", "refreshToken")}
CREDENTIAL = "climate-field-view-credentials"


class Desk:
    """A client, the Leaf it talks to, and Ada's farm."""

    def __init__(self, leaf: Leaf, client: LeafClient, naps: Naps, url: str) -> None:
        self.leaf, self.client, self.naps, self.url = leaf, client, naps, url
        self.ada: LeafUser = leaf.add_user("Ada Lovelace Farms", "ada@example.com", "L-1815")

    def asked(self, pattern: str) -> int:
        return len(self.leaf.log.matching(pattern))

    def another_client(self) -> LeafClient:
        return LeafClient(self.url, self.leaf.username, SecretStr(self.leaf.password), Unpaced(), sleep=self.naps)


@asynccontextmanager
async def at_a_desk() -> AsyncIterator[Desk]:
    leaf = Leaf(clock=Clock(), username="owner@example.com", password="password-canary")
    async with serving(leaf.app) as url:
        naps = Naps()
        client = LeafClient(url, leaf.username, SecretStr(leaf.password), Unpaced(), sleep=naps)
        yield Desk(leaf, client, naps, url)
        await client.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with at_a_desk() as made:
        yield made


# The login


async def test_fifty_at_once_log_in_once(desk: Desk) -> None:
    await asyncio.gather(*(desk.client.user(desk.ada.id) for _ in range(50)))
    assert desk.leaf.logins == 1


async def test_fifty_who_find_the_token_stale_renew_it_once(desk: Desk) -> None:
    await desk.client.log_in()
    desk.leaf.stale_logins()
    found = await asyncio.gather(*(desk.client.user(desk.ada.id) for _ in range(50)))
    assert {user.name for user in found if user} == {desk.ada.name}
    assert desk.leaf.logins == 2


async def test_a_refused_login_is_our_fault_and_not_tried_again_at_once(desk: Desk) -> None:
    desk.leaf.password = "changed"
    for outcome in await asyncio.gather(*(desk.client.users(0) for _ in range(20)), return_exceptions=True):
        assert isinstance(outcome, ProviderRefusedUs)
    assert desk.asked("/api/authenticate") == 1
    assert desk.asked("/users") == 0


async def test_a_token_that_is_refused_when_it_is_new_is_not_the_growers_fault(desk: Desk) -> None:
    desk.leaf.faults.forbid("GET .*users", status=401)
    with pytest.raises(ProviderRefusedUs):
        await desk.client.credential(desk.ada.id)
    assert (desk.leaf.logins, desk.asked("GET .*users")) == (2, 2)


async def test_a_login_that_answers_nonsense_or_nothing(desk: Desk) -> None:
    for answer in (JSONResponse({}), JSONResponse({"id_token": ""}), JSONResponse([]), PlainTextResponse("{")):
        desk.leaf.faults.answer(answer, "/api/authenticate", times=1)
        with pytest.raises(ProviderGibberish):
            await desk.client.log_in()
    desk.leaf.faults.outage("/api/authenticate", times=2)
    await desk.client.log_in()


# Trying again


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_what_only_reads_is_tried_three_times(desk: Desk, status: int) -> None:
    desk.leaf.faults.outage("GET .*users", status=status)
    with pytest.raises(ProviderUnavailable):
        await desk.client.users(0)
    assert desk.asked("GET .*users") == 3
    assert len(desk.naps.seconds) == 2
    assert all(0 <= seconds <= 4 for seconds in desk.naps.seconds)


async def test_a_bad_moment_passes_unnoticed(desk: Desk) -> None:
    desk.leaf.connect(desk.ada)
    desk.leaf.faults.html("GET .*users", times=1)
    desk.leaf.faults.lose_answer("GET .*users", times=1)
    assert await desk.client.credential(desk.ada.id) is not None


async def test_leaf_says_how_long_to_wait_and_is_heard_within_reason(desk: Desk) -> None:
    desk.leaf.faults.outage("GET .*users", status=429, retry_after=7, times=1)
    await desk.client.users(0)
    desk.leaf.faults.outage("GET .*users", status=503, retry_after=3600, times=3)
    with pytest.raises(ProviderUnavailable) as unavailable:
        await desk.client.users(0)
    assert desk.naps.seconds == [7.0, 30.0, 30.0]
    assert unavailable.value.retry_after == 3600


@pytest.mark.parametrize("said", ["Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-5"])
async def test_a_pause_that_cannot_be_read_is_ours_to_choose(desk: Desk, said: str) -> None:
    desk.leaf.faults.answer(Response(status_code=429, headers={"Retry-After": said}), "GET .*users", times=1)
    await desk.client.users(0)
    assert 0 <= desk.naps.seconds[0] <= 4


async def test_a_credential_is_not_given_twice_when_the_answer_is_lost(desk: Desk) -> None:
    desk.leaf.faults.lose_answer(f"POST .*{CREDENTIAL}")
    with pytest.raises(ProviderUnavailable) as lost:
        await desk.client.give_credential(desk.ada.id, BODY)
    assert lost.value.maybe_done
    assert desk.asked(f"POST .*{CREDENTIAL}") == 1
    assert await desk.client.credential(desk.ada.id) is not None, "it had arrived"


async def test_a_credential_that_surely_did_not_arrive_is_given_again(desk: Desk) -> None:
    desk.leaf.faults.outage(f"POST .*{CREDENTIAL}", status=429, times=2)
    await desk.client.give_credential(desk.ada.id, BODY)
    assert desk.asked(f"POST .*{CREDENTIAL}") == 3
    desk.leaf.disconnect(desk.ada)
    desk.leaf.faults.outage(f"POST .*{CREDENTIAL}", times=1)
    with pytest.raises(ProviderUnavailable):
        await desk.client.give_credential(desk.ada.id, BODY)
    assert desk.asked(f"POST .*{CREDENTIAL}") == 4


async def test_removing_twice_does_no_harm(desk: Desk) -> None:
    desk.leaf.connect(desk.ada)
    desk.leaf.faults.lose_answer(f"DELETE .*{CREDENTIAL}")
    assert await desk.client.delete_credential(desk.ada.id) is False, "the first try did it"
    assert desk.leaf.find(desk.ada).credential is None


async def test_nobody_there_is_unavailable_and_nothing_happened() -> None:
    async with at_a_desk() as desk:
        lost = desk.another_client()
    with pytest.raises(ProviderUnavailable) as unavailable:
        await lost.give_credential("g1", BODY)
    assert not unavailable.value.maybe_done
    await lost.close()


# What cannot be understood


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse('[{"id": "x", "na'),
        PlainTextResponse(""),
        JSONResponse({"users": []}),
        JSONResponse([{"name": "nobody"}]),
        JSONResponse([{"id": ""}]),
        Response(b"\xff\xfe[]", media_type="application/json"),
        Response(b"not gzip", headers={"Content-Encoding": "gzip"}),
        RedirectResponse("http://127.0.0.1:1/elsewhere"),
        Response("<html>Welcome to the hotel</html>", media_type="text/html"),
    ],
)
async def test_an_answer_that_does_not_parse_is_gibberish(desk: Desk, answer: Response) -> None:
    desk.leaf.faults.answer(answer, "GET .*users")
    with pytest.raises(ProviderGibberish):
        await desk.client.users(0)


@pytest.mark.parametrize("status", [200, 404, 403])
async def test_a_gateways_page_is_never_taken_for_leafs_word(desk: Desk, status: int) -> None:
    await desk.client.log_in()
    desk.leaf.faults.html(status=status)
    for ask in (desk.client.credential, desk.client.user, desk.client.delete_credential, desk.client.events):
        with pytest.raises(ProviderGibberish):
            await ask(desk.ada.id)


async def test_an_error_about_what_did_not_parse_does_not_repeat_it(desk: Desk) -> None:
    desk.leaf.faults.answer(JSONResponse([{"id": 5, "name": {"secret": "canary"}}]), "GET .*users")
    with pytest.raises(ProviderGibberish) as gibberish:
        await desk.client.users(0)
    assert "canary" not in repr(gibberish.value) + str(gibberish.value)
    assert gibberish.value.__cause__ is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"errorKey": "eventRegisteredTwice", "title": "Bad Request"}, "eventRegisteredTwice"),
        ({"title": "Bad Request"}, "Bad Request"),
        ({"error": "Request limit exceeded"}, "Request limit exceeded"),
        ({"errorKey": 5, "title": None}, ""),
        (["no"], ""),
    ],
)
async def test_leafs_own_word_for_a_problem(desk: Desk, body: object, code: str) -> None:
    desk.leaf.faults.answer(JSONResponse(body, 400), "POST .*users")
    with pytest.raises(ProviderRejected) as rejected:
        await desk.client.create_user("Ada", None, None)
    assert (rejected.value.status, rejected.value.code) == (400, code)


# The calls


async def test_a_page_holds_a_hundred(desk: Desk) -> None:
    desk.leaf.populate(249)
    pages = [await desk.client.users(number) for number in range(4)]
    assert [len(page.users) for page in pages] == [100, 100, 50, 0]
    assert {page.total for page in pages} == {250}
    assert len({user.id for page in pages for user in page.users}) == 250


async def test_a_credential_from_nothing_to_nothing(desk: Desk) -> None:
    assert await desk.client.credential(desk.ada.id) is None
    assert await desk.client.events(desk.ada.id) == ()
    given = await desk.client.give_credential(desk.ada.id, BODY)
    assert given == await desk.client.credential(desk.ada.id)
    desk.leaf.log_event(desk.ada, 401, '{"refreshToken": "canary"}')
    event = (await desk.client.events(desk.ada.id))[-1]
    assert event.status_code == 401
    assert event.created_at is not None
    assert await desk.client.data_summary(desk.ada.id) is None
    await desk.leaf.sync(desk.ada, farms=2, fields=9)
    summary = await desk.client.data_summary(desk.ada.id)
    assert summary is not None
    assert (summary.farms, summary.fields) == (2, 9)
    assert await desk.client.delete_credential(desk.ada.id) is True
    assert await desk.client.delete_credential(desk.ada.id) is False


async def test_users_are_made_and_found(desk: Desk) -> None:
    made = await desk.client.create_user("New Farm", "new@example.com", "L-9")
    assert await desk.client.find_users(email="new@example.com") == (made,)
    assert await desk.client.user(made.id) == made
    assert await desk.client.user("nobody") is None


@pytest.mark.parametrize(
    "hostile", ["../../../api/authenticate", "..", ".", "a/b", "a?b=c", "a#b", "%2e%2e", "a b", "ü", "a\nb", "a%00b"]
)
async def test_an_id_stays_one_segment_of_the_path_whatever_is_in_it(desk: Desk, hostile: str) -> None:
    assert await desk.client.credential(hostile) is None
    login, asked = desk.leaf.requests
    assert str(login) == "POST /api/authenticate"
    assert asked.path.startswith("/services/usermanagement/api/users/")
    assert asked.path.endswith("/climate-field-view-credentials")


async def test_failed_alerts_come_in_either_shape(desk: Desk) -> None:
    call = {"url": "u", "requestBody": "{}", "createdAt": "2026-11-24T10:00:00Z"}
    for body in ([call], {"items": [call]}):
        desk.leaf.faults.answer(JSONResponse(body), "failed-calls", times=1)
        [failed] = await desk.client.failed_alerts()
        assert failed.created_at is not None


# Secrets


def _models() -> list[type[BaseModel]]:
    return [
        found
        for _, found in inspect.getmembers(models, inspect.isclass)
        if issubclass(found, BaseModel) and found is not BaseModel
    ]


@pytest.mark.parametrize("model", _models())
def test_no_model_has_a_field_for_a_secret(model: type[BaseModel]) -> None:
    shown = {name for name, field in model.model_fields.items() if field.annotation is not SecretStr}
    names = shown | {str(model.model_fields[name].alias) for name in shown}
    assert not [
        name
        for name in names
        if any(word in name.lower() for word in ("secret", "key", "password", "token"))
        and name not in ("token_metadata", "tokenMetadata")
    ]


async def test_nothing_that_is_parsed_or_raised_shows_a_secret(desk: Desk) -> None:
    desk.leaf.connect(
        desk.ada, client_secret="s-canary", api_key="k-canary", refresh_token="r-canary", access_token="a-canary"
    )
    desk.leaf.log_event(desk.ada, 400, "token=e-canary", "Authorization: h-canary")
    desk.leaf.send_alerts_to("http://127.0.0.1:1/", secret="w-canary")
    client = desk.client
    seen = [
        await client.users(0),
        await client.user(desk.ada.id),
        await client.credential(desk.ada.id),
        await client.events(desk.ada.id),
        await client.webhooks(),
        client,
        vars(client),
    ]
    assert "canary" not in repr(seen)
