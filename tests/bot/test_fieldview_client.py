"""What we say to FieldView and what we make of its answers, over real sockets."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bot.errors import ProviderError, ProviderGibberish, ProviderRefusedUs, ProviderRejected, ProviderUnavailable
from bot.fieldview.client import FieldViewClient, Grant
from bot.sandbox.serving import serving

CODE = SecretStr("the-code")
REDIRECT = "https://bot.example.com/oauth/fieldview/callback"
SCOPES = "fields:read asPlanted:read"
WHOLE = {"access_token": "a", "refresh_token": "r", "scope": "fields:read", "user": {"email": "ada@example.com"}}


def client_for(token_url: str, authorize_url: str = "https://climate.com/login", **more: str) -> FieldViewClient:
    return FieldViewClient(
        client_id="client:id",
        client_secret=SecretStr("sécret:+&"),
        authorize_url=authorize_url,
        token_url=token_url,
        scopes=SCOPES,
        redirect_uri=REDIRECT,
        **more,  # type: ignore[arg-type]
    )


class Endpoint:
    """A token endpoint that gives prepared answers, the last one for ever, and remembers what it was sent."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.sent: list[tuple[httpx.Headers, dict[str, list[str]]]] = []

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        request = Request(scope, receive)
        form = parse_qs((await request.body()).decode(), keep_blank_values=True)
        self.sent.append((httpx.Headers(request.headers.raw), form))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await answer(scope, receive, send)


@asynccontextmanager
async def asking(*answers: Response) -> AsyncIterator[tuple[FieldViewClient, Endpoint]]:
    endpoint = Endpoint(*answers)
    async with serving(endpoint) as url:
        client = client_for(f"{url}/api/oauth/token")
        try:
            yield client, endpoint
        finally:
            await client.close()


async def granted(*answers: Response) -> Grant:
    async with asking(*answers) as (client, _):
        return await client.exchange(CODE)


async def failure(*answers: Response) -> tuple[ProviderError, int]:
    """How the exchange failed, and after how many requests."""
    async with asking(*answers) as (client, endpoint):
        with pytest.raises(ProviderError) as failed:
            await client.exchange(CODE)
        return failed.value, len(endpoint.sent)


def test_the_address_a_grower_is_sent_to() -> None:
    address = urlsplit(client_for("https://x", "https://climate.com/app?mobile=true&page=other").consent_address("s&1"))
    query = parse_qs(address.query)
    assert (address.netloc, address.path) == ("climate.com", "/app")
    assert "%20" in address.query, "scopes are separated by %20"
    assert "+" not in address.query
    assert query == {
        "mobile": ["true"],
        "page": ["other"],
        "scope": [SCOPES],
        "response_type": ["code"],
        "client_id": ["client:id"],
        "redirect_uri": [REDIRECT],
        "state": ["s&1"],
    }


def test_the_page_is_added_where_it_is_missing() -> None:
    assert parse_qs(urlsplit(client_for("https://x").consent_address("s")).query)["page"] == ["oidcauthn"]


async def test_the_exchange_as_fieldview_wants_it() -> None:
    async with asking(JSONResponse(WHOLE)) as (client, endpoint):
        grant = await client.exchange(CODE)
    [(headers, form)] = endpoint.sent
    assert form == {"grant_type": ["authorization_code"], "code": ["the-code"], "redirect_uri": [REDIRECT]}
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")).decode() == "client:id:sécret:+&"
    assert grant.refresh_token.get_secret_value() == "r"
    assert (grant.scopes, grant.account_email) == (("fields:read",), "ada@example.com")
    assert "'r'" not in repr(grant)


@pytest.mark.parametrize(
    ("changes", "scopes", "email"),
    [
        ({"scope": None}, (), "ada@example.com"),
        ({"scope": ["a", "b"]}, ("a", "b"), "ada@example.com"),
        ({"scope": "  a   b "}, ("a", "b"), "ada@example.com"),
        ({"user": None}, ("fields:read",), None),
        ({"user": {}}, ("fields:read",), None),
        ({"user": {"email": None}, "more": {"x": 1}}, ("fields:read",), None),
    ],
)
async def test_what_may_be_missing_from_the_answer(
    changes: dict[str, object], scopes: tuple[str, ...], email: str | None
) -> None:
    grant = await granted(JSONResponse(WHOLE | changes))
    assert (grant.scopes, grant.account_email) == (scopes, email)


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"access_token": "SECRET"}),
        JSONResponse(WHOLE | {"refresh_token": None}),
        JSONResponse(WHOLE | {"refresh_token": ["SECRET"]}),
        JSONResponse(WHOLE | {"refresh_token": ""}),
        JSONResponse(["SECRET"]),
        HTMLResponse("<html>SECRET</html>"),
        Response(b"\xff\xfeSECRET"),
        Response(b"", 204),
    ],
)
async def test_an_answer_without_a_token_is_gibberish_and_is_not_quoted(answer: Response) -> None:
    failed, asked = await failure(answer)
    assert isinstance(failed, ProviderGibberish)
    assert asked == 1
    assert "SECRET" not in repr(failed) + str(failed)
    assert failed.__cause__ is None
    assert failed.__suppress_context__


@pytest.mark.parametrize("status", [401, 403])
async def test_our_own_credentials_are_refused(status: int) -> None:
    failed, asked = await failure(JSONResponse({"message": "no"}, status))
    assert isinstance(failed, ProviderRefusedUs)
    assert asked == 1


async def test_a_spent_code_is_told_in_fieldviews_words() -> None:
    body = {"error": "invalid_grant", "error_description": "Inactive authorization code received from token request"}
    failed, asked = await failure(JSONResponse(body, 400, {"X-Http-Request-Id": "id-1"}))
    assert isinstance(failed, ProviderRejected)
    assert (failed.code, failed.status, asked) == ("invalid_grant", 400, 1)
    assert "id-1" in failed.detail, "their support asks for it"


@pytest.mark.parametrize("answer", [HTMLResponse("no", 400), JSONResponse(["x"], 400), Response(b"", 404)])
async def test_a_refusal_in_no_known_form(answer: Response) -> None:
    failed, _ = await failure(answer)
    assert isinstance(failed, ProviderRejected)
    assert failed.code == ""


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_what_passes_is_tried_again(status: int) -> None:
    async with asking(HTMLResponse("busy", status), JSONResponse(WHOLE)) as (client, endpoint):
        await client.exchange(CODE)
        assert len(endpoint.sent) == 2


async def test_what_does_not_pass_is_given_up_for_now() -> None:
    failed, asked = await failure(JSONResponse({}, 503))
    assert isinstance(failed, ProviderUnavailable)
    assert (failed.maybe_done, asked) == (False, 3)


async def test_a_lost_answer_is_never_asked_for_twice() -> None:
    sent = 0

    async def hang_up(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        nonlocal sent
        sent += 1
        await Request(scope, receive).body()
        scope["drop_connection"]()

    async with serving(hang_up) as url:
        client = client_for(url)
        with pytest.raises(ProviderUnavailable) as failed:
            await client.exchange(CODE)
        await client.close()
    assert failed.value.maybe_done
    assert sent == 1


async def test_nobody_there_is_surely_not_done() -> None:
    async with serving(Endpoint(JSONResponse({}))) as url:
        pass
    client = client_for(url)
    with pytest.raises(ProviderUnavailable) as failed:
        await client.exchange(CODE)
    await client.close()
    assert not failed.value.maybe_done
    assert "the-code" not in repr(failed.value)
