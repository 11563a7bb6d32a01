"""Every slash command over real sockets: what the agent reads, what the grower gets, what stands at Leaf."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import httpx
import pytest

import handlers.slack
from handlers.commands import COMMANDS
from handlers.commands.examples import EXAMPLES
from storage import consents
from tests.stage import Stage, buttons_of, days, eventually, link_in, set_up, text_of

HANA = "hana@sato.example"


def links_in(stage: Stage) -> list[str]:
    """Channels in which a consent link can be read by everybody, and whether Slack would show a preview."""
    found = []
    for channel in stage.world.slack.workspace.channels.values():
        found += [
            channel.name
            for message in channel.messages
            if not channel.is_im and not message.ephemeral_to and "/connect/" in text_of(message) + repr(message.blocks)
        ]
    return found


async def test_connect_sends_the_grower_a_message_and_says_so_to_the_agent_alone(stage: Stage) -> None:
    told = await stage.types("/fieldview connect Ada Lovelace Farms")
    assert f"<@{stage.ada}>" in text_of(told)
    assert "/connect/" not in text_of(told) + repr(told.blocks), "the agent need not have the link"
    [message] = await stage.dm(stage.ada)
    assert link_in(message)
    assert "unfurl_links" in message.sent
    assert message.sent["unfurl_links"] in (False, "false", "0", 0)
    assert links_in(stage) == []


@pytest.mark.parametrize("obstacle", ["messages tab", "deactivated", "scope", "not in slack", "lookup fails"])
async def test_a_link_that_cannot_be_delivered_goes_to_the_agent_alone(stage_on_sqlite: Stage, obstacle: str) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    grower = "Ada Lovelace Farms"
    match obstacle:
        case "messages tab":
            slack.messages_tab_enabled = False
        case "deactivated":
            slack.deactivate(stage.ada)
        case "scope":
            slack.scopes.discard("users:read.email")
        case "not in slack":
            grower = "Sato Family Orchards"
            stage.world.leaf.disconnect(HANA)
        case "lookup fails":
            slack.faults.outage("users.lookupByEmail")
    await stage.sweeps_now()
    told = await stage.types(f"/fieldview connect {grower}")
    assert told.ephemeral_to == stage.grace
    assert slack.posted(slack.dm(stage.ada)) == []
    assert links_in(stage) == []
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(link_in(told))).status_code == 200


async def test_a_healthy_grower_is_asked_again_only_on_purpose(stage: Stage) -> None:
    await stage.sweeps_now()
    told = await stage.types("/fieldview connect Sato Family Orchards")
    assert "connect-anyway" in buttons_of(told)
    assert "/connect/" not in repr(told.blocks)
    link = link_in(await stage.presses(told, "connect-anyway"))
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(link)).status_code == 200


async def test_a_new_grower_is_made_at_leaf_and_invited(stage: Stage) -> None:
    stage.world.slack.add_user("rosa", "Rosa", "rosa@finca.example")
    asked = await stage.types("/fieldview connect Finca Rosa & Söhne")
    assert "create-grower" in buttons_of(asked)
    outcome = await stage.world.slack.click(stage.grace, asked.channel, asked.ts, "create-grower")
    assert outcome.ok
    await stage.world.slack.until(lambda: stage.world.slack.view(stage.grace))
    view = stage.world.slack.view(stage.grace)
    assert view is not None
    assert "Finca Rosa & Söhne" in repr(view)

    wrong = {"name": {"name": "Finca Rosa & Söhne"}, "email": {"email": "rosa at finca"}}
    faulty = await stage.world.slack.submit(stage.grace, view["id"], wrong)
    assert faulty.errors
    assert set(faulty.errors) == {"email"}

    right = {"email": {"email": "rosa@finca.example"}, "external_id": {"external_id": "F-7"}}
    assert (await stage.world.slack.submit(stage.grace, view["id"], right)).ok
    [message] = await stage.dm(stage.world.slack.user("rosa").id)
    assert link_in(message)
    made = stage.world.leaf.find("F-7")
    assert (made.name, made.email) == ("Finca Rosa & Söhne", "rosa@finca.example")

    async def all_written() -> bool:
        return len(await stage.deeds()) == 5

    await eventually(all_written)
    assert sorted(await stage.deeds()) == [
        ("connect", "refused"),
        ("create-grower", "done"),
        ("create-grower", "done"),
        ("create-grower", "refused"),
        ("grower-created", "done"),
    ]
    assert made.id in [entry.target for entry in await stage.audit()]


async def test_an_ambiguous_name_is_asked_about_and_the_choice_goes_on(stage: Stage) -> None:
    first = stage.world.leaf.add_user("Twin Oaks", "north@twin.example")
    second = stage.world.leaf.add_user("Twin Oaks", "south@twin.example")
    await stage.sweeps_now()
    asked = await stage.types("/fieldview connect twin oaks")
    assert buttons_of(asked) == ["choose-grower"]
    assert {first.id, second.id} <= set(re.findall(r"'value': '([^']+)'", repr(asked.blocks)))
    chosen = await stage.presses(asked, "choose-grower", selected=second.id)
    assert link_in(chosen)
    assert [(e.action, e.outcome, e.target) for e in await stage.audit()] == [
        ("connect", "refused", None),
        ("connect", "done", second.id),
    ]


async def test_the_days_survive_the_question_which_grower_is_meant(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    twins = [stage.world.leaf.add_user("Twin Oaks", f"{side}@twin.example") for side in ("north", "south")]
    stage.world.leaf.connect(twins[1])
    stage.world.leaf.log_event(twins[1], 404, "a thing of long ago")
    await stage.sweeps_now()
    await stage.types(f"/fieldview events {twins[1].id}")
    stage.world.clock.advance(days(45))
    await stage.sweeps_now()
    asked = await stage.types("/fieldview events Twin Oaks 60")
    shown = await stage.presses(asked, "choose-grower", selected=twins[1].id)
    assert "a thing" in text_of(shown), "45 days ago is within 60 days"


@pytest.mark.parametrize("typed", ["Twin Oaks", "Twin Oak"])
async def test_what_history_is_narrowed_to_survives_that_question(stage_on_sqlite: Stage, typed: str) -> None:
    stage = stage_on_sqlite
    twins = [stage.world.leaf.add_user("Twin Oaks", f"{side}@twin.example") for side in ("north", "south")]
    await stage.sweeps_now()
    await stage.types(f"/fieldview status {twins[1].id}")
    await stage.types(f"/fieldview connect {twins[1].id}")
    asked = await stage.types(f"/fieldview history {typed} by me did connect since 7d")
    shown = text_of(await stage.presses(asked, "choose-grower", selected=twins[1].id))
    assert "One `connect` entry around Twin Oaks" in shown


async def test_status_alone_is_the_overview(stage: Stage) -> None:
    await stage.sweeps_now()
    await stage.world.leaf.revoke(HANA)
    await stage.sweeps_now()
    shown = await stage.types("/fieldview status")
    assert "Sato Family Orchards" in repr(shown.blocks)
    assert "show-status" in buttons_of(shown)


async def test_status_of_one_asks_leaf_and_with_leaf_down_says_what_was_known(stage: Stage) -> None:
    shown = await stage.types("/fieldview status Sato Family Orchards")
    assert "connected" in text_of(shown)
    stage.world.clock.advance(timedelta(hours=3))
    stage.world.leaf.faults.outage()
    shown = await stage.types("/fieldview status Sato Family Orchards")
    assert "connected" in text_of(shown)
    assert "This is what I knew <!date^" in text_of(shown), "how old that is"
    assert "Nothing was changed" not in text_of(shown), "nobody wanted to change anything"
    assert "Leaf" in text_of(shown)
    assert await stage.deeds() == [("status", "done"), ("status", "done")]


async def test_events_are_kept_past_the_end_of_the_connection_and_past_leafs_thirty_days(stage: Stage) -> None:
    stage.world.leaf.log_event(HANA, 403, '{"message":"Forbidden, field 7"}')
    question = await stage.types("/fieldview disconnect Sato Family Orchards", stage.linus)
    await stage.presses(question, "disconnect-confirm", stage.linus)
    await stage.time_to_undo_passes()
    assert stage.world.leaf.find(HANA).credential is None
    assert "field 7" in text_of(await stage.types("/fieldview events Sato Family Orchards"))
    stage.world.clock.advance(days(40))
    assert "field 7" not in text_of(await stage.types("/fieldview events Sato Family Orchards"))
    assert "field 7" in text_of(await stage.types("/fieldview events Sato Family Orchards 60"))


async def test_events_are_paged_by_buttons_there_and_back(stage: Stage) -> None:
    for number in range(40):
        stage.world.clock.advance(timedelta(minutes=1))
        stage.world.leaf.log_event(HANA, 404, f"event number {number:02}")
    newest = await stage.types("/fieldview events Sato Family Orchards")
    assert "number 39" in text_of(newest)
    assert "events-newer" not in buttons_of(newest)
    older = await stage.presses(newest, "events-older")
    assert older.ts == newest.ts, "the same message, turned"
    assert "number 39" not in text_of(older)
    assert "number 20" in text_of(older)
    oldest = await stage.presses(older, "events-older")
    assert "number 00" in text_of(oldest)
    assert "events-older" not in buttons_of(oldest)
    back = await stage.presses(oldest, "events-newer")
    assert "number 20" in text_of(back)


async def test_a_name_that_ends_in_a_number_is_a_name(stage: Stage) -> None:
    leaf = stage.world.leaf
    plain, twelfth, big = (
        leaf.add_user(name, f"{n}@farm.example") for n, name in enumerate(("Farm", "Farm 12", "Farm 2021"))
    )
    for grower in (plain, twelfth, big):
        leaf.connect(grower)
    await stage.sweeps_now()
    for typed, meant in [
        ("Farm 12", twelfth),
        ("Farm 12 30", twelfth),
        ('"Farm 12" 7d', twelfth),
        ('"Farm" 12', plain),
        ("Farm 30", plain),
        ("Farm 2021", big),
    ]:
        await stage.types(f"/fieldview events {typed}")
        assert (await stage.audit())[-1].target == meant.id, typed
    fresh = leaf.add_user("Farm 77", "77@farm.example")
    leaf.users.change(leaf.find(plain), {"name": "Farmhouse"})
    await stage.sweeps_now()
    stage.world.leaf.connect(fresh)
    await stage.types("/fieldview events Farm 77")
    assert (await stage.audit())[-1].target == fresh.id
    assert "400" in text_of(await stage.types("/fieldview events Farmhouse 500"))


async def test_subscribe_and_unsubscribe_this_channel_and_another(stage: Stage) -> None:
    slack = stage.world.slack
    other = slack.add_channel("harvest", [stage.grace])
    await stage.types("/fieldview subscribe")
    await stage.types("/fieldview subscribe #harvest")
    assert len(await stage.posted(other)) == 1, "everybody there is told"
    assert f"<@{stage.grace}>" in text_of(slack.posted(stage.growers)[0])
    await stage.types("/fieldview subscribe")
    assert len(slack.posted(stage.growers)) == 1, "said once"
    await stage.sweeps_now()
    await stage.world.leaf.revoke(HANA)
    await stage.sweeps_now()
    await stage.posted(stage.growers, 2)
    await stage.posted(other, 2)
    await stage.types("/fieldview unsubscribe #harvest")
    assert "not subscribed" in text_of(await stage.types("/fieldview unsubscribe #harvest"))
    await stage.types("/fieldview unsubscribe")
    assert [outcome for _, outcome in await stage.deeds() if outcome != "done"] == []


@pytest.mark.parametrize("kind", ["private without the bot", "public without the bot", "archived", "shared", "junk"])
async def test_a_channel_that_cannot_be_subscribed_says_why(stage_on_sqlite: Stage, kind: str) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    match kind:
        case "private without the bot":
            slack.add_channel("place", [stage.grace], private=True, with_bot=False)
        case "public without the bot":
            slack.add_channel("place", [stage.grace], with_bot=False)
        case "archived":
            slack.add_channel("place", [stage.grace], archived=True)
        case "shared":
            slack.add_channel("place", [stage.grace], ext_shared=True)
    answer = await stage.types("/fieldview subscribe #place")
    words = {"archived": "archived", "shared": "outside this workspace", "junk": "#channel"}
    assert words.get(kind, "/invite") in text_of(answer)
    [row] = await stage.audit()
    assert (row.action, row.outcome) == ("subscribe", "refused")


async def test_two_who_subscribe_at_once_subscribe_once(stage: Stage) -> None:
    slack = stage.world.slack
    await asyncio.gather(*(slack.command(stage.grace, stage.growers, "/fieldview subscribe") for _ in range(6)))
    await slack.until(lambda: len(slack.whispered(stage.grace)) == 6)
    assert [outcome for _, outcome in await stage.deeds()] == ["done"] * 6
    assert len(slack.posted(stage.growers)) == 1


async def test_history_tells_who_did_what(stage: Stage) -> None:
    await stage.types("/fieldview connect Ada Lovelace Farms")
    everything = await stage.types("/fieldview history", stage.linus)
    assert "Ada Lovelace Farms" in text_of(everything)
    assert f"<@{stage.grace}>" in text_of(everything)
    assert "Ada Lovelace Farms" in text_of(await stage.types("/fieldview history ada lovelace farms"))
    assert await stage.deeds() == [("connect", "done"), ("history", "done"), ("history", "done")]


@pytest.mark.parametrize("typed", ["/fieldview", "/fieldview help", "/fieldview   HELP  ", "/fieldview help me"])
async def test_help_names_every_command(stage_on_sqlite: Stage, typed: str) -> None:
    shown = text_of(await stage_on_sqlite.types(typed))
    for command in ("connect", "status", "events", "disconnect", "subscribe", "unsubscribe", "history"):
        assert f"/fieldview {command}" in shown
    assert await stage_on_sqlite.deeds() == [("help", "done")]


@pytest.mark.parametrize("typed", ["help escalate", "escalate help", "ESCALATE --help", "help escalate off"])
async def test_one_command_explains_itself_with_examples_to_whoever_may_look(
    stage_on_sqlite: Stage, typed: str
) -> None:
    shown = await stage_on_sqlite.types(f"/fieldview {typed}")
    assert "/fieldview escalate #north @mia 4h" in text_of(shown)
    assert "Monday to Friday, 8:00 to 17:00" in text_of(shown)
    assert "(admins only)" in text_of(shown)
    assert "/fieldview connect" not in text_of(shown), "nothing else was asked for"
    assert await stage_on_sqlite.deeds() == [("help", "done")]


async def test_a_grower_who_is_called_help_is_reached_in_quotes(stage_on_sqlite: Stage) -> None:
    grower = stage_on_sqlite.world.leaf.add_user("Help", "help@farm.example")
    await stage_on_sqlite.sweeps_now()
    asked = await stage_on_sqlite.types("/fieldview status help")
    assert "/fieldview status tag:north" in text_of(asked)
    for typed in ('"help"', grower.id):
        await stage_on_sqlite.types(f"/fieldview status {typed}")
        assert (await stage_on_sqlite.audit())[-1].target == grower.id


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_of_itself(command: str) -> None:
    assert EXAMPLES[command]
    assert all(line.split()[0] == command for line, _ in EXAMPLES[command])


async def test_help_about_a_command_that_is_none_names_the_nearest(stage_on_sqlite: Stage) -> None:
    shown = text_of(await stage_on_sqlite.types("/fieldview help conect"))
    assert "Did you mean /fieldview help connect?" in shown
    shown = text_of(await stage_on_sqlite.types("/fieldview help xyzzy"))
    assert "I do not know xyzzy" in shown
    assert "/fieldview bulk" in shown, "nothing is like it, so everything is listed"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("conect Ada", "connect Ada"),
        ("STATSU", "status"),
        ("evnts Ada", "events Ada"),
        ("disconect Ada", "disconnect Ada"),
        ("Sato", "status Sato"),
        ("Sato Family Orchards", "status Sato Family Orchards"),
    ],
)
async def test_a_slip_of_the_keyboard_is_understood_and_not_carried_out(
    stage_on_sqlite: Stage, typed: str, meant: str
) -> None:
    shown = await stage_on_sqlite.types(f"/fieldview {typed}")
    assert f"Did you mean /fieldview {meant}?" in shown.text
    assert "/fieldview bulk" not in text_of(shown), "one slip does not bring the whole list"
    [row] = await stage_on_sqlite.audit()
    assert (row.action, row.outcome) == ("unknown-command", "refused")
    assert typed in (row.typed or "")


async def test_slack_is_answered_at_once_and_the_person_hears_that_it_takes_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers.slack, "PATIENCE", 0.01)
    slack = stage.world.slack
    slack.delivery.patience = 0.5
    stage.world.leaf.faults.slow(1.0, "credentials")
    assert (await slack.command(stage.grace, stage.growers, "/fieldview status Sato Family Orchards")).ok
    await slack.until(lambda: len(slack.whispered(stage.grace)) == 1)
    assert await stage.audit() == []
    await slack.until(lambda: len(slack.whispered(stage.grace)) == 2)
    assert "Sato Family Orchards" in slack.whispered(stage.grace)[1].text


async def test_who_is_answered_in_time_is_not_kept_waiting_in_words(stage_on_sqlite: Stage) -> None:
    await stage_on_sqlite.types("/fieldview help")
    assert len(stage_on_sqlite.world.slack.whispered(stage_on_sqlite.grace)) == 1


async def test_an_answer_finds_its_way_when_the_response_address_does_not_work(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    slack.faults.outage("/response/", status=404)
    await stage.types("/fieldview help")
    assert slack.calls("chat.postEphemeral") == 1
    slack.faults.outage("chat.postEphemeral")
    await slack.command(stage.grace, stage.growers, "/fieldview help")
    [message] = await stage.dm(stage.grace)
    assert "/fieldview connect" in text_of(message)
    assert [outcome for _, outcome in await stage.deeds()] == ["done", "done"]


async def test_an_answer_to_a_channel_the_bot_is_not_in_arrives_all_the_same(stage_on_sqlite: Stage) -> None:
    stage, slack = stage_on_sqlite, stage_on_sqlite.world.slack
    elsewhere = slack.add_channel("elsewhere", [stage.grace], with_bot=False)
    told = await stage.types("/fieldview connect Sato Family Orchards", channel=elsewhere)
    assert told.channel == elsewhere
    assert told.ephemeral_to == stage.grace
    assert "Sato" in text_of(told)


async def test_the_answer_comes_even_if_the_bot_is_told_to_stop_meanwhile(database_url: str) -> None:
    async with set_up(database_url) as stage:
        slack, leaf, grace = stage.world.slack, stage.world.leaf, stage.grace
        leaf.faults.slow(0.3, "credentials")
        await slack.command(grace, stage.growers, "/fieldview status Sato Family Orchards")
        assert slack.whispered(grace) == []
    assert "Sato Family Orchards" in slack.whispered(grace)[-1].text


async def test_history_is_narrowed_to_a_person_a_deed_and_a_time(stage: Stage) -> None:
    await stage.types("/fieldview connect Ada Lovelace Farms")
    await stage.types("/fieldview status Sato Family Orchards", stage.linus)
    mine = text_of(await stage.types("/fieldview history by me"))
    assert "made a link for Ada" in mine
    assert "Sato" not in mine
    theirs = text_of(
        await stage.types(f"/fieldview history Sato Family Orchards by <@{stage.linus}|linus> since 2d with looks")
    )
    assert "looked at the status of Sato" in theirs
    assert "Ada" not in theirs
    assert "There is no `disconnect` entry." in text_of(await stage.types("/fieldview history did disconnect"))
    assert "Did you mean `did connect`?" in text_of(await stage.types("/fieldview history did conect"))


async def test_history_shows_what_was_changed_or_refused_and_on_request_who_looked(stage: Stage) -> None:
    grace, linus = stage.grace, stage.linus
    guest = stage.world.slack.add_user("guest", "Guest", "guest@example.com", guest="multi")
    stage.world.slack.invite(stage.growers, guest)
    looks = ("status", "status Sato Family Orchards", "status --mine", "status nobody", "events Sato Family Orchards")
    for typed in (*looks, "connect Ada Lovelace Farms", "help", "health", "links", "tag", "owner Ada Lovelace Farms"):
        await stage.types(f"/fieldview {typed}", linus)
    await stage.types("/fieldview owner Ada Lovelace Farms @grace")
    await stage.types("/fieldview status", guest)
    shown = await stage.types("/fieldview history")
    [entries] = [block["text"]["text"] for block in shown.blocks if " · " in str(block)]
    refused, gave, linked = entries.split("\n")
    assert f"<@{guest}> looked at the status of all growers, but that was refused" in refused
    assert f"<@{grace}> gave Ada Lovelace Farms to <@{grace}>" in gave
    assert f"<@{linus}> made a link for Ada Lovelace Farms" in linked
    assert "Who only looked is left out: `with looks` at the end" in text_of(shown)
    everything = text_of(await stage.types("/fieldview history with looks"))
    for words in ("status of their own growers", "status of `nobody`", "at the history", "how I am doing", "the tags"):
        assert words in everything
    assert "Who only looked" not in everything
    assert "status of Sato" in text_of(await stage.types("/fieldview history did status"))
    assert "Nothing has been done around Sato" in text_of(await stage.types("/fieldview history Sato Family Orchards"))
    sato = await stage.types("/fieldview history Sato Family Orchards with looks")
    assert f"<@{linus}> looked at the events of Sato" in text_of(sato)


async def test_history_says_whose_status_was_looked_at(stage: Stage) -> None:
    await stage.sweeps_now()
    await stage.types("/fieldview tag Sato Family Orchards add north")
    for typed in ("--mine", f"<@{stage.grace}|grace>", f"<@{stage.linus}|linus>", "tag:North"):
        await stage.types(f"/fieldview status {typed}")
    told = text_of(await stage.types("/fieldview history did status"))
    looked = [line.split("> looked at the status of ")[1] for line in told.split("\n") if "> looked" in line]
    own = "their own growers"
    assert looked == ["the growers with the tag `north`", f"<@{stage.linus}>’s growers", own, own]


async def test_history_is_paged_to_its_beginning_and_back(stage: Stage) -> None:
    for number in range(45):
        await stage.running.bot.journal.write(
            "U0X", "command", "status", "done", f"r{number}", target_name=f"G{number}."
        )
    page = await stage.types("/fieldview history by me")
    assert "history-older" not in buttons_of(page)
    page = await stage.types("/fieldview history with looks by <@U0X>")
    assert "G24." in text_of(await stage.presses(page, "history-older")), "the next page has looks, too"
    page = await stage.types("/fieldview history did status")
    assert "G44." in text_of(page)
    page = await stage.presses(page, "history-older")
    assert "G24." in text_of(page)
    assert "G44." not in text_of(page)
    page = await stage.presses(page, "history-older")
    assert "G0." in text_of(page)
    assert "history-older" not in buttons_of(page)
    assert "G44." in text_of(await stage.presses(page, "history-newest"))


async def form_of_a_new_grower(stage: Stage) -> str:
    """The form for somebody whom nobody knows; its id."""
    asked = await stage.types("/fieldview connect Somebody new")
    seen = stage.world.slack.view(stage.grace)
    assert (await stage.world.slack.click(stage.grace, asked.channel, asked.ts, "create-grower")).ok
    await stage.world.slack.until(lambda: stage.world.slack.view(stage.grace) not in (None, seen))
    view = stage.world.slack.view(stage.grace)
    assert view is not None
    return str(view["id"])


ROSA = {"name": {"name": "Finca Rosa"}, "email": {"email": "rosa@finca.example"}}


def roses(stage: Stage) -> int:
    return sum(user.email == "rosa@finca.example" for user in stage.world.leaf.users)


async def test_a_double_click_creates_a_grower_once(stage: Stage) -> None:
    form = await form_of_a_new_grower(stage)
    submit = stage.world.slack.submit
    outcomes = await asyncio.gather(*(submit(stage.grace, form, ROSA) for _ in range(2)), return_exceptions=True)
    assert getattr(outcomes[0], "ok", False)

    async def both_written() -> bool:
        return [action for action, _ in await stage.deeds()].count("create-grower") == 3

    await eventually(both_written)
    assert roses(stage) == 1
    async with stage.running.bot.database.reading() as session:
        assert len(await consents.working(session, stage.world.clock())) == 1

    # And once more, some time later, from another form.
    assert (await submit(stage.grace, await form_of_a_new_grower(stage), ROSA)).ok
    await stage.world.slack.until(lambda: "has a link already" in stage.answers(stage.grace)[-1].text)
    assert roses(stage) == 1


async def test_a_grower_whose_making_is_in_doubt_is_looked_for_before_a_second_try(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    submit = stage.world.slack.submit
    stage.world.leaf.faults.lose_answer("POST /services/usermanagement/api/users$")
    assert (await submit(stage.grace, await form_of_a_new_grower(stage), ROSA)).ok
    await stage.world.slack.until(lambda: "did not say whether" in stage.answers(stage.grace)[-1].text)
    assert (await submit(stage.grace, await form_of_a_new_grower(stage), ROSA)).ok
    await stage.world.slack.until(lambda: "made no second one" in stage.answers(stage.grace)[-1].text)
    stage.world.clock.advance(timedelta(minutes=3))
    assert (await submit(stage.grace, await form_of_a_new_grower(stage), ROSA)).ok
    await stage.world.slack.until(lambda: "Here is the link" in stage.answers(stage.grace)[-1].text)
    assert roses(stage) == 1
