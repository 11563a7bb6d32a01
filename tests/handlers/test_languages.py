"""Which language a grower gets: what they chose, else what their browser asks for, else English; never a crash."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import Response

from handlers.languages import COOKIE, Choice, choice_of, keep, preferred
from tests.handlers.gallery import LANGUAGES, a_request


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt"),
        ("pt-PT", "pt"),
        ("es-419,es;q=0.9", "es"),
        ("es-AR", "es"),
        ("fr-CA, fr;q=0.9, en;q=0.8", "fr"),
        ("FR-ch", "fr"),
        ("pt_BR", "pt"),
        ("en-GB,pt;q=0.9", "en"),
        ("en;q=0.3, fr ; q=0.5, es;q=0.4", "fr"),
        ("es, pt", "es"),
        ("es;q=0.5, pt;q=0.5", "es"),
        ("de-DE,de;q=0.9,fr;q=0.4,*;q=0.1", "fr"),
        ("fr;q=0, es;q=0.1", "es"),
        ("fr;q=0", "en"),
        ("*", "en"),
        ("de, uk", "en"),
        ("", "en"),
    ],
)
def test_the_browsers_languages_in_their_order(header: str, language: str) -> None:
    assert preferred(header, LANGUAGES) == language


@pytest.mark.parametrize(
    "header",
    [
        "pt;q=2",
        "pt;q=-1",
        "pt;q=nan",
        "pt;q=1e9",
        "pt;q=0.1234",
        "pt;q=",
        "pt;q=\N{SUPERSCRIPT TWO}",
        "portuguese-pt",
        "-pt",
        "pt-",
        "pt pt",
        "../pt",
        "p\x00t",
        "<script>",
        "en.toml",
        ";;;,,,q=",
    ],
)
def test_what_is_no_language_range_counts_for_nothing(header: str) -> None:
    assert preferred(header, LANGUAGES) == "en"
    assert preferred(f"{header},fr;q=0.1", LANGUAGES) == "fr"


def test_an_endless_header_is_not_read_to_its_end() -> None:
    assert preferred("de," * 300 + "pt", LANGUAGES) == "pt"
    assert preferred("de," * 1_000_000 + "pt", LANGUAGES) == "en"


def test_a_browser_may_send_the_header_twice() -> None:
    request = a_request("de")
    request.scope["headers"].append((b"accept-language", b"es;q=0.5"))

    assert choice_of(request, LANGUAGES) == Choice("es")


# No deadline: the machine may be busy with other tests.
@settings(deadline=None)
@given(
    st.text(st.characters(max_codepoint=255), max_size=2000),
    st.text(st.characters(max_codepoint=127), max_size=200),
    st.text(st.characters(max_codepoint=255), max_size=200),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
def test_whatever_a_browser_sends_the_language_is_one_of_ours(
    header: str, query: str, cookie: str, method: str
) -> None:
    request = a_request(header, query=query, cookie=f"{COOKIE}={cookie}", method=method)

    assert choice_of(request, LANGUAGES).language in LANGUAGES


def test_a_link_outweighs_the_cookie_and_the_cookie_the_browser() -> None:
    assert choice_of(a_request("fr", query="lang=pt", cookie=f"{COOKIE}=es"), LANGUAGES) == Choice(
        "pt", newly_made=True, by_reader=True
    )
    assert choice_of(a_request("fr", cookie=f"{COOKIE}=es"), LANGUAGES) == Choice("es", by_reader=True)


@pytest.mark.parametrize(
    "query", ["lang=", "lang=tlh", "lang=../en", "lang=%00", "lang=pt-PT", "lang=" + "pt-" * 5000, "lang"]
)
def test_a_link_to_a_language_we_lack_is_no_choice(query: str) -> None:
    assert choice_of(a_request("fr", query=query), LANGUAGES) == Choice("fr")


def test_a_form_is_not_asked_for_its_language() -> None:
    assert choice_of(a_request("fr", query="lang=pt", method="POST"), LANGUAGES) == Choice("fr")


def test_a_cookie_that_is_not_ours_counts_for_nothing() -> None:
    assert choice_of(a_request("fr", cookie=f"{COOKIE}=tlh"), LANGUAGES) == Choice("fr")


def test_on_loopback_the_cookie_goes_without_tls() -> None:
    response = Response()
    keep(response, "pt", secure=False)

    assert "Secure" not in response.headers["set-cookie"]
