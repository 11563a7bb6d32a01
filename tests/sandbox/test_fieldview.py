"""FieldView's stand-in: a page that people can click, and a token endpoint with FieldView's own words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from bot.sandbox.clock import Clock
from bot.sandbox.fieldview import FieldView, RefusedToken
from bot.sandbox.serving import serving

START = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
CALLBACK = "https://bot.example.com/oauth/fieldview/callback"
LOGIN_PAGE = "/static/app-login/index.html"
SCOPE = "fields:read asPlanted:read"
TOKEN = "/api/oauth/token"
INACTIVE = {"error": "invalid_grant", "error_description": "Inactive authorization code received from token request"}
DEAD = {"error": "invalid_grant", "error_description": "Provided Authorization Grant is invalid"}


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def fieldview(clock: Clock) -> FieldView:
    provider = FieldView(
        clock=clock, client_id="app", client_secret="app:secret+ü", api_key="k", redirect_uris=[CALLBACK]
    )
    provider.add_account("ada@example.com", "Ada", "O'Brien")
    provider.add_account("bo@example.com", "Bo", "Larsen", country="CA")
    return provider


@pytest.fixture
async def browser(fieldview: FieldView) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(fieldview.app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


def asked(**changes: str | None) -> dict[str, str]:
    params: dict[str, str | None] = {
        "scope": SCOPE,
        "page": "oidcauthn",
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": CALLBACK,
        "state": "st&te",
    }
    return {name: value for name, value in (params | changes).items() if value is not None}


def authorize_url(**changes: str | None) -> str:
    return str(httpx.URL(f"https://fieldview.example{LOGIN_PAGE}", params=asked(**changes)))


def new_code(fieldview: FieldView, email: str = "ada@example.com", **changes: str | None) -> str:
    return str(httpx.URL(fieldview.approve(authorize_url(**changes), email)).params["code"])


def grant(fieldview: FieldView, email: str = "ada@example.com") -> dict[str, Any]:
    return fieldview.exchange(new_code(fieldview, email), CALLBACK)


async def exchange(client: httpx.AsyncClient, code: str, redirect_uri: str = CALLBACK) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    return await client.post(TOKEN, data=form, auth=("app", "app:secret+ü"))


def hidden_fields(html: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', html)
    return {name: unescape(value) for name, value in found}


# -- the page


async def test_a_grower_signs_in_approves_and_comes_back_with_a_code(browser: httpx.AsyncClient) -> None:
    sign_in = await browser.get(LOGIN_PAGE, params=asked())
    assert "Ada O&#39;Brien" in sign_in.text
    assert 'value="bo@example.com"' in sign_in.text
    consent = await browser.get(LOGIN_PAGE, params={**hidden_fields(sign_in.text), "as": "ada@example.com"})
    assert "Planting records" in consent.text
    action = re.search(r'<form method="post" action="([^"]+)"', consent.text)
    assert action
    back = await browser.post(action[1], data={**hidden_fields(consent.text), "decision": "approve"})
    assert back.status_code == 303
    callback = httpx.URL(back.headers["Location"])
    assert str(callback.copy_with(query=None)) == CALLBACK
    assert callback.params["state"] == "st&te"
    answer = await exchange(browser, callback.params["code"])
    assert answer.json()["user"] == {
        "email": "ada@example.com",
        "firstname": "Ada",
        "lastname": "O'Brien",
        "country": "US",
    }


async def test_a_grower_can_say_no_or_use_another_account(browser: httpx.AsyncClient, fieldview: FieldView) -> None:
    consent = await browser.get(LOGIN_PAGE, params={**asked(), "as": "ada@example.com"})
    other = re.search(r'<a href="([^"]+)">Use another account', consent.text)
    assert other
    assert "Sign in to FieldView" in (await browser.get(unescape(other[1]))).text
    decided = {**hidden_fields(consent.text), "decision": "deny"}
    back = httpx.URL((await browser.post("/static/app-login/decision", data=decided)).headers["Location"])
    assert dict(back.params) == {
        "error": "access_denied",
        "error_description": "The resource owner denied the request",
        "state": "st&te",
    }


async def test_an_unknown_e_mail_address_is_told_so_harmlessly(browser: httpx.AsyncClient) -> None:
    page = await browser.get(LOGIN_PAGE, params={**asked(), "as": "<b>@example.com"})
    assert "There is no account for &lt;b&gt;@example.com" in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "someone-else"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": None},
        {"page": None},
        {"response_type": "token"},
    ],
)
async def test_a_wrong_request_ends_on_an_error_page_and_goes_nowhere(
    browser: httpx.AsyncClient, fieldview: FieldView, changes: dict[str, str | None]
) -> None:
    page = await browser.get(LOGIN_PAGE, params=asked(**changes))
    posted = await browser.post(
        "/static/app-login/decision", data={**asked(**changes), "as": "ada@example.com", "decision": "approve"}
    )
    for answer in (page, posted):
        assert answer.status_code == 400
        assert "does not work" in answer.text
        assert "Location" not in answer.headers
    with pytest.raises(ValueError, match=r"page=|response_type|client_id|redirect_uri"):
        fieldview.approve(authorize_url(**changes), "ada@example.com")


def test_the_state_may_get_lost(fieldview: FieldView) -> None:
    fieldview.echoes_state = False
    assert set(httpx.URL(fieldview.approve(authorize_url(), "ada@example.com")).params) == {"code"}
    assert "state" not in httpx.URL(fieldview.deny(authorize_url())).params


@pytest.mark.parametrize(
    ("on_deny", "members"),
    [
        ("error", {"error", "error_description", "state"}),
        ("nothing", {"state"}),
        ("both", {"error", "error_description", "code", "state"}),
    ],
)
def test_a_no_comes_back_in_three_ways(fieldview: FieldView, on_deny: Any, members: set[str]) -> None:
    fieldview.on_deny = on_deny
    assert set(httpx.URL(fieldview.deny(authorize_url())).params) == members


def test_a_query_in_the_redirect_uri_is_kept(fieldview: FieldView) -> None:
    fieldview.allow_redirect(f"{CALLBACK}?tenant=7")
    back = httpx.URL(fieldview.approve(authorize_url(redirect_uri=f"{CALLBACK}?tenant=7"), "ada@example.com"))
    assert (back.params["tenant"], len(back.params["code"]) > 20) == ("7", True)


# -- the token endpoint


async def test_a_code_becomes_tokens_once(browser: httpx.AsyncClient, fieldview: FieldView) -> None:
    code = new_code(fieldview, "bo@example.com")
    answer = await exchange(browser, code)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["scope"], body["expires_in"], body["token_type"]) == (SCOPE, 14400, "bearer")
    assert body["user"]["country"] == "CA"
    assert fieldview.is_live(body["refresh_token"])
    again = await exchange(browser, code)
    assert (again.status_code, again.json()) == (400, INACTIVE)


async def test_a_code_is_short_lived(browser: httpx.AsyncClient, fieldview: FieldView, clock: Clock) -> None:
    code = new_code(fieldview)
    clock.advance(fieldview.code_lifetime)
    assert (await exchange(browser, code)).json() == INACTIVE


async def test_a_different_callback_does_not_spend_the_code(browser: httpx.AsyncClient, fieldview: FieldView) -> None:
    code = new_code(fieldview)
    mismatch = await exchange(browser, code, CALLBACK + "?x=1")
    assert mismatch.status_code == 400
    assert mismatch.json() == {"error": "invalid_grant", "error_description": "Callback url mismatch"}
    assert (await exchange(browser, code)).status_code == 200


@pytest.mark.parametrize("scope", ["fields:read,asPlanted:read", "fields:everything", ""])
async def test_a_malformed_scope_is_refused(browser: httpx.AsyncClient, fieldview: FieldView, scope: str) -> None:
    answer = await exchange(browser, new_code(fieldview, scope=scope))
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_scope", "error_description": "Invalid Scope!"}


async def test_credentials_belong_in_the_header_only(browser: httpx.AsyncClient, fieldview: FieldView) -> None:
    form = {"grant_type": "authorization_code", "code": new_code(fieldview), "redirect_uri": CALLBACK}
    body_secret = {"client_id": "app", "client_secret": "app:secret+ü"}
    twice = await browser.post(TOKEN, data=form | body_secret, auth=("app", "app:secret+ü"))
    assert twice.status_code == 400
    assert twice.json() == {
        "error": "invalid_request",
        "error_description": "Request body and headers contain authorization information",
    }
    in_body = await browser.post(TOKEN, data=form | body_secret)
    wrong = await browser.post(TOKEN, data=form, auth=("app", "guess"))
    nonsense = await browser.post(TOKEN, data=form, headers={"Authorization": "Basic ***"})
    assert [answer.status_code for answer in (in_body, wrong, nonsense)] == [401, 401, 401]
    as_json = await browser.post(TOKEN, json=form, auth=("app", "app:secret+ü"))
    assert as_json.status_code == 400
    assert (await exchange(browser, form["code"])).status_code == 200


async def test_a_refresh_token_is_used_once_and_its_successor_lives(
    browser: httpx.AsyncClient, fieldview: FieldView, clock: Clock
) -> None:
    first = grant(fieldview)["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": first}
    renewed = (await browser.post(TOKEN, data=form, auth=("app", "app:secret+ü"))).json()
    assert renewed["refresh_token"] != first
    again = await browser.post(TOKEN, data=form, auth=("app", "app:secret+ü"))
    assert (again.status_code, again.json()) == (400, DEAD)
    clock.advance(timedelta(minutes=59))
    assert fieldview.is_live(first)
    clock.advance(timedelta(minutes=1))
    assert (fieldview.is_live(first), fieldview.is_live(renewed["refresh_token"])) == (False, True)


def test_a_refresh_token_dies_after_thirty_days(fieldview: FieldView, clock: Clock) -> None:
    token = grant(fieldview)["refresh_token"]
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    assert fieldview.is_live(token)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(RefusedToken, match="Provided Authorization Grant is invalid"):
        fieldview.refresh(token)


def test_a_grower_revokes_their_own_grants_and_nobody_elses(fieldview: FieldView) -> None:
    first, second, bos = (grant(fieldview, who) for who in ("ada@example.com", "ada@example.com", "bo@example.com"))
    renewed = fieldview.refresh(first["refresh_token"])
    assert fieldview.revoke("ADA@example.com") == 2
    alive = [fieldview.is_live(answer["refresh_token"]) for answer in (renewed, second, bos)]
    assert alive == [False, False, True]
    assert fieldview.revoke("ada@example.com") == 0


def test_fewer_scopes_than_asked_can_be_granted(fieldview: FieldView) -> None:
    fieldview.add_account("cy@example.com", "Cy", "Ng", grants_only={"asPlanted:read"})
    limited = grant(fieldview, "cy@example.com")
    assert limited["scope"] == "asPlanted:read"
    assert fieldview.scopes_of(limited["refresh_token"]) == {"asPlanted:read"}
    fieldview.grants_only = {"fields:read"}
    assert grant(fieldview)["scope"] == "fields:read"


async def test_every_answer_has_a_request_id(browser: httpx.AsyncClient, fieldview: FieldView) -> None:
    answers = [await browser.get(LOGIN_PAGE), await browser.post(TOKEN), await browser.get("/nowhere")]
    fieldview.faults.outage("POST", times=1)
    answers.append(await browser.post(TOKEN))
    assert [answer.status_code for answer in answers] == [400, 400, 404, 503]
    assert len({answer.headers["X-Http-Request-Id"] for answer in answers}) == 4
    assert [call.status for call in fieldview.requests] == [400, 400, 404, 503]


async def test_verbs_work_over_http(browser: httpx.AsyncClient, fieldview: FieldView) -> None:
    async def do(verb: str, **arguments: object) -> Any:
        return (await browser.post(f"/_sandbox/{verb}", json=arguments)).json()

    added = await do("add_account", email="cy@example.com", first="Cy", last="Ng")
    assert added["result"]["lastname"] == "Ng"
    callback = await do("approve", authorize_url=authorize_url(), email="cy@example.com")
    token = fieldview.exchange(httpx.URL(callback["result"]).params["code"], CALLBACK)["refresh_token"]
    assert await do("revoke", email="cy@example.com") == {"ok": True, "result": 1}
    assert not fieldview.is_live(token)
    assert (await do("switch", on_deny="perhaps"))["ok"] is False
    await do("switch", on_deny="nothing", echoes_state=False, grants_only=["fields:read"])
    assert (await do("deny", authorize_url=authorize_url()))["result"] == CALLBACK
    assert (await do("approve", authorize_url="https://x.example/", email="cy@example.com"))["ok"] is False
    switches = (await browser.get("/_sandbox/state")).json()["switches"]
    assert switches == {
        "echoes_state": False,
        "names_account": True,
        "on_deny": "nothing",
        "grants_only": ["fields:read"],
    }
