"""What a grower is told, and what every page holds whoever asked: status, headers, landmarks, a next step."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import HTMLResponse

from handlers.pages import Failure, Invitation, Pages
from handlers.wording import Wording, plain
from tests.handlers.gallery import LANGUAGES, LEAF_NEEDS, NOW, a_request, a_view, every_page

PAGES = Pages(form_targets=("https://climate.com",), secure=True, company="Prairie Grain")
ALL = every_page(PAGES)
IN = {language: every_page(PAGES.for_request(a_request(language))) for language in LANGUAGES}
VOID = {"meta", "link", "br", "img", "input", "hr"}
STATUS = {
    "consent": 200,
    "consent-partly": 200,
    "connecting": 200,
    "connected": 200,
    "declined": 200,
    "delayed": 200,
    "expired": 410,
    "expired-asked": 410,
    "shared": 200,
    "shared-stopped": 200,
    "shared-ended": 200,
    "revoked": 410,
    "settled": 410,
    "taken": 409,
    "unknown": 404,
    "failed-cancelled": 200,
    "failed-refused": 403,
    "failed-too_late": 410,
    "failed-unavailable": 503,
    "wrong-account": 409,
    "wrong-browser": 403,
    "busy": 429,
    "error": 500,
}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, *tags: str) -> list[Element]:
        inner = [child for child in self.children if isinstance(child, Element)]
        return [found for child in inner for found in ([child] if child.tag in tags else []) + child.all(*tags)]

    def one(self, tag: str) -> Element:
        (found,) = self.all(tag)
        return found

    def with_id(self, name: str) -> Element:
        (found,) = [element for element in self.everything() if element.attributes.get("id") == name]
        return found

    def everything(self) -> list[Element]:
        inner = [child for child in self.children if isinstance(child, Element)]
        return [self, *(found for child in inner for found in child.everything())]

    @property
    def text(self) -> str:
        return " ".join("".join(c if isinstance(c, str) else f" {c.text} " for c in self.children).split())


class Tree(HTMLParser):
    """A strict reader: every element that is opened must be closed, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert self._open == [self.root], f"never closed: {self._open[-1].tag}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def read(response: HTMLResponse) -> Element:
    return Tree(bytes(response.body).decode()).root


def words_of(response: HTMLResponse) -> str:
    return read(response).one("body").text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(ALL))
def page(request: pytest.FixtureRequest, language: str) -> HTMLResponse:
    return IN[language][request.param]


def test_the_consent_page_answers_what_a_careful_farmer_asks() -> None:
    words = words_of(PAGES.consent(a_view(), now=NOW))

    assert "Who asks Maria Santos , Prairie Grain" in words
    assert "For the farm business Okafor Family Farms" in words
    assert "has the word amber-barley If it does not, do not continue" in words
    for data in ("names and boundaries", "Planting", "Spraying and fertilizer", "Harvest", "Names of your farms"):
        assert data in words
    assert "Nothing is changed in your FieldView, and nothing about money is read" in words
    assert "Leaf, a farm-data service, reads it from Climate FieldView on behalf of Prairie Grain" in words
    assert "Remove the connection in FieldView's own settings, or tell Maria Santos" in words
    assert "FieldView's own page opens, at climate.com" in words
    assert "This link works until the end of Monday 30 November" in words


def test_the_grower_says_yes_or_no_with_one_button_each() -> None:
    forms = read(PAGES.consent(a_view(), now=NOW)).all("form")

    assert [(form.attributes["method"], form.attributes["action"], form.one("button").text) for form in forms] == [
        ("post", "/connect/token-1", "Continue to FieldView"),
        ("post", "/connect/token-1/decline", "No, I do not want this"),
    ]


def test_a_reconnection_says_that_it_is_one() -> None:
    first, again = (words_of(PAGES.consent(a_view(reconnect=known), now=NOW)) for known in (False, True))

    assert "You have connected FieldView to Prairie Grain before" in again
    assert "before" not in first.split("Who asks")[0]


def test_only_what_is_asked_for_is_listed() -> None:
    words = words_of(PAGES.consent(a_view(scopes=("fields:read",)), now=NOW))

    assert "names and boundaries" in words
    assert "Harvest" not in words
    assert "Planting" not in words


@pytest.mark.parametrize("scope", ["rx:write", "fields:write", "customerInsights:read"])
def test_a_scope_beyond_the_six_is_named_and_takes_the_promise_away(scope: str) -> None:
    words = words_of(PAGES.consent(a_view(scopes=(*LEAF_NEEDS, scope)), now=NOW))

    assert scope in words
    assert "Nothing is changed" not in words
    assert "Ask Maria Santos why before you continue" in words


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=7), "until the end of Monday 30 November"),
        (timedelta(hours=48), "until the end of Wednesday 25 November"),
        (timedelta(hours=47, minutes=59), "for the next 47 hours"),
        (timedelta(hours=1, minutes=59), "for the next hour"),
        (timedelta(minutes=15), "for the next 15 minutes"),
        (timedelta(seconds=90), "for a few more minutes"),
    ],
)
def test_how_long_a_link_works_is_said_without_a_clock(left: timedelta, words: str) -> None:
    assert Wording("en").until(NOW + left, NOW) == words


# No deadline: the machine may be busy with other tests.
@settings(deadline=None)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.floats(48, 720))
def test_a_promised_day_is_whole_in_every_time_zone(now: datetime, hours: float) -> None:
    expires = now.replace(tzinfo=UTC) + timedelta(hours=hours)
    _, day, month = Wording("en").until(expires, now.replace(tzinfo=UTC)).rsplit(" ", 2)

    for year in (2026, 2027):
        promised = datetime.strptime(f"{day} {month} {year}", "%d %B %Y").replace(tzinfo=UTC)
        if abs(promised - expires) < timedelta(days=5):
            end_in_the_furthest_west = promised + timedelta(days=1, hours=12)
            assert end_in_the_furthest_west <= expires < end_in_the_furthest_west + timedelta(days=1)


def test_each_page_has_its_status() -> None:
    assert {name: response.status_code for name, response in ALL.items()} == STATUS
    assert PAGES.error("7F3K", status=503).status_code == 503


def test_a_link_that_was_declined_is_gone_when_opened_again() -> None:
    assert PAGES.declined(a_view(), reopened=True).status_code == 410


def test_pages_that_pass_say_when_to_come_back() -> None:
    assert ALL["busy"].headers["retry-after"] == "60"
    assert ALL["failed-unavailable"].headers["retry-after"] == "600"
    assert "retry-after" not in ALL["consent"].headers


WHAT_NOW = {"en": "What to do now", "pt": "O que fazer agora", "es": "Qué hacer ahora", "fr": "Que faire maintenant"}


def test_every_page_gives_a_next_step(page: HTMLResponse, language: str) -> None:
    main = read(page).one("main")
    if main.all("form"):
        return
    (step,) = [section for section in main.all("section") if section.attributes.get("aria-labelledby") == "next"]

    assert step.with_id("next").text == WHAT_NOW[language]
    assert len(step.text) > len(WHAT_NOW[language]) + 40


@pytest.mark.parametrize("name", ["expired", "revoked", "shared", "declined", "delayed", "wrong-account", "connected"])
def test_pages_about_a_known_link_name_the_person_to_turn_to(name: str) -> None:
    assert "Maria Santos" in words_of(ALL[name])


@pytest.mark.parametrize("name", ["unknown", "wrong-browser", "busy", "error"])
def test_pages_for_whoever_comes_name_nobody(name: str) -> None:
    words = words_of(ALL[name])

    assert "Maria" not in words
    assert "Okafor" not in words


SHARES = {
    "en": " is read|you share ",
    "pt": " é lido|compartilha ",
    "es": " se lee |usted comparte ",
    "fr": " est lu|partagez ",
}
"""What a page says while data is read, in the present."""


@pytest.mark.parametrize("language", SHARES)
def test_once_it_has_stopped_the_page_tells_of_what_was_shared_as_of_the_past(language: str) -> None:
    going_on, stopped, ended = (read(IN[language][name]) for name in ("shared", "shared-stopped", "shared-ended"))

    def says(page: Element) -> list[str]:
        headings = [each.text for tag in ("title", "h1", "h2") for each in page.all(tag)]
        return [heading for heading in headings if re.search(SHARES[language], f" {heading} ", re.IGNORECASE)]

    assert len(says(going_on)) == 3
    assert says(stopped) == says(ended) == []


@pytest.mark.parametrize("reason", Failure)
def test_after_a_failure_the_same_link_leads_back(reason: Failure) -> None:
    (link,) = read(PAGES.failed(reason, retry_url="/connect/token-1")).one("main").all("a")

    assert link.attributes["href"] == "/connect/token-1"
    assert not read(PAGES.failed(reason)).all("a")


def test_the_page_looks_again_without_script_only_when_it_says_so() -> None:
    who = Invitation("Okafor Family Farms", "Maria Santos", "Prairie Grain")
    patient = read(PAGES.connecting(who, check_url="/connect/done?a=1&b=2", refresh_after=None))
    eager = read(PAGES.connecting(who, check_url="/connect/done?a=1&b=2", refresh_after=4))

    (refresh,) = [meta for meta in eager.all("meta") if meta.attributes.get("http-equiv") == "refresh"]
    assert refresh.attributes["content"] == "4; url=/connect/done?a=1&b=2"
    assert "looks again by itself" in eager.text
    assert "looks again by itself" not in patient.text
    assert not [meta for meta in patient.all("meta") if "http-equiv" in meta.attributes]


def test_a_crash_shows_its_reference() -> None:
    assert "7F3K-92QD" in words_of(ALL["error"])


def test_the_account_that_approved_is_shown_when_known() -> None:
    assert "You signed in to FieldView as ada@okafor.example" in words_of(ALL["connected"])
    assert "signed in" not in words_of(PAGES.connected(a_view()))


def test_landmarks_headings_and_labels(page: HTMLResponse, language: str) -> None:
    root = read(page)
    headings = [heading.tag for heading in root.all("h1", "h2", "h3")]
    ids = [element.attributes["id"] for element in root.everything() if "id" in element.attributes]

    assert root.one("html").attributes["lang"] == LANGUAGES[language]
    assert root.one("title").text
    assert [element.tag for element in root.one("body").all("header", "main", "footer")] == ["header", "main", "footer"]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert len(ids) == len(set(ids))
    for element in root.everything():
        if label := element.attributes.get("aria-labelledby"):
            assert root.with_id(label).text
    for control in root.all("a", "button"):
        assert control.text
    for picture in root.all("svg"):
        assert picture.attributes["aria-hidden"] == "true"


def test_nothing_in_the_page_needs_more_than_the_policy_allows(page: HTMLResponse) -> None:
    root = read(page)
    links = [element.attributes["href"] for element in root.all("link")]

    assert not root.all("script", "img", "iframe", "object", "base")
    assert not [name for element in root.everything() for name in element.attributes if name.startswith("on")]
    assert not [element.tag for element in root.everything() if "style" in element.attributes]
    assert all(link.startswith("data:image/svg+xml,") for link in links)


def test_the_policy_allows_exactly_this_stylesheet(page: HTMLResponse) -> None:
    style = "".join(child for child in read(page).one("style").children if isinstance(child, str))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert page.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src 'self' data:; "
        "form-action 'self' https://climate.com; frame-ancestors 'none'; base-uri 'none'"
    )


def test_every_page_carries_every_security_header(page: HTMLResponse) -> None:
    expected = {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "x-robots-tag": "noindex, nofollow",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "strict-transport-security": "max-age=63072000; includeSubDomains",
    }
    assert {name: page.headers[name] for name in expected} == expected
    assert "camera=()" in page.headers["permissions-policy"]


def test_a_site_without_https_promises_none() -> None:
    insecure = Pages(form_targets=("http://127.0.0.1:8123",), secure=False)

    assert "strict-transport-security" not in insecure.unknown().headers
    assert "form-action 'self' http://127.0.0.1:8123;" in insecure.unknown().headers["content-security-policy"]


@pytest.mark.parametrize(
    "target", ["climate.com", "https://climate.com; script-src *", "https://a.com https://b.com", ""]
)
def test_a_form_target_that_is_no_origin_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        Pages(form_targets=("https://climate.com", target), secure=True)


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {company} {0} %s",
    "</title></style><h1>Free seed</h1>",
    "\u202egniht dab\u202c \u2066x",
    "👩‍🌾🚜" * 40,
    "W" * 500,
    "a" + "\u0301" * 400,
    "\x00\x1b[31m\r\n\t ",
    "",
    "مزرعة النخيل",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(name: str) -> None:
    view = a_view(grower=name, asked_by=name, company=name or "Prairie Grain", code_word=name)

    for page_name, response in every_page(PAGES, view).items():
        tags = [element.tag for element in read(response).everything()]
        assert tags == [element.tag for element in read(ALL[page_name]).everything()]
        assert not set("\u202e\u202c\u2066\x00\x1b") & set(bytes(response.body).decode())


def test_an_address_cannot_leave_its_attribute() -> None:
    address = '/connect/a"><script>alert(1)</script>'
    forms = read(PAGES.consent(a_view(continue_url=address), now=NOW)).all("form")
    waiting = read(PAGES.connecting(a_view(), check_url=address))

    assert forms[0].attributes["action"] == address
    assert waiting.one("a").attributes["href"] == address
    assert not waiting.all("script")


@settings(deadline=None)
@given(st.text(max_size=600))
def test_any_name_fits_on_a_line_and_keeps_no_trick(name: str) -> None:
    shown = plain(name)

    assert len(shown) <= 80
    assert plain(shown) == shown
    assert not set(shown) & set("\n\r\t\x00\u2028\u202e\u2066\u200f\ufeff")


@pytest.mark.parametrize("name", ["O'Brien & Söhne", "Fazenda São João", "مزرعة النخيل", "हरियाणा फार्म", "👩‍🌾 Ann"])
def test_an_honest_name_is_left_alone(name: str) -> None:
    assert plain(name) == name


def test_a_name_without_anything_visible_gets_a_stand_in() -> None:
    assert "(no name)" in words_of(PAGES.consent(a_view(grower="\u202e \u2066"), now=NOW))


def test_the_title_tells_a_phones_history_no_grower(page: HTMLResponse) -> None:
    assert "Okafor" not in read(page).one("title").text


def test_a_first_view_is_one_small_answer(language: str) -> None:
    pages = PAGES.for_request(a_request(query=f"lang={language}"))
    response = pages.consent(a_view(reconnect=True, scopes=(*LEAF_NEEDS, "rx:write")), now=NOW)
    headers = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)

    assert headers + len(response.body) < 14 * 1024


def test_each_grower_is_asked_in_a_language_of_theirs() -> None:
    said = {language: words_of(IN[language]["consent"]) for language in LANGUAGES}

    assert "Share your FieldView data with Prairie Grain ?" in said["en"]
    assert "Compartilhar seus dados do FieldView com Prairie Grain ?" in said["pt"]
    assert "¿Compartir sus datos de FieldView con Prairie Grain ?" in said["es"]
    assert "Partager vos données FieldView avec Prairie Grain ?" in said["fr"]
    for words in said.values():
        for same in ("amber-barley", "Maria Santos", "Okafor Family Farms", "climate.com", "Leaf"):
            assert same in words


def test_until_a_page_knows_who_asks_it_speaks_english_without_a_switch() -> None:
    page = read(ALL["consent"])

    assert page.one("html").attributes["lang"] == "en"
    assert not page.all("nav")
    assert "vary" not in ALL["consent"].headers


def test_a_page_says_that_it_depends_on_the_readers_language(page: HTMLResponse) -> None:
    assert "Accept-Language" in page.headers["vary"].split(", ")


def test_at_the_foot_of_every_page_the_other_languages_are_one_tap_away(page: HTMLResponse, language: str) -> None:
    switch = read(page).one("footer").one("nav")
    others = {link.attributes["href"]: link for link in switch.all("a")}

    assert switch.attributes["aria-label"]
    assert [element.text for element in switch.all("a", "span")] == ["English", "Español", "Français", "Português"]
    assert switch.one("span").attributes == {"lang": LANGUAGES[language], "aria-current": "true"}
    assert set(others) == {f"?lang={name}" for name in LANGUAGES if name != language}
    for name in set(LANGUAGES) - {language}:
        assert others[f"?lang={name}"].attributes["lang"] == LANGUAGES[name]


def test_the_switch_never_repeats_the_address_it_stands_at() -> None:
    code, token = "c0de-canary", "t0ken-canary"
    request = a_request("pt", path=f"/connect/{token}", query=f"code={code}&lang=fr")
    html = bytes(PAGES.for_request(request).unknown().body).decode()

    assert token not in html
    assert code not in html


def test_an_answer_to_a_form_has_the_language_but_no_switch() -> None:
    answer = PAGES.for_request(a_request("pt-BR", method="POST")).declined(a_view())

    assert read(answer).one("html").attributes["lang"] == "pt-BR"
    assert not read(answer).all("nav")


def test_a_chosen_language_stays_for_the_pages_after_the_form(language: str) -> None:
    chosen = PAGES.for_request(a_request("de", query=f"lang={language}")).consent(a_view(), now=NOW)
    cookie, _, attributes = chosen.headers["set-cookie"].partition("; ")
    after = PAGES.for_request(a_request("de", method="POST", cookie=cookie)).declined(a_view())

    assert read(after).one("html").attributes["lang"] == LANGUAGES[language]
    assert set(attributes.split("; ")) == {"HttpOnly", "Max-Age=86400", "Path=/", "SameSite=lax", "Secure"}
    assert "set-cookie" not in after.headers


def test_nobody_gets_a_cookie_who_chose_nothing(page: HTMLResponse) -> None:
    assert "set-cookie" not in page.headers


def test_two_readers_at_once_do_not_change_each_others_page() -> None:
    french, brazilian = PAGES.for_request(a_request("fr")), PAGES.for_request(a_request("pt"))

    assert read(french.unknown()).one("html").attributes["lang"] == "fr"
    assert read(brazilian.unknown()).one("html").attributes["lang"] == "pt-BR"
    assert read(PAGES.unknown()).one("html").attributes["lang"] == "en"


def test_a_browsers_own_translator_leaves_the_code_word_alone(language: str) -> None:
    (word,) = [element for element in read(IN[language]["consent"]).all("strong") if element.text == "amber-barley"]

    assert (word.attributes["lang"], word.attributes["translate"]) == ("en", "no")


def test_a_language_we_lack_is_an_error_at_the_start() -> None:
    with pytest.raises(KeyError, match="tlh"):
        Pages(form_targets=("https://climate.com",), secure=True, language="tlh")
