"""The page in a real browser: Block Kit drawn and used, commands typed, the world broken and healed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect
from starlette.responses import JSONResponse, Response

from tests.browser.conftest import Complaints
from tests.demo import gallery
from tests.demo.conftest import visit
from tests.demo.theatre import Play
from tests.stage import eventually

HOSTILE = "<img src=x onerror=document.title='owned'> \"><script>document.title='owned'</script>"
HOSTILE_LINK = "<javascript:document.title='owned'|press me> <data:text/html,x|me too>"
OPENS_A_MODAL = "Send a new link"


def messages(page: Page) -> Any:
    return page.locator("#messages")


async def test_what_people_and_the_app_say_appears_without_a_reload(grace: Page, play: Play) -> None:
    await play.slack.say(play.linus, play.growers_channel, "Good *morning*, @grace")
    await expect(messages(grace).get_by_text("Good morning, @Grace Hopper")).to_be_visible()
    await expect(messages(grace).locator("strong")).to_have_text("morning")
    await play.app.say(play.growers_channel, [gallery.section("Hello :seedling:")])
    await expect(messages(grace).locator(".message", has_text="Hello 🌱").locator(".badge-app")).to_have_text("App")


async def test_every_way_of_writing_is_drawn(grace: Page, play: Play) -> None:
    await play.app.say(play.growers_channel, gallery.words())
    said = messages(grace).locator(".message").last
    await expect(said.locator("strong", has_text="bold")).to_be_visible()
    await expect(said.locator("s", has_text="struck")).to_be_visible()
    await expect(said.get_by_text("<not a tag> a*b*c 2 * 3 * 4")).to_be_visible()
    await expect(said.locator("blockquote").first).to_have_text("a quote, with weighton two lines")
    await expect(said.get_by_role("heading", name="Why it broke")).to_be_visible()
    await expect(said.get_by_role("cell", name="no")).to_be_visible()
    await expect(said.locator("pre").last).to_contain_text("200 OK")


async def test_a_table_has_its_first_row_as_headings(grace: Page, play: Play) -> None:
    await play.app.say(play.growers_channel, gallery.overview())
    table = messages(grace).get_by_role("table")
    await expect(table.get_by_role("columnheader")).to_have_text(["Grower", "State", "Since", "Calls today"])
    await expect(table.get_by_role("row", name="María José Núñez")).to_contain_text("broken")
    assert await table.get_by_role("cell", name="1,204").evaluate("e => getComputedStyle(e).textAlign") == "right"


async def test_a_chart_shows_its_numbers_as_bars(grace: Page, play: Play) -> None:
    await play.app.say(play.growers_channel, gallery.week())
    chart = messages(grace).get_by_role("figure")
    await expect(chart.get_by_text("Growers whose connection was not well")).to_be_visible()
    days = chart.get_by_role("listitem")
    await expect(days).to_have_count(7)
    await expect(days.last).to_have_text("212Sun 22 Nov")
    heights = [
        await bar.evaluate("e => e.getBoundingClientRect().height")
        for bar in await days.last.locator(".chart-bar").all()
    ]
    assert heights[1] == pytest.approx(6 * heights[0], rel=0.05)


async def test_every_block_of_the_gallery_is_known(grace: Page, play: Play) -> None:
    incident, numbers = gallery.incident("Ada"), (gallery.overview(), gallery.week())
    everything = (gallery.words(), gallery.cards(), gallery.controls(), incident, *numbers)
    for blocks in everything:
        await play.app.say(play.growers_channel, blocks)
    await expect(messages(grace).locator(".message")).to_have_count(len(everything))
    await expect(messages(grace).locator(".placeholder")).to_have_count(0)


async def test_nothing_that_was_sent_becomes_markup(grace: Page, play: Play) -> None:
    """Raw as no real Slack would let it through, in every kind of text at once."""
    plain, marked = gallery.plain(HOSTILE[:70]), gallery.mrkdwn(HOSTILE + HOSTILE_LINK)
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": HOSTILE}]}
    blocks: list[gallery.Block] = [
        {"type": "header", "text": plain},
        {"type": "section", "text": marked, "fields": [marked]},
        {"type": "markdown", "text": f"{HOSTILE} [press](javascript:document.title='owned') **{HOSTILE}**"},
        {"type": "rich_text", "elements": [rich]},
        {"type": "context", "elements": [marked]},
        {"type": "table", "rows": [[{"type": "raw_text", "text": HOSTILE}], [{"type": "raw_text", "text": HOSTILE}]]},
        {"type": "card", "title": gallery.mrkdwn(HOSTILE[:90]), "body": gallery.mrkdwn(HOSTILE[:90])},
        {"type": "actions", "elements": [gallery.button(HOSTILE[:70], "hostile")]},
    ]
    title = await grace.title()
    await play.app.say(play.growers_channel, blocks)
    play.slack.user("linus").real_name = HOSTILE
    play.backstage.record(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    await play.slack.say(play.linus, play.growers_channel, HOSTILE)
    await expect(messages(grace).locator(".message")).to_have_count(2)
    await expect(grace.locator(".audit")).to_contain_text(HOSTILE)
    await expect(messages(grace).locator(".block-header")).to_contain_text("<img src=x onerror")
    await expect(
        grace.locator("#messages script, #trail script, img[src=x], [href^=javascript], [href^=data]")
    ).to_have_count(0)
    assert await grace.title() == title


async def test_a_button_sends_its_action_and_the_message_changes_in_place(grace: Page, play: Play) -> None:
    ts = await play.app.say(play.growers_channel, gallery.incident("Ada"))

    async def healed(payload: dict[str, Any]) -> Response:
        blocks = gallery.incident("Ada", healed=True)
        await play.app.client().chat_update(channel=play.growers_channel, ts=ts, text="healed", blocks=blocks)
        return Response()

    play.app.answers["block_actions"] = healed
    await messages(grace).get_by_role("button", name="Assign to me").click()
    await expect(messages(grace).get_by_text("Ada is connected again")).to_be_visible()
    await expect(messages(grace).locator(".message")).to_have_count(1)
    assert [(each["action_id"], each["value"]) for each in play.app.actions()] == [("own", "ada")]


async def test_a_dangerous_button_asks_first(grace: Page, play: Play) -> None:
    await play.app.say(play.growers_channel, gallery.incident("Ada"))
    press = messages(grace).get_by_role("button", name="Disconnect")
    dialog = grace.get_by_role("dialog", name="Disconnect Ada?")
    await press.click()
    await dialog.get_by_role("button", name="Keep it").click()
    await expect(dialog).to_have_count(0)
    assert play.app.actions() == []
    await press.click()
    await dialog.get_by_role("button", name="Disconnect").click()
    await play.slack.until(play.app.actions)
    assert play.app.actions()[0]["action_id"] == "disconnect"


async def test_a_button_that_the_app_did_not_answer_says_so(grace: Page, play: Play) -> None:
    async def broken(payload: dict[str, Any]) -> Response:
        return Response(status_code=500)

    play.app.answers["block_actions"] = broken
    await play.app.say(play.growers_channel, gallery.incident("Ada"))
    await messages(grace).get_by_role("button", name="Assign to me").click()
    await expect(messages(grace).get_by_role("alert")).to_contain_text("The app did not do it")


async def test_menus_of_every_kind_send_what_was_chosen(grace: Page, play: Play) -> None:
    async def suggested(payload: dict[str, Any]) -> Response:
        return JSONResponse({"options": [gallery.option(f"{payload['value']} Lovelace", "leaf-ada")]})

    play.app.answers["block_suggestion"] = suggested
    await play.app.say(play.growers_channel, gallery.controls())
    for shown, chosen in (("Choose a grower", "Ada Byron"), ("Assign to", "Linus Pauling"), ("Channel", "#growers")):
        await messages(grace).get_by_role("button", name=shown).click()
        await grace.get_by_role("option", name=chosen).click()
    await messages(grace).get_by_role("button", name="Find a grower").click()
    await grace.get_by_role("combobox", name="Filter").fill("Ada")
    await grace.get_by_role("option", name="Ada Lovelace").click()
    await messages(grace).get_by_label("By a link to share").check()
    await messages(grace).get_by_label("Tell me when done").check()
    await play.slack.until(lambda: len(play.app.actions()) == 6)
    sent = {each["action_id"]: each for each in play.app.actions()}
    assert sent["which"]["selected_option"]["value"] == "byron"
    assert sent["owner"]["selected_user"] == play.linus
    assert sent["where"]["selected_channel"] == play.growers_channel
    assert sent["search"]["selected_option"]["value"] == "leaf-ada"
    assert sent["how"]["selected_option"]["value"] == "link"
    assert [each["value"] for each in sent["also"]["selected_options"]] == ["tell"]


async def test_an_overflow_menu_works_with_the_keyboard(grace: Page, play: Play) -> None:
    await play.app.say(play.growers_channel, gallery.incident("Ada"))
    more = messages(grace).get_by_role("button", name="More actions")
    await more.focus()
    await grace.keyboard.press("Enter")
    await expect(grace.get_by_role("menuitem", name="Show events")).to_be_focused()
    await grace.keyboard.press("ArrowDown")
    await grace.keyboard.press("Enter")
    await play.slack.until(play.app.actions)
    assert play.app.actions()[0]["selected_option"]["value"] == "snooze"


async def open_modal(page: Page, play: Play) -> Any:
    async def opens(payload: dict[str, Any]) -> Response:
        await play.app.client().views_open(trigger_id=payload["trigger_id"], view=gallery.modal())
        return Response()

    play.app.answers["block_actions"] = opens
    await play.app.say(play.growers_channel, gallery.incident("Ada"))
    await messages(page).get_by_role("button", name=OPENS_A_MODAL).click()
    return page.get_by_role("dialog", name="New grower")


async def test_a_modal_is_filled_in_corrected_and_sent(grace: Page, play: Play) -> None:
    complaints = iter([{"response_action": "errors", "errors": {"mail": "Leaf has another grower there."}}, {}])

    async def submitted(payload: dict[str, Any]) -> Response:
        return JSONResponse(next(complaints))

    play.app.answers["view_submission"] = submitted
    dialog = await open_modal(grace, play)
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_text("Please complete this required field.")).to_be_visible()
    await dialog.get_by_label("E-mail").fill("ada@byron.example")
    await dialog.get_by_label("Give me a link to share").check()
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_text("Leaf has another grower there.")).to_be_visible()
    await expect(dialog.get_by_label("E-mail")).to_have_value("ada@byron.example")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog).to_have_count(0)
    values = play.app.heard[-1]["view"]["state"]["values"]
    assert values["mail"]["value"]["value"] == "ada@byron.example"
    assert values["name"]["value"]["value"] == "Ada Byron"
    assert values["how"]["value"]["selected_option"]["value"] == "link"


async def test_escape_closes_a_modal(grace: Page, play: Play) -> None:
    dialog = await open_modal(grace, play)
    await expect(dialog).to_be_visible()
    await grace.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    assert play.slack.view(play.grace) is None


async def test_a_command_is_suggested_completed_and_sent(grace: Page, play: Play) -> None:
    play.command_works()
    box = grace.locator("#composer-text")
    await box.press_sequentially("/fieldview co")
    await grace.keyboard.press("Tab")
    await expect(box).to_have_value("/fieldview connect ")
    await grace.keyboard.type("love")
    await expect(grace.get_by_role("option", name="Ada Lovelace")).to_be_visible()
    await grace.keyboard.press("Tab")
    await expect(box).to_have_value("/fieldview connect Ada Lovelace")
    await grace.keyboard.press("Enter")
    private = messages(grace).locator(".ephemeral", has_text="Only visible to you")
    await expect(private).to_contain_text("I sent @Ada Lovelace a link")
    assert [each["text"] for each in play.app.heard if "command" in each] == ["connect Ada Lovelace"]
    await private.get_by_role("button", name="Dismiss").click()
    await expect(private).to_have_count(0)


async def test_a_command_that_nobody_answers_fails_as_in_slack(grace: Page, play: Play) -> None:
    play.slack.delivery.patience = 0.05
    play.slack.deliver_to = play.slack.url + "/nobody-here"
    await grace.locator("#composer-text").fill("/fieldview status")
    await grace.keyboard.press("Enter")
    await expect(messages(grace).get_by_text("/fieldview failed with the error")).to_be_visible()


async def test_a_thread_opens_beside_the_channel(grace: Page, play: Play) -> None:
    ts = await play.app.say(play.growers_channel, gallery.incident("Ada"))
    await play.app.say(play.growers_channel, text="A new link was sent.", thread_ts=ts)
    await messages(grace).get_by_role("button", name="1 reply").click()
    thread = grace.get_by_role("complementary", name="Thread")
    await expect(thread.get_by_text("A new link was sent.")).to_be_visible()
    await expect(messages(grace).get_by_text("A new link was sent.")).to_have_count(0)
    await thread.get_by_role("textbox", name="Reply").fill("Thanks!")
    await grace.keyboard.press("Enter")
    await expect(thread.get_by_text("Thanks!")).to_be_visible()


async def test_ada_is_told_and_opens_her_link_as_on_a_phone(grace: Page, play: Play) -> None:
    play.command_works()
    await grace.locator("#composer-text").fill("/fieldview connect Ada")
    await grace.keyboard.press("Enter")
    await expect(grace.locator(".face", has_text="Ada").locator(".count")).to_have_text("1")
    await grace.locator(".face", has_text="Ada").click()
    await grace.get_by_role("navigation", name="Channels").get_by_role("button", name="FieldView").click()
    async with grace.context.expect_page() as opened:
        await messages(grace).get_by_role("button", name="Connect FieldView").click()
    link = await opened.value
    await expect(link.get_by_role("heading", name="Connect FieldView?")).to_be_visible()
    assert await link.evaluate("innerWidth") < 500
    assert [each["action_id"] for each in play.app.actions()] == ["open_link"]


async def test_the_app_s_home_is_shown_and_used(grace: Page, play: Play) -> None:
    await play.app.client().views_publish(user_id=play.grace, view=gallery.home())
    await grace.get_by_role("navigation", name="Channels").get_by_role("button", name="FieldView").click()
    await grace.get_by_role("tab", name="Home").click()
    await expect(grace.get_by_role("heading", name="Good morning, Grace")).to_be_visible()
    await grace.locator("#home").get_by_role("button", name="Refresh").click()
    await play.slack.until(play.app.actions)
    assert play.app.actions()[0]["action_id"] == "refresh"


async def test_backstage_shows_who_knows_what(grace: Page, play: Play) -> None:
    ada = grace.locator(".grower", has_text="Ada Lovelace")
    await ada.get_by_role("button", name="Revoke at FieldView").click()
    await expect(ada.locator(".truth").nth(0)).to_contain_text("revoked")
    await expect(ada.locator(".truth").nth(2)).to_contain_text("healthy")
    await expect(ada.get_by_text("the bot hears of it at the next sweep")).to_be_visible()
    await grace.get_by_role("button", name="Sweep now").click()
    await expect(ada.locator(".truth").nth(2)).to_contain_text("broken")
    await expect(grace.locator(".audit").first).to_contain_text("sweep")
    assert [verb for verb, _ in play.backstage.done] == ["revoke", "sweep"]


async def test_the_world_is_broken_healed_and_hurried(grace: Page, play: Play) -> None:
    leaf = grace.get_by_role("group", name="Outside services").get_by_role("button", name="Leaf")
    await leaf.click()
    await grace.get_by_role("menuitem", name="Outage").click()
    await expect(leaf).to_contain_text("answers 503")
    await leaf.click()
    await grace.get_by_role("menuitem", name="Heal Leaf").click()
    await expect(leaf).to_contain_text("works")
    await grace.get_by_role("button", name="+8 days").click()
    await expect(grace.locator("#world-clock")).to_contain_text("8 d ahead")


async def test_a_refused_verb_is_explained(grace: Page, play: Play, complaints: Complaints) -> None:
    revoke = grace.locator(".grower", has_text="Ada Lovelace").get_by_role("button", name="Revoke at FieldView")
    play.backstage.growers = ()
    await revoke.click()
    await expect(grace.get_by_role("status").get_by_text("No such grower.")).to_be_visible()
    complaints.expect("409")


COVERED = """() => {
  const card = document.querySelector(".tour-card").getBoundingClientRect();
  return [...document.querySelectorAll("#backstage button, #composer button")].filter((button) => {
    const box = button.getBoundingClientRect();
    const across = box.left < card.right && card.left < box.right;
    return box.width && across && box.top < card.bottom && card.top < box.bottom;
  }).length === 0;
}"""
"""Whether no lever and no button to write with lies under the tour's card; it glides there."""


@pytest.mark.parametrize("width", [1100, 1280, 1600])
async def test_the_tours_card_stands_beside_the_levers_and_not_on_them(play: Play, page: Page, width: int) -> None:
    play.backstage.growers = tuple(gallery.never_asked(each) for each in play.backstage.growers)
    await page.set_viewport_size({"width": width, "height": 800})
    await visit(page, play, tour=True)
    tour = page.get_by_role("dialog", name="Tour")
    for step in range(1, 6):
        await expect(tour).to_contain_text(f"Step {step} of 5")
        await eventually(lambda: page.evaluate(COVERED))
        await tour.get_by_role("button", name="Next").click()


async def test_the_tour_leads_a_grower_who_sees_no_channel_to_the_right_one(play: Play, page: Page) -> None:
    play.backstage.growers = tuple(gallery.never_asked(each) for each in play.backstage.growers)
    play.slack.add_channel("fieldview-alerts", [play.grace, play.linus])
    await visit(page, play, tour=True)
    await page.locator(f'.face[data-user="{play.ada}"]').click()
    await expect(page.locator('.room-link[data-name="growers"]')).to_have_count(0)
    tour = page.get_by_role("dialog", name="Tour")
    for _ in range(3):
        await tour.get_by_role("button", name="Next").click()
    await expect(tour).to_contain_text("One card appears in #fieldview-alerts")
    await tour.get_by_role("button", name="Show the channel").click()
    await expect(page.locator("#room-head")).to_contain_text("fieldview-alerts")


async def test_the_tour_follows_the_story(play: Play, page: Page) -> None:
    play.command_works()
    play.backstage.growers = tuple(gallery.never_asked(each) for each in play.backstage.growers)
    await visit(page, play, tour=True)
    tour = page.get_by_role("dialog", name="Tour")
    await expect(tour).to_contain_text("Step 1 of 5")
    await tour.get_by_role("button", name="Type it for me").click()
    await page.keyboard.press("Enter")
    await expect(tour).to_contain_text("Step 2 of 5")
    await tour.get_by_role("button", name="Take me there").click()
    async with page.context.expect_page():
        await messages(page).get_by_role("button", name="Connect FieldView").click()
    await expect(tour).to_contain_text("Step 3 of 5")
    for step, bot_status in (
        ("Step 4 of 5", "healthy"),
        ("Step 5 of 5", "broken"),
        ("Connected, lost, repaired", "healthy"),
    ):
        play.backstage.growers = tuple(gallery.believed(each, bot_status) for each in play.backstage.growers)
        await expect(tour).to_contain_text(step)
    await tour.get_by_role("button", name="Look around").click()
    await page.reload()
    await page.wait_for_selector("body.ready")
    await expect(tour).to_have_count(0)


@pytest.mark.parametrize("width", [1440, 1100, 900, 390])
async def test_nothing_hangs_over_the_edge(play: Play, page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await gallery.hang(play)
    await visit(page, play)
    await expect(messages(page).locator(".message").first).to_be_attached()
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    assert await messages(page).evaluate("e => e.scrollWidth <= e.clientWidth")


async def test_on_a_phone_the_panels_are_tabs(play: Play, phone: Page) -> None:
    await visit(phone, play)
    await expect(phone.locator("#composer-text")).to_be_visible()
    await phone.get_by_role("navigation", name="Panels").get_by_role("button", name="Backstage").tap()
    await expect(phone.get_by_role("button", name="Sweep now")).to_be_visible()
    await expect(phone.locator("#composer-text")).to_be_hidden()


async def test_the_chosen_theme_is_remembered(grace: Page) -> None:
    paper = "getComputedStyle(document.querySelector('.room')).backgroundColor"
    light = await grace.evaluate(paper)
    await grace.get_by_role("button", name="Switch between light and dark").click()
    dark = await grace.evaluate(paper)
    assert dark != light
    await grace.reload()
    await grace.wait_for_selector("body.ready")
    assert await grace.evaluate(paper) == dark
