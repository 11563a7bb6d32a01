"""The cookie that binds a consent to a browser: only what this host itself has set is taken for it."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from handlers.browser import MOST, BrowserCookie

OURS, THEIRS = "G" * 43, "E" * 43


def read(*cookies: str) -> tuple[str, ...]:
    headers = [(b"cookie", cookie.encode("latin-1")) for cookie in cookies]
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": headers})
    return BrowserCookie("https://bot.example").read(request)


@pytest.mark.parametrize("space", ["", " ", "\t", "  "])
def test_our_cookie_is_found_among_others(space: str) -> None:
    assert read(f"theme=dark;{space}__Host-fieldview-consent={OURS}; a=b") == (OURS,)
    assert read("theme=dark", f"{space}__Host-fieldview-consent={OURS}") == (OURS,)


@pytest.mark.parametrize("space", ["\xa0", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_neighbours_cookie_that_only_looks_like_it_is_another_one(space: str) -> None:
    assert read(f"{space}__Host-fieldview-consent={THEIRS}") == ()
    assert read(f"__Host-fieldview-consent={OURS}; {space}__Host-fieldview-consent={THEIRS}") == (OURS,)


def test_of_two_none_is_believed() -> None:
    assert read(f"__Host-fieldview-consent={OURS}; __Host-fieldview-consent={THEIRS}") == ()


@pytest.mark.parametrize("value", ["", "short", "x" * 101, f'"{OURS}"', f"{OURS}é"])
def test_what_we_never_set_is_none(value: str) -> None:
    assert read(f"__Host-fieldview-consent={value}") == ()


def test_the_secrets_of_the_consents_begun_last_are_kept() -> None:
    kept: tuple[str, ...] = ()
    begun = [f"{number:043}" for number in range(MOST + 2)]
    for secret in [*begun, begun[5]]:
        response = Response()
        BrowserCookie("https://bot.example").write(response, secret, kept)
        kept = read(response.headers["set-cookie"].partition(";")[0])
    assert kept == (begun[5], begun[9], begun[8], begun[7], begun[6], begun[4], begun[3], begun[2])
