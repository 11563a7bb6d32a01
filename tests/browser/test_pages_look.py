"""The grower's pages as a phone shows them: measured in a real Chromium, with JavaScript off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bot.sandbox.serving import serving
from handlers.pages import Pages
from tests.handlers.gallery import LANGUAGES, NOW, a_view, every_page

LOCALES = {"en-US": "en", "pt-BR": "pt", "es-AR": "es", "fr-CA": "fr"}
SMALL_PHONE = {"width": 320, "height": 640}
NAMES = sorted(every_page(Pages(form_targets=("https://climate.com",), secure=False)))
HOSTILE = a_view(
    grower="\u202e<b>Ada</b>" + "W" * 500, asked_by="👩‍🌾" * 60, company="a" + "\u0301" * 300 + "Ünïcödé " * 40
)

# Each text with the colour behind it, following the ancestors to the first opaque background, and its size and weight.
TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !parent.getClientRects().length) continue;
    let behind = parent;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    found.push([walker.currentNode.data.trim(), getComputedStyle(parent).color,
                behind ? getComputedStyle(behind).backgroundColor : 'none']);
  }
  return found;
}"""
WIDER_THAN_SCREEN = """() => [...document.body.querySelectorAll('*')]
  .filter(e => !e.closest('svg') && e.getBoundingClientRect().right > innerWidth + 0.5)
  .map(e => e.outerHTML.slice(0, 90))"""
FOCUSED = "() => (document.activeElement.textContent || '').trim()"
OUTLINE = "() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth] }"


@dataclass
class Site:
    """Our pages under their names, with the consent forms behind them, and every request that came in."""

    form_targets: tuple[str, ...]
    leads_to: str = "/connected"
    seen: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        routes = [
            Route("/connect/token-1", self.go_on, methods=["POST"]),
            Route("/connect/token-1/decline", self.decline, methods=["POST"]),
            Route("/{name}", self.show),
        ]
        return Starlette(routes=routes)

    async def show(self, request: Request) -> Response:
        self.seen.append(request)
        everyones = Pages(form_targets=self.form_targets, secure=False, company="Prairie Grain")
        pages = everyones.for_request(request)
        if request.path_params["name"] == "hostile":
            return pages.consent(HOSTILE, now=NOW)
        if request.path_params["name"] == "refreshing":
            return pages.connecting(a_view(), check_url="/connected", refresh_after=1)
        return every_page(pages).get(request.path_params["name"]) or pages.unknown()

    async def go_on(self, request: Request) -> Response:
        self.seen.append(request)
        return RedirectResponse(self.leads_to, 303)

    async def decline(self, request: Request) -> Response:
        self.seen.append(request)
        return RedirectResponse("/declined", 303)


@pytest.fixture
def site() -> Site:
    return Site(form_targets=("https://climate.com",))


@asynccontextmanager
async def phone(
    browser: Browser, base: str, scheme: str = "light", scale: float = 1, locale: str = "en-US"
) -> AsyncIterator[Page]:
    """A small phone without JavaScript, set to the language of `locale`; `scale` is the browser's zoom."""
    context: BrowserContext = await browser.new_context(
        viewport={key: round(size / scale) for key, size in SMALL_PHONE.items()},  # type: ignore[arg-type]
        device_scale_factor=scale,
        color_scheme=scheme,  # type: ignore[arg-type]
        java_script_enabled=False,
        locale=locale,
        base_url=base,
    )
    yield await context.new_page()
    await context.close()


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` as WCAG 2.2 defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_word_can_be_read_in_the_sun(browser: Browser, site: Site, scheme: str) -> None:
    async with serving(site.app()) as base, phone(browser, base, scheme) as page:
        for name in NAMES:
            await page.goto(f"/{name}")
            texts = await page.evaluate(TEXTS)
            assert len(texts) > 5
            for text, colour, behind in texts:
                assert contrast(colour, behind) >= 4.5, f"{name}: {text!r} {colour} on {behind}"
            assert (luminance(texts[0][2]) < 0.1) == (scheme == "dark")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("scale", [1, 2])
async def test_nothing_runs_off_a_small_screen_or_a_zoomed_one(
    browser: Browser, site: Site, scale: float, locale: str
) -> None:
    async with serving(site.app()) as base, phone(browser, base, scale=scale, locale=locale) as page:
        for name in [*NAMES, "hostile"]:
            await page.goto(f"/{name}")
            assert await page.evaluate(WIDER_THAN_SCREEN) == [], name
            assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), name


async def test_a_hostile_name_fits_a_wide_screen_as_well(browser: Browser, site: Site) -> None:
    async with serving(site.app()) as base, phone(browser, base, scale=1 / 3) as page:
        await page.goto("/hostile")
        assert await page.evaluate(WIDER_THAN_SCREEN) == []
        table = await page.locator(".who").bounding_box()
        value = await page.locator(".who dd").last.bounding_box()
        assert table is not None
        assert value is not None
        assert value["x"] + value["width"] <= table["x"] + table["width"]


async def test_thumbs_hit_every_control_and_the_keyboard_goes_in_order(browser: Browser, site: Site) -> None:
    async with serving(site.app()) as base, phone(browser, base) as page:
        for name in NAMES:
            await page.goto(f"/{name}")
            controls = await page.locator("a, button").all()
            for control in controls:
                box = await control.bounding_box()
                assert box is not None
                assert min(box["width"], box["height"]) >= 44, name
            for control in controls:
                await page.keyboard.press("Tab")
                assert await page.evaluate(FOCUSED) == (await control.inner_text()).strip()
                assert await page.evaluate(OUTLINE) == ["solid", "3px"]


@pytest.mark.parametrize("locale", LOCALES)
async def test_who_asks_and_the_code_word_stand_on_the_first_screen(browser: Browser, site: Site, locale: str) -> None:
    async with serving(site.app()) as base, phone(browser, base, locale=locale) as page:
        await page.goto("/consent")
        for text in ("Maria Santos, Prairie Grain", "Okafor Family Farms", "amber-barley"):
            box = await page.get_by_text(text).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= SMALL_PHONE["height"]


async def test_a_first_view_is_one_request_and_the_policy_has_no_complaint(browser: Browser, site: Site) -> None:
    async with serving(site.app()) as base, phone(browser, base) as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        answer = await page.goto("/consent")
        await page.wait_for_load_state("networkidle")
        assert answer is not None
        sizes = await answer.request.sizes()

    assert [request.url.path for request in site.seen] == ["/consent"]
    assert complaints == []
    assert sizes["responseHeadersSize"] + sizes["responseBodySize"] < 14 * 1024


async def test_yes_takes_one_tap_without_javascript(browser: Browser) -> None:
    fieldview = Site(form_targets=("https://climate.com",))
    async with serving(fieldview.app()) as there:
        ours = Site(form_targets=(there,), leads_to=f"{there}/busy")
        async with serving(ours.app()) as here, phone(browser, here) as page:
            await page.goto("/consent")
            await page.get_by_role("button", name="Continue to FieldView").click()
            await page.wait_for_url(f"{there}/busy")

    assert [request.method for request in ours.seen] == ["GET", "POST"]
    # A page without referrer posts `Origin: null`, so whoever guards the form must go by Fetch Metadata first.
    assert (ours.seen[-1].headers["sec-fetch-site"], ours.seen[-1].headers["origin"]) == ("same-origin", "null")
    assert "referer" not in fieldview.seen[0].headers


async def test_a_form_leads_nowhere_but_to_the_named_target(browser: Browser, site: Site) -> None:
    elsewhere = Site(form_targets=("https://climate.com",))
    async with serving(elsewhere.app()) as there:
        site.leads_to = f"{there}/busy"
        async with serving(site.app()) as here, phone(browser, here) as page:
            await page.goto("/consent")
            async with page.expect_console_message(lambda message: "form-action" in message.text):
                await page.get_by_role("button", name="Continue to FieldView").click()

    assert elsewhere.seen == []


async def test_no_takes_one_tap_too(browser: Browser, site: Site) -> None:
    async with serving(site.app()) as base, phone(browser, base) as page:
        await page.goto("/consent")
        await page.get_by_role("button", name="No, I do not want this").click()
        await page.wait_for_url("**/declined")
        assert await page.get_by_role("heading", level=1).inner_text() == "All right. Nothing was changed."


async def test_a_waiting_page_looks_again_by_itself(browser: Browser, site: Site) -> None:
    async with serving(site.app()) as base, phone(browser, base) as page:
        await page.goto("/refreshing")
        await page.wait_for_url("**/connected")
        assert "Done." in await page.get_by_role("heading", level=1).inner_text()


@pytest.mark.parametrize(("wish", "animation"), [("reduce", "none"), ("no-preference", "grow")])
async def test_the_page_stands_still_for_those_who_want_it(
    browser: Browser, site: Site, wish: str, animation: str
) -> None:
    async with serving(site.app()) as base, phone(browser, base) as page:
        await page.emulate_media(reduced_motion=wish)  # type: ignore[arg-type]
        await page.goto("/connecting")
        assert await page.evaluate("() => getComputedStyle(document.querySelector('.g1')).animationName") == animation


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_phone_is_answered_in_its_own_language(browser: Browser, site: Site, locale: str) -> None:
    async with serving(site.app()) as base, phone(browser, base, locale=locale) as page:
        await page.goto("/consent")
        assert await page.locator("html").get_attribute("lang") == LANGUAGES[LOCALES[locale]]


async def test_a_language_chosen_at_the_foot_stays_to_the_end_of_the_way(browser: Browser, site: Site) -> None:
    async with serving(site.app()) as base, phone(browser, base) as page:
        await page.goto("/consent")
        await page.get_by_role("navigation", name="Language").get_by_role("link", name="Português").click()
        await page.wait_for_url("**/consent?lang=pt")
        await page.get_by_role("button", name="Continuar no FieldView").click()
        await page.wait_for_url("**/connected")
        assert await page.get_by_role("heading", level=1).inner_text() == "Pronto. Seu FieldView está conectado."
        await page.get_by_role("navigation", name="Idioma").get_by_role("link", name="English").click()
        await page.wait_for_url("**/connected?lang=en")
        assert await page.get_by_role("heading", level=1).inner_text() == "Done. Your FieldView is connected."

    assert [request.url.path for request in site.seen if request.method == "POST"] == ["/connect/token-1"]
    assert not [request for request in site.seen if "referer" in request.headers]
