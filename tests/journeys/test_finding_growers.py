"""Every way to say which grower is meant, and what happens when nobody answers to it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.slack.workspace import Message
from tests.stage import ADA, Stage, buttons_of, link_in, text_of


async def target(stage: Stage) -> str | None:
    return (await stage.audit())[-1].target


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("O'Brien & Sons", "O'Brien & Sons"),
        ("O'Brien & Sons", "o’brien & sons"),
        ("Hacienda Ñandú", "hacienda nandu"),
        ("Żółta Łąka", "  Żółta   Łąka "),
        ("Green Acres", "“Green Acres”"),
        ("Green Acres", "GREEN\u00a0ACRES"),
        ("Green Acres", "green\tacres"),
        ('The "Best" Farm', 'the "best" farm'),
        ('The "Best" Farm', "The “Best” Farm"),
        ("<West> Farm", "<West> Farm"),
        ("مزرعة النخيل", "مزرعة النخيل"),
        ("🌽 Corn Co", "🌽 corn co"),
        ("sato.com", "sato.com"),
        ("100% Corn_Field", "100% corn_field"),
        ("status", "status"),
        ("A" * 500, "A" * 500),
    ],
)
@pytest.mark.parametrize("links", [False, True])
async def test_a_name_is_found_however_it_is_typed(stage_on_sqlite: Stage, name: str, typed: str, links: bool) -> None:
    stage = stage_on_sqlite
    stage.world.slack.escapes_links = links
    meant = stage.world.leaf.add_user(name, "somebody@example.com")
    await stage.sweeps_now()
    await stage.types(f"/fieldview status {typed}")
    assert await target(stage) == meant.id


@pytest.mark.parametrize("known_to", ["the index", "leaf alone"])
@pytest.mark.parametrize("by", ["id", "email", "external id", "name", "curly name", "mailto"])
async def test_id_email_external_id_and_name_all_lead_to_the_grower(stage: Stage, known_to: str, by: str) -> None:
    await stage.sweeps_now()
    meant = stage.world.leaf.add_user("O'Neill Farm", "oneill@example.com", "L-2000")
    if known_to == "the index":
        await stage.sweeps_now()
    stage.world.slack.escapes_links = by == "mailto"
    typed = {
        "id": meant.id,
        "email": "oneill@example.com",
        "external id": "L-2000",
        "name": "O'Neill Farm",
        "curly name": "O’Neill Farm",
        "mailto": "oneill@example.com",
    }
    await stage.types(f"/fieldview status {typed[by]}")
    assert await target(stage) == meant.id


async def test_a_mention_leads_to_the_grower_with_that_address_and_is_remembered(stage: Stage) -> None:
    await stage.sweeps_now()
    await stage.types("/fieldview status @ada")
    assert await target(stage) == stage.world.leaf.find(ADA).id
    stage.world.slack.scopes.discard("users:read.email")
    asked = stage.world.slack.calls("users.info")
    told = await stage.types("/fieldview connect @ada")
    assert f"<@{stage.ada}>" in text_of(told), "without looking the address up again"
    assert link_in((await stage.dm(stage.ada))[0])
    assert stage.world.slack.calls("users.info") >= asked


async def test_a_mention_of_somebody_who_is_no_grower_creates_nobody(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    told = await stage.types("/fieldview connect @linus")
    assert "create-grower" in buttons_of(told)
    assert await stage.deeds() == [("connect", "refused")]
    unknown = await stage.types("/fieldview status <@U000000000|ghost>")
    assert "ghost" in text_of(unknown) or "U000000000" in text_of(unknown)


async def test_the_days_behind_a_mention_are_days(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.types("/fieldview events @ada 60")
    assert await stage.deeds() == [("events", "done")]
    assert await target(stage) == stage.world.leaf.find(ADA).id


@pytest.mark.parametrize("typed", ["Ada Lovelce Farms", "lovelace", "Sato Famly Orchard", "L-190"])
async def test_a_name_that_nobody_has_brings_similar_ones(stage_on_sqlite: Stage, typed: str) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    told = await stage.types(f"/fieldview status {typed}")
    assert "choose-grower" in buttons_of(told)
    meant = stage.world.leaf.find("L-1900" if typed[0] in "SL" else ADA)
    from_menu = meant.id if offered(told)["type"] == "static_select" else None
    chosen = await stage.presses(told, "choose-grower", selected=from_menu)
    assert meant.name in text_of(chosen)
    assert await stage.deeds() == [("status", "refused"), ("status", "done")]


def offered(told: Message) -> dict[str, Any]:
    """The menu of several growers, or the button of the only one."""
    elements = [each for block in told.blocks for each in block.get("elements", ())]
    [offer] = [each for each in elements if each.get("action_id") == "choose-grower"]
    return dict(offer)


async def test_a_slip_that_can_mean_one_grower_only_takes_one_press(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    told = await stage.types("/fieldview status Ada Lovelce Farms")
    assert offered(told)["text"]["text"] == f"Ada Lovelace Farms · {ADA} · L-1815"
    shown = await stage.presses(told, "choose-grower")
    assert "Ada Lovelace Farms" in text_of(shown)
    assert await target(stage) == stage.world.leaf.find(ADA).id


@pytest.mark.parametrize("typed", ["zzz qqq", "%", "_", "\\", "' OR 1=1 --", '"', "''", "<!channel>", "@", "x" * 2000])
async def test_what_nobody_answers_to_is_said_and_guessed_by_nobody(stage: Stage, typed: str) -> None:
    await stage.sweeps_now()
    told = await stage.types(f"/fieldview status {typed}")
    assert "<!channel>" not in repr(told.blocks) + told.text, "nobody is called by what somebody typed"
    [row] = await stage.audit()
    assert (row.outcome, row.target) == ("refused", None)


async def test_a_name_that_leaf_alone_could_know_fails_honestly_when_leaf_is_down(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    stage.world.leaf.faults.outage()
    told = await stage.types("/fieldview connect Newcomer Farm")
    assert "Leaf" in text_of(told)
    assert "create-grower" not in buttons_of(told)
    assert await stage.deeds() == [("connect", "failed")]
    assert "Sato" in text_of(await stage.types("/fieldview status Sato Family Orchards"))


async def test_twins_are_told_apart_when_they_are_asked_for_at_leaf(stage: Stage) -> None:
    await stage.sweeps_now()
    for side in ("north", "south"):
        stage.world.leaf.add_user("Twin Oaks", f"{side}@twin.example")
    told = await stage.types("/fieldview connect Twin Oaks")
    assert buttons_of(told) == ["choose-grower"]
    assert "north@twin.example" in repr(told.blocks)
    assert "south@twin.example" in repr(told.blocks)


async def test_leaf_is_not_asked_for_a_name_that_fits_into_no_address(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    told = text_of(await stage.types("/fieldview status " + "\N{GRINNING FACE}" * 20_000))
    assert told.startswith("I know no grower called")
    assert (await stage.audit())[-1].outcome == "refused"


async def test_what_stands_behind_a_name_and_is_no_part_of_it_is_named(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    await stage.sweeps_now()
    told = await stage.types("/fieldview connect Ada Lovelace Farms lang=pt")
    assert "I do not understand “lang=pt”" in text_of(told)
    assert await target(stage) is None
    ada = stage.world.leaf.find(ADA).id
    chosen = await stage.presses(told, "choose-grower")
    assert "Ada Lovelace Farms" in text_of(chosen)
    assert await target(stage) == ada


async def test_of_two_who_are_called_the_same_a_notification_and_the_history_say_which(stage: Stage) -> None:
    emails = ("north@oaks.example", "south@oaks.example")
    for name, email in zip(("Twin Oaks", "TWIN OAKS"), emails, strict=True):
        stage.world.leaf.add_user(name, email)
        stage.world.leaf.connect(email)
    await stage.sweeps_now()
    for email in (*emails, "hana@sato.example"):
        await stage.world.leaf.revoke(email)
    await stage.sweeps_now()
    await stage.delivered()
    texts = sorted(card.text.partition(":")[0] for card in stage.world.slack.posted(stage.alerts))
    assert texts == ["Sato Family Orchards", "TWIN OAKS (south@oaks.example)", "Twin Oaks (north@oaks.example)"]

    card = next(card for card in stage.world.slack.posted(stage.alerts) if "north@" in card.text)
    told = await stage.presses(card, "acknowledge")
    assert told.text.startswith("Twin Oaks (north@oaks.example): ")
    history = text_of(await stage.types("/fieldview history"))
    assert "acknowledged the alert about Twin Oaks (north@oaks.example)" in history
    assert "found a broken connection: TWIN OAKS (south@oaks.example)" in history
    assert "found a broken connection: Sato Family Orchards (permission ended)" in history
