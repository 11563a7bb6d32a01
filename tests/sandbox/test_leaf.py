"""Leaf's stand-in behaves as Leaf's documents say, over real HTTP, and does what its verbs promise."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.sandbox.clock import Clock
from bot.sandbox.fieldview import FieldView
from bot.sandbox.leaf import Leaf, LeafUser, signature
from bot.sandbox.recording import RecordedCall
from bot.sandbox.serving import serving

START = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
USERS = "/services/usermanagement/api/users"
WEBHOOKS = "/services/alerts/api/alerts/webhooks"
CALLBACK = "https://bot.example.com/oauth/fieldview/callback"
SCOPES = "asHarvested:read asPlanted:read asApplied:read fields:read resourceOwners:read farmOrganizations:read"


class Receiver:
    """Somebody's webhook address: keeps what arrives and answers as told."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = []
        self.signatures: list[str | None] = []
        self.app = Starlette(routes=[Route("/alerts", self._receive, methods=["POST"])])

    async def _receive(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.signatures.append(request.headers.get("X-Leaf-Signature"))
        return Response("noted" if self.status == 200 else "broken", self.status)


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def fieldview(clock: Clock) -> FieldView:
    provider = FieldView(clock=clock, client_id="app", client_secret="app-secret", api_key="partner-x-1")
    provider.redirect_uris.add(CALLBACK)
    provider.add_account("ada@example.com", "Ada", "Fields")
    return provider


@pytest.fixture
def leaf(clock: Clock, fieldview: FieldView) -> Leaf:
    stand_in = Leaf(clock=clock, username="owner@example.com", password="correct horse")
    stand_in.fieldview = fieldview
    return stand_in


@pytest.fixture
async def anonymous(leaf: Leaf) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(leaf.app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
async def owner(anonymous: httpx.AsyncClient) -> httpx.AsyncClient:
    anonymous.headers["Authorization"] = f"Bearer {await log_in(anonymous)}"
    return anonymous


@pytest.fixture
def ada(leaf: Leaf) -> LeafUser:
    return leaf.add_user("Ada O'Brien", "ada@example.com", "crm-7")


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[str]:
    async with serving(receiver.app) as url:
        yield f"{url}/alerts"


async def log_in(client: httpx.AsyncClient, remember: object = "false") -> str:
    body = {"username": "owner@example.com", "password": "correct horse", "rememberMe": remember}
    answer = await client.post("/api/authenticate", json=body)
    assert answer.status_code == 200
    return str(answer.json()["id_token"])


async def status_with(client: httpx.AsyncClient, token: str) -> int:
    return (await client.get(USERS, headers={"Authorization": f"Bearer {token}"})).status_code


def authorize_url(scope: str = SCOPES) -> str:
    query = {
        "scope": scope,
        "page": "oidcauthn",
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "state": "s",
    }
    return str(httpx.URL("https://fieldview.example/static/app-login/index.html", params=query))


def granted_refresh_token(fieldview: FieldView, scope: str = SCOPES) -> str:
    callback = httpx.URL(fieldview.approve(authorize_url(scope), "ada@example.com"))
    return str(fieldview.exchange(callback.params["code"], CALLBACK)["refresh_token"])


def credential_body(refresh_token: str, **changes: str) -> dict[str, str]:
    body = {"clientId": "app", "clientSecret": "app-secret", "apiKey": "partner-x-1", "refreshToken": refresh_token}
    return body | changes


def of(user: LeafUser, rest: str = "") -> str:
    return f"{USERS}/{user.id}/climate-field-view-credentials{rest}"


# -- logging in


@pytest.mark.parametrize(
    ("remember", "lifetime"),
    [("false", timedelta(hours=24)), ("true", timedelta(days=30)), (True, timedelta(days=30))],
)
async def test_a_login_lasts_a_day_or_thirty_when_remembered(
    anonymous: httpx.AsyncClient, clock: Clock, leaf: Leaf, remember: object, lifetime: timedelta
) -> None:
    token = await log_in(anonymous, remember)
    assert token.count(".") == 2
    clock.advance(lifetime - timedelta(seconds=1))
    assert await status_with(anonymous, token) == 200
    clock.advance(timedelta(seconds=1))
    assert await status_with(anonymous, token) == 401
    assert leaf.logins == 1


async def test_a_wrong_password_and_a_missing_token_are_problems(anonymous: httpx.AsyncClient, leaf: Leaf) -> None:
    wrong = await anonymous.post("/api/authenticate", json={"username": "owner@example.com", "password": "guess"})
    without = await anonymous.get(USERS)
    for answer in (wrong, without):
        assert answer.status_code == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == 401
    assert leaf.logins == 0


async def test_stale_logins_lock_the_bot_out_until_it_logs_in_again(owner: httpx.AsyncClient, leaf: Leaf) -> None:
    leaf.stale_logins()
    assert (await owner.get(USERS)).status_code == 401
    assert await status_with(owner, await log_in(owner)) == 200
    assert leaf.logins == 2


# -- users


async def test_pages_of_users_cover_everybody_once(owner: httpx.AsyncClient, leaf: Leaf) -> None:
    leaf.populate(250)
    seen: list[str] = []
    for page, expected in enumerate((100, 100, 50, 0)):
        answer = await owner.get(USERS, params={"page": page, "size": 500})
        assert len(answer.json()) == expected
        assert answer.headers["X-Total-Count"] == "250"
        seen += [user["id"] for user in answer.json()]
    assert len(set(seen)) == 250


async def test_links_between_pages_are_relative_as_leafs_are(owner: httpx.AsyncClient, leaf: Leaf) -> None:
    leaf.populate(41)
    first = await owner.get(USERS)
    assert len(first.json()) == 20
    assert first.headers["Link"].startswith('<api/users?page=1&size=20>;rel="next"')
    assert '<api/users?page=2&size=20>;rel="last"' in first.headers["Link"]
    assert "next" not in (await owner.get(USERS, params={"page": 2})).headers["Link"]


async def test_filters_match_exactly_unless_switched(owner: httpx.AsyncClient, leaf: Leaf, ada: LeafUser) -> None:
    leaf.add_user("Ada Okafor", "ADA@example.com", "crm-8")

    async def found(**filters: str) -> list[str]:
        return [user["externalId"] for user in (await owner.get(USERS, params=filters)).json()]

    assert await found(email="ada@example.com") == ["crm-7"]
    assert await found(name="Ada Okafor", externalId="crm-7") == []
    leaf.matching = "ignoring_case"
    assert await found(email="ada@example.com") == ["crm-7", "crm-8"]
    leaf.matching = "substring"
    assert await found(name="okaf") == ["crm-8"]


async def test_sorting_puts_the_newest_first_when_asked(owner: httpx.AsyncClient, leaf: Leaf) -> None:
    for name in ("Bo", "Cy", "Al"):
        leaf.add_user(name, f"{name}@example.com")
    answer = await owner.get(USERS, params={"sort": "name,desc"})
    assert [user["name"] for user in answer.json()] == ["Cy", "Bo", "Al"]


async def test_a_user_is_created_changed_and_deleted(owner: httpx.AsyncClient) -> None:
    body = {"name": "Bo", "email": "bo@example.com", "phone": "1", "address": "Field 2", "externalId": "x"}
    created = await owner.post(USERS, json=body)
    assert created.status_code == 201
    path = f"{USERS}/{created.json()['id']}"
    assert (await owner.patch(path, json={"email": "new@example.com"})).json()["phone"] == "1"
    assert (await owner.get(USERS, params={"email": "bo@example.com"})).json() == []
    assert [user["name"] for user in (await owner.get(USERS, params={"email": "new@example.com"})).json()] == ["Bo"]
    assert [user["phone"] for user in (await owner.get(USERS, params={"name": "Bo"})).json()] == ["1"]
    assert (await owner.delete(path)).status_code == 204
    assert (await owner.get(path)).status_code == 404


async def test_a_user_without_name_or_with_an_id_is_refused(owner: httpx.AsyncClient) -> None:
    nameless = await owner.post(USERS, json={"email": "bo@example.com"})
    assert nameless.status_code == 400
    assert [error["field"] for error in nameless.json()["fieldErrors"]] == ["name"]
    assert (await owner.post(USERS, json={"id": "1", "name": "Bo", "email": "b@x.y"})).json()["errorKey"] == "idexists"
    assert (await owner.post(USERS, content=b"{")).status_code == 400


async def test_put_without_credentials_loses_them_as_leaf_warns(
    owner: httpx.AsyncClient, leaf: Leaf, ada: LeafUser
) -> None:
    leaf.connect(ada)
    await owner.put(USERS, json={"id": ada.id, "name": "Ada", "email": "ada@example.com"})
    assert (await owner.get(of(ada))).status_code == 404


async def test_a_user_embeds_the_credential_by_the_switch(owner: httpx.AsyncClient, leaf: Leaf, ada: LeafUser) -> None:
    leaf.connect(ada, refresh_token="canary-refresh", status="UNAUTHENTICATED")
    leaf.add_user("Bo", "bo@example.com")

    async def embedded() -> list[dict[str, object] | None]:
        return [user["climateFieldViewCredentials"] for user in (await owner.get(USERS)).json()]

    full, nothing = await embedded()
    assert full is not None
    assert (full["status"], full["refreshToken"], nothing) == ("UNAUTHENTICATED", "canary-refresh", {})
    leaf.embeds = "without_status"
    without = (await embedded())[0]
    assert without == {name: value for name, value in full.items() if name != "status"}
    leaf.embeds = "empty"
    assert await embedded() == [{}, {}]
    leaf.embeds = "null"
    assert await embedded() == [None, None]


def test_the_last_pages_of_a_hundred_thousand_growers_cost_no_more_than_the_first(leaf: Leaf) -> None:
    leaf.populate(100_000)
    started = time.perf_counter()
    for page in range(900, 1000):
        leaf.users.select({})[page * 100 : page * 100 + 100]
        leaf.find(f"grower{page}@example.com")
    assert time.perf_counter() - started < 0.1


# -- credentials


async def test_a_posted_credential_is_healthy_when_fieldview_knows_the_token(
    owner: httpx.AsyncClient, fieldview: FieldView, ada: LeafUser
) -> None:
    token = granted_refresh_token(fieldview)
    created = await owner.post(of(ada), json=credential_body(token))
    assert created.status_code == 201
    body = created.json()
    assert (body["status"], body["refreshToken"], body["clientSecret"]) == ("OK", token, "app-secret")
    assert body["createdTime"] == "2026-05-04T08:30:00.000000Z"
    assert sorted(body["tokenMetadata"]["scopes"]) == sorted(SCOPES.split())
    assert (await owner.get(of(ada))).json() == body


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"refreshToken": "made up"}, "UNAUTHENTICATED"),
        ({"clientSecret": "wrong"}, "UNAUTHENTICATED"),
        ({"apiKey": "partner-y-2"}, "MISSING_PERMISSION"),
    ],
)
async def test_a_posted_credential_that_fieldview_refuses_says_so(
    owner: httpx.AsyncClient, fieldview: FieldView, ada: LeafUser, changes: dict[str, str], status: str
) -> None:
    body = credential_body(granted_refresh_token(fieldview), **changes)
    assert (await owner.post(of(ada), json=body)).json()["status"] == status


async def test_too_few_scopes_make_a_limited_credential(
    owner: httpx.AsyncClient, fieldview: FieldView, ada: LeafUser
) -> None:
    token = granted_refresh_token(fieldview, "fields:read asPlanted:read")
    assert (await owner.post(of(ada), json=credential_body(token))).json()["status"] == "MISSING_PERMISSION"


async def test_validation_can_come_later(
    owner: httpx.AsyncClient, leaf: Leaf, fieldview: FieldView, ada: LeafUser
) -> None:
    leaf.validates = "later"
    created = await owner.post(of(ada), json=credential_body(granted_refresh_token(fieldview)))
    assert created.json()["status"] == "PENDING"
    await leaf.settle()
    assert (await owner.get(of(ada))).json()["status"] == "OK"


async def test_incomplete_unknown_and_absent_credentials(owner: httpx.AsyncClient, ada: LeafUser) -> None:
    incomplete = await owner.post(of(ada), json={"clientId": "app", "apiKey": " "})
    assert incomplete.status_code == 400
    missing = [error["field"] for error in incomplete.json()["fieldErrors"]]
    assert missing == ["clientSecret", "apiKey", "refreshToken"]
    assert (await owner.get(of(ada))).status_code == 404
    assert (await owner.get(of(ada, "/events"))).status_code == 404
    assert (await owner.delete(of(ada))).status_code == 404
    assert (await owner.post(f"{USERS}/nobody/climate-field-view-credentials", json={})).status_code == 404


async def test_a_second_credential_is_refused_or_replaces_by_the_switch(
    owner: httpx.AsyncClient, leaf: Leaf, fieldview: FieldView, ada: LeafUser
) -> None:
    first = leaf.connect(ada)
    body = credential_body(granted_refresh_token(fieldview))
    refused = await owner.post(of(ada), json=body)
    assert refused.status_code == 400
    assert refused.json()["errorKey"] == "credentialsAlreadyExist"
    leaf.on_second_post = "replace"
    assert (await owner.post(of(ada), json=body)).json()["id"] != first.id


async def test_events_carry_raw_text_and_vanish_with_age_or_the_credential(
    owner: httpx.AsyncClient, leaf: Leaf, clock: Clock, ada: LeafUser
) -> None:
    leaf.connect(ada, access_token="canary-access", refresh_token="canary-refresh")
    leaf.restore(ada)
    clock.advance(timedelta(days=20))
    await leaf.revoke(ada)
    owner.headers["Authorization"] = f"Bearer {await log_in(owner, 'true')}"
    events = (await owner.get(of(ada, "/events"))).json()
    assert [event["statusCode"] for event in events] == [200, 400]
    assert "canary-refresh" in events[0]["body"]
    assert "canary-access" in events[0]["headers"]
    assert json.loads(events[1]["body"])["error"] == "invalid_grant"
    clock.advance(timedelta(days=10))
    assert [event["statusCode"] for event in (await owner.get(of(ada, "/events"))).json()] == [400]
    assert (await owner.delete(of(ada))).status_code == 204
    leaf.connect(ada)
    assert (await owner.get(of(ada, "/events"))).json() == []


async def test_leaf_learns_of_a_revocation_only_when_it_uses_the_token(
    owner: httpx.AsyncClient, leaf: Leaf, fieldview: FieldView, ada: LeafUser
) -> None:
    await owner.post(of(ada), json=credential_body(granted_refresh_token(fieldview)))
    assert fieldview.revoke("ada@example.com") == 1
    assert (await owner.get(of(ada))).json()["status"] == "OK"
    assert await leaf.notice(ada) == "UNAUTHENTICATED"
    assert (await owner.get(of(ada))).json()["status"] == "UNAUTHENTICATED"


async def test_a_grower_whom_leaf_stops_syncing_is_lost_after_thirty_days(
    owner: httpx.AsyncClient, leaf: Leaf, fieldview: FieldView, clock: Clock, ada: LeafUser
) -> None:
    await owner.post(of(ada), json=credential_body(granted_refresh_token(fieldview)))
    clock.advance(timedelta(days=29))
    assert await leaf.sync(ada) == "OK"
    clock.advance(timedelta(days=29))
    assert await leaf.notice(ada) == "OK"
    clock.advance(timedelta(days=1))
    assert await leaf.sync(ada) == "UNAUTHENTICATED"


async def test_a_bot_that_refreshes_leafs_token_orphans_it(
    owner: httpx.AsyncClient, leaf: Leaf, fieldview: FieldView, ada: LeafUser
) -> None:
    token = granted_refresh_token(fieldview)
    await owner.post(of(ada), json=credential_body(token))
    fieldview.refresh(token)
    assert await leaf.notice(ada) == "OK"
    leaf.clock.advance(timedelta(hours=1))
    assert await leaf.notice(ada) == "UNAUTHENTICATED"


async def test_the_other_states_of_a_credential(leaf: Leaf, ada: LeafUser) -> None:
    credential = leaf.connect(ada)
    await leaf.limit(ada)
    assert (credential.status, len(credential.scopes)) == ("MISSING_PERMISSION", 5)
    leaf.fail(ada)
    assert credential.status == "TEMPORARILY_UNAVAILABLE"
    leaf.set_status(ada, "SOMETHING_NEW")
    assert credential.status == "SOMETHING_NEW"
    leaf.restore(ada)
    assert (credential.status, len(credential.scopes)) == ("OK", 6)


async def test_what_was_synced_is_summarised(owner: httpx.AsyncClient, leaf: Leaf, ada: LeafUser) -> None:
    resources = "/services/integrations/api/resources"
    leaf.connect(ada)
    asked = {"provider": "ClimateFieldView", "leafUserId": ada.id}
    assert (await owner.get(resources, params=asked)).json() == {"message": "SUCCESS", "summaries": []}
    await leaf.sync(ada, farms=2, fields=37)
    (summary,) = (await owner.get(resources, params=asked)).json()["summaries"]
    assert summary == {
        "provider": "ClimateFieldView",
        "leafUserId": ada.id,
        "farms": 2,
        "fields": 37,
        "syncReferenceTime": "2026-05-04T08:30:00.000000Z",
    }
    leaf.disconnect(ada)
    assert (await owner.get(resources, params=asked)).json()["summaries"] == []


# -- alerts


def registration(url: str, *events: str) -> dict[str, object]:
    return {"events": list(events), "name": "Bot", "secret": "hook-secret", "url": url}


async def test_a_webhook_is_confirmed_listed_and_deleted(owner: httpx.AsyncClient, receiver: Receiver) -> None:
    async with listening(receiver) as url:
        created = await owner.post(WEBHOOKS, json=registration(url, "credentialsUnauthenticated"))
    assert created.status_code == 201
    assert receiver.bodies == [b'{"message": "confirmation of webhook upon registration"}']
    assert receiver.signatures == [None]
    webhook = created.json()
    assert created.headers["Location"].endswith(webhook["id"])
    assert (await owner.get(WEBHOOKS)).json() == [webhook]
    assert webhook["secret"] == "hook-secret"
    path = f"{WEBHOOKS}/{webhook['id']}"
    assert (await owner.get(path)).json() == webhook
    assert (await owner.delete(path)).status_code == 204
    assert (await owner.get(path)).status_code == 404


async def test_an_event_has_one_webhook_and_an_address_must_confirm(
    owner: httpx.AsyncClient, receiver: Receiver
) -> None:
    async with listening(receiver) as url:
        await owner.post(WEBHOOKS, json=registration(url, "credentialsUnauthenticated"))
        twice = await owner.post(WEBHOOKS, json=registration(url, "fieldCreated", "credentialsUnauthenticated"))
        receiver.status = 500
        unconfirmed = await owner.post(WEBHOOKS, json=registration(url, "credentialsLimitedPermission"))
        unknown = await owner.post(WEBHOOKS, json=registration(url, "credentialsRecovered"))
    assert (twice.status_code, twice.json()["errorKey"]) == (400, "eventRegisteredTwice")
    assert (unconfirmed.status_code, unknown.status_code) == (400, 400)
    assert len((await owner.get(WEBHOOKS)).json()) == 1


async def test_a_revocation_is_told_with_a_signature_over_the_raw_body(
    leaf: Leaf, receiver: Receiver, ada: LeafUser
) -> None:
    credential = leaf.connect(ada)
    async with listening(receiver) as url:
        leaf.send_alerts_to(url, secret="hook-secret")
        await leaf.revoke(ada)
        await leaf.limit(ada)
        leaf.fail(ada)
        leaf.restore(ada)
    revoked, limited = (json.loads(body) for body in receiver.bodies)
    assert revoked == {
        "credential": "app",
        "provider": "ClimateFieldView",
        "credentialId": credential.id,
        "message": revoked["message"],
        "status": "UNAUTHENTICATED",
        "type": "credentialsUnauthenticated",
        "timestamp": "2026-05-04T08:30:00.000000Z",
    }
    assert limited["type"] == "credentialsLimitedPermission"
    assert receiver.signatures == [signature("hook-secret", body) for body in receiver.bodies]
    assert receiver.bodies[0] == json.dumps(revoked).encode()


def test_the_signature_is_the_one_openssl_computes() -> None:
    assert (
        signature("key", b"The quick brown fox jumps over the lazy dog")
        == "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="
    )


async def test_a_failed_alert_is_tried_again_at_1_30_60_and_240_minutes(
    owner: httpx.AsyncClient, leaf: Leaf, receiver: Receiver, clock: Clock, ada: LeafUser
) -> None:
    leaf.connect(ada)
    receiver.status = 502
    attempts: list[float] = []
    async with listening(receiver) as url:
        leaf.send_alerts_to(url)
        await leaf.revoke(ada)
        while (due := leaf.alerts.next_due) is not None:
            clock.advance(due - clock() - timedelta(seconds=1))
            assert await leaf.deliver_due() == []
            clock.advance(timedelta(seconds=1))
            await leaf.deliver_due()
            attempts.append((clock() - START).total_seconds() / 60)
    assert attempts == [1, 30, 60, 240]
    assert len(receiver.bodies) == 5
    (failed,) = (await owner.get(f"{WEBHOOKS}/failed-calls")).json()["items"]
    assert (failed["status"], failed["response"], failed["createdAt"]) == (502, "broken", "2026-05-04T08:30:00Z")
    assert failed["requestBody"].encode() == receiver.bodies[0]


async def test_an_alert_that_gets_through_at_a_retry_is_not_failed(
    leaf: Leaf, receiver: Receiver, clock: Clock, ada: LeafUser
) -> None:
    leaf.connect(ada)
    receiver.status = 503
    async with listening(receiver) as url:
        leaf.send_alerts_to(url)
        await leaf.revoke(ada)
        receiver.status = 200
        clock.advance(timedelta(minutes=1))
        (delivery,) = await leaf.deliver_due()
    assert (delivery.delivered, delivery.attempts) == (True, 2)
    assert (leaf.alerts.next_due, leaf.alerts.failed_calls) == (None, [])


async def test_nobody_at_the_address_is_a_connection_error(leaf: Leaf, receiver: Receiver, ada: LeafUser) -> None:
    leaf.connect(ada)
    async with listening(receiver) as url:
        pass
    leaf.send_alerts_to(url)
    delivery = await leaf.alert(ada, "credentialsUnauthenticated")
    assert delivery is not None
    assert delivery.as_failed_call("owner")["connectionError"].startswith("ConnectError")


async def test_leaf_alerts_once_when_it_notices(
    owner: httpx.AsyncClient, leaf: Leaf, fieldview: FieldView, receiver: Receiver, ada: LeafUser
) -> None:
    leaf.validates = "later"
    await owner.post(of(ada), json=credential_body(granted_refresh_token(fieldview)))
    async with listening(receiver) as url:
        leaf.send_alerts_to(url)
        assert await leaf.settle() == [ada]
        assert receiver.bodies == []
        fieldview.revoke("ada@example.com")
        for _ in range(3):
            await leaf.notice(ada)
    assert [json.loads(body)["type"] for body in receiver.bodies] == ["credentialsUnauthenticated"]


async def test_an_alert_can_lie(leaf: Leaf, receiver: Receiver, ada: LeafUser) -> None:
    credential = leaf.connect(ada)
    async with listening(receiver) as url:
        leaf.send_alerts_to(url)
        await leaf.alert(ada, "credentialsUnauthenticated", credentialId="somebody-else")
    assert json.loads(receiver.bodies[0])["credentialId"] == "somebody-else"
    assert credential.status == "OK"


# -- a bad day


@pytest.mark.parametrize(("retry_after", "header"), [(False, None), (True, "60")])
async def test_too_many_requests(
    owner: httpx.AsyncClient, leaf: Leaf, clock: Clock, retry_after: bool, header: str | None
) -> None:
    leaf.limit_rate(2, 60, retry_after)
    answers = [await owner.get(USERS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].headers.get("Retry-After") == header
    assert answers[-1].json()["status_code"] == 429
    clock.advance(timedelta(seconds=60))
    assert (await owner.get(USERS)).status_code == 200


async def test_a_lost_answer_leaves_the_credential_behind(
    owner: httpx.AsyncClient, leaf: Leaf, fieldview: FieldView, ada: LeafUser
) -> None:
    leaf.faults.lose_answer("POST .*climate-field-view")
    with pytest.raises(httpx.RemoteProtocolError):
        await owner.post(of(ada), json=credential_body(granted_refresh_token(fieldview)))
    assert (await owner.get(of(ada))).json()["status"] == "OK"
    assert [call.status for call in leaf.log.matching("POST .*climate-field-view")] == [None]


async def test_requests_are_remembered_without_their_query(owner: httpx.AsyncClient, leaf: Leaf) -> None:
    leaf.faults.outage("GET /services", times=1)
    for _ in range(2):
        await owner.get(USERS, params={"email": "ada@example.com"})
    assert [(str(call), call.status) for call in leaf.requests] == [
        ("POST /api/authenticate", 200),
        (f"GET {USERS}", 503),
        (f"GET {USERS}", 200),
    ]


async def test_how_dense_requests_came_can_be_told(leaf: Leaf) -> None:
    leaf.log.calls.extend(RecordedCall("GET", "/a", 200, tick) for tick in (0.0, 5.0, 5.5, 5.9, 6.0))
    leaf.log.calls.append(RecordedCall("GET", "/b", 200, 5.7))
    assert (leaf.log.most_within(1.0), leaf.log.most_within(1.0, "/a"), leaf.log.most_within(1.1, "/a")) == (4, 3, 4)
    assert leaf.log.most_within(1.0, "/nothing") == 0


async def test_verbs_work_over_http(anonymous: httpx.AsyncClient, leaf: Leaf) -> None:
    async def do(verb: str, **arguments: object) -> httpx.Response:
        return await anonymous.post(f"/_sandbox/{verb}", json=arguments)

    async def break_it(**arguments: object) -> httpx.Response:
        return await anonymous.post("/_sandbox/faults", json=arguments)

    added = await do("add_user", name="Bo", email="bo@example.com", external_id="crm-1")
    assert added.json()["result"]["name"] == "Bo"
    assert (await do("connect", user="crm-1", refresh_token="canary")).text.count("canary") == 0
    assert (await do("revoke", user="bo@example.com")).json() == {"ok": True, "result": None}
    assert (await do("switch", embeds="null")).status_code == 200
    state = (await anonymous.get("/_sandbox/state")).json()
    assert (state["users"][0]["status"], state["switches"]["embeds"]) == ("UNAUTHENTICATED", "null")
    assert (await break_it(verb="outage", on="GET", times=1)).json()["active"] == [{"on": "GET", "times": 1, "hits": 0}]
    assert (await anonymous.get("/api/anything")).status_code == 503
    await break_it(verb="heal")
    assert (await anonymous.get("/api/anything")).status_code == 401


@pytest.mark.parametrize(
    ("verb", "arguments", "status"),
    [
        ("explode", {}, 404),
        ("revoke", {"user": "nobody"}, 404),
        ("revoke", {"grower": "nobody"}, 400),
        ("switch", {"embeds": "sometimes"}, 400),
        ("alert", {"user": "crm-7", "type": "credentialsRecovered"}, 400),
        ("faults", {"verb": "explode"}, 400),
    ],
)
async def test_a_wrong_verb_is_explained(
    anonymous: httpx.AsyncClient, ada: LeafUser, verb: str, arguments: dict[str, str], status: int
) -> None:
    answer = await anonymous.post(f"/_sandbox/{verb}", json=arguments)
    assert answer.status_code == status
    assert answer.json()["ok"] is False
    assert answer.json()["error"]


async def test_leaf_lists_everybodys_data_refuses_to_or_repeats_itself(owner: httpx.AsyncClient, leaf: Leaf) -> None:
    resources = "/services/integrations/api/resources"
    leaf.populate(3)
    assert await leaf.sync_everybody(2, 8) == 3

    async def listed(page: int) -> list[str]:
        answer = await owner.get(resources, params={"provider": "ClimateFieldView", "page": page, "size": 2})
        return [summary["leafUserId"] for summary in answer.json()["summaries"]]

    everybody = [user.id for user in leaf.users]
    assert [*await listed(0), *await listed(1)] == everybody
    leaf.switch(lists_resources="one_page")
    assert await listed(1) == everybody[:2]
    leaf.switch(lists_resources="nobody")
    assert await listed(0) == []
    leaf.switch(lists_resources="refuses")
    assert (await owner.get(resources, params={"provider": "ClimateFieldView"})).status_code == 400
    one = await owner.get(resources, params={"provider": "ClimateFieldView", "leafUserId": everybody[0]})
    assert one.json()["summaries"][0]["fields"] == 8


async def test_data_can_stand_still_while_the_credential_stays_well(owner: httpx.AsyncClient, leaf: Leaf) -> None:
    leaf.populate(1)
    [grower] = leaf.users
    leaf.stand_still(grower, days=20, fields=5)
    asked = {"provider": "ClimateFieldView", "leafUserId": grower.id}
    answer = await owner.get("/services/integrations/api/resources", params=asked)
    synced_at = datetime.fromisoformat(answer.json()["summaries"][0]["syncReferenceTime"].replace("Z", "+00:00"))
    assert timedelta(days=19) < leaf.clock() - synced_at < timedelta(days=21)
    assert grower.credential is not None
    assert grower.credential.status == "OK"
