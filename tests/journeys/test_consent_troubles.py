"""What goes wrong after the grower said yes: nothing is lost, nobody is told a lie, and no secret stays behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.responses import JSONResponse

from bot.sandbox.slack.workspace import Message
from storage.records import Consent
from tests.consenting import (
    asked,
    browser,
    consent_of,
    grower,
    sealed_token,
    secrets_kept,
    times,
    until_state,
    works_again,
)
from tests.stage import ADA, Stage, eventually, link_in, text_of

EXCHANGE = "POST /api/oauth/token"
GIVE = "POST /services/usermanagement/api/users/.*credentials"
LOOK = "GET /services/usermanagement/api/users/.*credentials"
CONNECTED = "Your FieldView is connected"
DELAYED = "The rest takes longer today"
TOO_LATE = "That took a little too long"
FIELDVIEW_DOWN = "FieldView does not answer just now"
NOT_ACCEPTED = "FieldView did not accept it"


async def outcome(stage: Stage) -> Message:
    """What Grace is told of the consent she asked for."""
    await stage.delivered()
    return (await stage.dm(stage.grace))[-1]


async def consents_but(stage: Stage, link: str) -> str:
    """Ada does her part; the text of the page she ends on."""
    async with browser(stage) as ada:
        return (await ada.consents(link)).text


async def clicks_again(stage: Stage, link: str) -> None:
    """The same link, once what was broken is mended, connects her once."""
    stage.world.fieldview.faults.heal()
    stage.world.leaf.faults.heal()
    async with browser(stage) as ada:
        assert CONNECTED in (await ada.consents(link)).text
    await stage.until_status(ADA, "healthy")
    assert await times(stage, "consent-completed") == 1
    assert await secrets_kept(stage) == []


async def given(stage: Stage) -> int:
    """How often a credential was posted to Leaf and taken."""
    return sum(call.status == 201 for call in stage.world.leaf.log.matching(GIVE))


# FieldView


async def test_fieldview_is_down_for_a_moment(stage: Stage) -> None:
    stage.world.fieldview.faults.outage(EXCHANGE)
    link = await asked(stage)
    page = await consents_but(stage, link)
    assert CONNECTED not in page
    consent = await until_state(stage, "exchanging", "fieldview-down")
    async with browser(stage) as ada:
        # Whoever opens the link meanwhile is told that it goes on.
        assert DELAYED in (await ada.opens(link)).text
    stage.world.fieldview.faults.heal()
    await works_again(stage, consent)
    await stage.until_status(ADA, "healthy")
    assert await secrets_kept(stage) == []


async def test_fieldview_stays_down_until_the_code_is_worth_nothing(stage: Stage) -> None:
    stage.world.fieldview.faults.outage(EXCHANGE)
    link = await asked(stage)
    await consents_but(stage, link)
    consent = await until_state(stage, "exchanging", "fieldview-down")
    stage.world.clock.advance(timedelta(minutes=6))
    await works_again(stage, consent)
    await until_state(stage, "open", "fieldview-down")
    assert await secrets_kept(stage) == []
    assert "Ada Lovelace Farms" in text_of(await outcome(stage))
    await clicks_again(stage, link)


async def test_fieldview_asks_us_to_wait(stage_on_sqlite: Stage) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.faults.outage(EXCHANGE, status=429, retry_after=1, times=1)
    assert CONNECTED in await consents_but(stage, await asked(stage))


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ({"access_token": "a"}, "answer-lost"),
        ({"access_token": "a", "refresh_token": None}, "answer-lost"),
        (["no", "object"], "answer-lost"),
    ],
)
async def test_fieldview_answers_without_a_refresh_token(stage_on_sqlite: Stage, body: object, trouble: str) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.faults.answer(JSONResponse(body), EXCHANGE)
    link = await asked(stage)
    assert FIELDVIEW_DOWN in await consents_but(stage, link)
    await until_state(stage, "open", trouble)
    assert await secrets_kept(stage) == []
    notices = [message for message in await stage.posted(stage.alerts) if "FieldView" in text_of(message)]
    assert len(notices) == 1, "the operators hear that FieldView answers strangely"
    await clicks_again(stage, link)


async def test_fieldview_answers_with_a_web_page(stage: Stage) -> None:
    stage.world.fieldview.faults.html(EXCHANGE, status=200)
    link = await asked(stage)
    assert FIELDVIEW_DOWN in await consents_but(stage, link)
    await until_state(stage, "open", "answer-lost")
    await clicks_again(stage, link)


async def test_the_answer_with_the_token_is_lost_on_the_way(stage: Stage) -> None:
    stage.world.fieldview.faults.lose_answer(EXCHANGE)
    link = await asked(stage)
    assert FIELDVIEW_DOWN in await consents_but(stage, link)
    await until_state(stage, "open", "answer-lost")
    assert len(stage.world.fieldview.log.matching(EXCHANGE)) == 1, "a code that may be spent is not sent again"
    assert "Ada Lovelace Farms" in text_of(await outcome(stage))
    assert await secrets_kept(stage) == []
    await clicks_again(stage, link)


async def test_the_code_has_run_out(stage: Stage) -> None:
    stage.world.fieldview.code_lifetime = timedelta(seconds=-1)
    link = await asked(stage)
    assert TOO_LATE in await consents_but(stage, link)
    await until_state(stage, "open", "code-refused")
    assert await secrets_kept(stage) == []
    stage.world.fieldview.code_lifetime = timedelta(minutes=5)
    await clicks_again(stage, link)


OUR_FAULTS = [
    (400, {"error": "invalid_grant", "error_description": "Callback url mismatch"}),
    (400, {"error": "invalid_scope", "error_description": "Invalid Scope!"}),
    (400, {"error": "invalid_client", "error_description": "Client authentication failed"}),
    (401, {"message": "Unauthorized"}),
    (403, {"message": "Forbidden"}),
]


@pytest.mark.parametrize(("status", "body"), OUR_FAULTS)
async def test_our_own_set_up_is_wrong_and_the_operators_hear_of_it_once(
    stage_on_sqlite: Stage, status: int, body: dict[str, str]
) -> None:
    stage = stage_on_sqlite
    stage.world.fieldview.faults.answer(JSONResponse(body, status), EXCHANGE)
    link = await asked(stage)
    for _ in range(2):
        assert NOT_ACCEPTED in await consents_but(stage, link)
        await until_state(stage, "open", "our-configuration")
    await stage.delivered()
    [notice] = await stage.posted(stage.alerts)
    assert "set-up" in text_of(notice)
    assert await secrets_kept(stage) == []
    await clicks_again(stage, link)
    await stage.delivered()
    assert notice.edits, "the notice says that it is over"


async def test_fewer_permissions_than_needed_connect_and_say_what_is_missing(stage: Stage) -> None:
    stage.world.fieldview.switch(grants_only=["fields:read", "asPlanted:read"])
    await consents_but(stage, await asked(stage))
    await until_state(stage, "connected")
    await stage.until_status(ADA, "limited")
    consent = await consent_of(stage)
    assert consent.granted_scopes == ("asPlanted:read", "fields:read")
    connection = await stage.connection()
    assert connection is not None
    assert "asHarvested:read" in connection.missing_scopes
    await stage.delivered()
    assert "Ada Lovelace Farms" in text_of((await stage.posted(stage.alerts))[-1])
    assert await secrets_kept(stage) == []


async def test_who_shares_only_a_part_is_told_so_and_to_leave_everything_ticked_this_time(stage: Stage) -> None:
    stage.world.fieldview.switch(grants_only=["asPlanted:read", "asApplied:read", "resourceOwners:read"])
    await consents_but(stage, await asked(stage))
    await stage.until_status(ADA, "limited")
    await stage.delivered()
    [card] = [each for each in await stage.posted(stage.alerts) if "only a part" in text_of(each)]
    assert "It asks the grower to leave everything ticked" in text_of(card)
    stage.world.fieldview.switch(grants_only="everything")
    await stage.presses(card, "send-link")
    letter = (await stage.dm(stage.ada, 2))[-1]
    partly = "At the moment you share only a part of your FieldView data. Missing:"
    async with browser(stage) as ada:
        page = (await ada.opens(link_in(letter))).text
    to_pass_on = await stage.types("/fieldview links Ada Lovelace Farms")
    for told in (text_of(letter), page, text_of(await stage.presses(to_pass_on, "show-link"))):
        assert partly in told
        assert "harvest" in told
        assert "leave everything ticked this time" in told
        assert "before new data can reach them" not in told, "the rest arrives"
        assert "needs your approval once more" not in told

    await consents_but(stage, link_in(letter))
    await stage.until_status(ADA, "healthy")
    await stage.types("/fieldview connect Ada Lovelace Farms")
    await stage.presses(stage.answers(stage.grace)[-1], "connect-anyway")
    assert "only a part" not in text_of((await stage.dm(stage.ada, 3))[-1])


# Leaf


async def leaf_takes_it_later(stage: Stage, link: str, trouble: str = "leaf-down") -> Consent:
    """Leaf is ill while Ada consents; the truth is told, the token waits encrypted, and Leaf gets it once."""
    page = await consents_but(stage, link)
    consent = await until_state(stage, "delivering", trouble)
    assert CONNECTED not in page
    sealed = await sealed_token(stage, consent)
    assert sealed is not None
    assert sealed.startswith("gAAAA"), "encrypted at rest"
    async with browser(stage) as anyone:
        assert DELAYED in (await anyone.opens(link)).text
    stage.world.leaf.faults.heal()
    await works_again(stage, consent)
    await stage.until_status(ADA, "healthy")
    assert await sealed_token(stage, consent) is None
    assert await times(stage, "consent-completed") == 1
    assert await secrets_kept(stage) == []
    return consent


@pytest.mark.parametrize("fault", ["outage", "html", "429"])
async def test_leaf_is_down_after_the_consent(stage: Stage, fault: str) -> None:
    faults = stage.world.leaf.faults
    broken = {"outage": faults.outage, "html": faults.html, "429": lambda on: faults.outage(on, status=429)}
    broken[fault](GIVE)
    await leaf_takes_it_later(stage, await asked(stage))
    assert await given(stage) == 1
    [connected] = await stage.posted(stage.alerts)
    assert "Ada Lovelace Farms" in text_of(connected)


async def test_all_of_leaf_is_down_after_the_consent(stage: Stage) -> None:
    link = await asked(stage)
    stage.world.leaf.faults.outage()
    await leaf_takes_it_later(stage, link)


async def test_leaf_takes_the_token_and_its_answer_is_lost(stage: Stage) -> None:
    stage.world.leaf.faults.lose_answer(GIVE)
    link = await asked(stage)
    await leaf_takes_it_later(stage, link)
    assert len(stage.world.leaf.log.matching(GIVE)) == 1, "Leaf had it already: it is not given twice"
    credential = grower(stage).credential
    connection = await stage.connection()
    assert credential is not None
    assert connection is not None
    assert connection.credential_id == credential.id


async def test_a_sweep_sees_the_new_credential_before_the_hand_over_knows_that_it_is_there(stage: Stage) -> None:
    stage.world.leaf.connect(ADA, status="UNAUTHENTICATED")
    await stage.sweeps_now()
    link = await asked(stage)
    stage.world.leaf.switch(on_second_post="replace")
    stage.world.leaf.faults.lose_answer(GIVE)
    # The hand-over cannot look whether Leaf has it; the sweep, which asks for everybody, can.
    stage.world.leaf.faults.outage(LOOK)
    await consents_but(stage, link)
    await until_state(stage, "delivering", "leaf-down")
    await stage.sweeps_now()
    stage.world.leaf.faults.heal()
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    [card] = stage.world.slack.posted(stage.alerts)
    assert "the grower, through the link" in text_of(card), "and not: Leaf found it working by itself"


async def test_leaf_refuses_our_login_and_no_grower_is_blamed(stage: Stage) -> None:
    link = await asked(stage)
    password = stage.world.leaf.password
    stage.world.leaf.password = "changed by somebody"
    stage.world.leaf.stale_logins()
    page = await consents_but(stage, link)
    assert CONNECTED not in page
    await until_state(stage, "delivering", "leaf-down")
    await eventually_posted(stage, "LEAF_PASSWORD")
    stage.world.leaf.password = password
    # The client itself does not hammer a login that was refused; a fresh start of the program forgets that.
    stage.running.bot.completion._leaf._refused_until = 0.0
    await works_again(stage, await consent_of(stage))
    await stage.until_status(ADA, "healthy")
    await stage.delivered()
    [notice, _] = await stage.posted(stage.alerts, 2)
    assert notice.edits, "the operators' notice is over"
    assert not any(action == "incident-opened" for action, _ in await stage.deeds())


async def eventually_posted(stage: Stage, words: str) -> None:
    async def so() -> bool:
        return any(words in text_of(message) for message in stage.world.slack.posted(stage.alerts))

    await eventually(so)


@pytest.mark.parametrize("second_post", ["refuse", "replace"])
async def test_an_old_credential_is_replaced_once(stage: Stage, second_post: str) -> None:
    stage.world.leaf.switch(on_second_post=second_post)
    old = stage.world.leaf.connect(ADA, status="UNAUTHENTICATED")
    await stage.sweeps_now()
    await stage.until_status(ADA, "broken")
    await consents_but(stage, await asked(stage))
    await stage.until_status(ADA, "healthy")
    new = grower(stage).credential
    assert new is not None
    assert new.id != old.id
    assert await given(stage) == 1
    await stage.delivered()
    assert await times(stage, "incident-recovered") == 1


async def test_an_old_credential_is_replaced_once_although_leafs_answer_is_lost(stage: Stage) -> None:
    stage.world.leaf.switch(on_second_post="replace")
    stage.world.leaf.connect(ADA, status="UNAUTHENTICATED")
    await stage.sweeps_now()
    link = await asked(stage)
    stage.world.leaf.faults.lose_answer(GIVE)
    await leaf_takes_it_later(stage, link)
    assert len(stage.world.leaf.log.matching(GIVE)) == 1


async def test_leaf_goes_down_between_removing_the_old_credential_and_taking_the_new(stage: Stage) -> None:
    stage.world.leaf.connect(ADA, status="UNAUTHENTICATED")
    await stage.sweeps_now()
    await stage.delivered()
    link = await asked(stage)
    faults = stage.world.leaf.faults
    faults.answer(JSONResponse({"title": "refused", "status": 400}, 400), GIVE, times=1)
    faults.outage(GIVE)
    await consents_but(stage, link)
    consent = await until_state(stage, "delivering", "leaf-down")
    assert grower(stage).credential is None, "room was made"
    before = await stage.deeds()
    await stage.sweeps_now()
    await stage.delivered()
    assert await stage.deeds() == before, "our own removal is no news to alert about"
    faults.heal()
    await works_again(stage, consent)
    await stage.until_status(ADA, "healthy")
    assert await given(stage) == 1
    assert len([m for m in await stage.posted(stage.alerts) if "Ada" in text_of(m)]) == 1, "one card, edited"


async def test_sweeps_between_consent_and_hand_over_raise_no_alarm(stage: Stage) -> None:
    stage.world.leaf.faults.outage(GIVE)
    await consents_but(stage, await asked(stage))
    await until_state(stage, "delivering", "leaf-down")
    for _ in range(2):
        await stage.sweeps_now()
    await stage.delivered()
    assert stage.world.slack.posted(stage.alerts) == []
    assert await times(stage, "incident-opened") == 0


async def test_leaf_says_no_for_good(stage: Stage) -> None:
    stage.world.leaf.faults.answer(JSONResponse({"title": "Bad Request", "status": 400}, 400), GIVE)
    link = await asked(stage)
    async with browser(stage) as ada:
        await ada.consents(link)
        consent = await until_state(stage, "failed", "leaf-refused")
        assert (await ada.ends_up()).status_code == 503
        assert (await ada.opens(link)).status_code == 410
    assert await sealed_token(stage, consent) is None
    assert await secrets_kept(stage) == []
    assert "Ada Lovelace Farms" in text_of(await outcome(stage))
    assert ("consent-failed", "failed") in await stage.deeds()
    stage.world.leaf.faults.heal()
    assert CONNECTED in await consents_but(stage, await asked(stage)), "a new link works"


async def test_after_three_days_without_leaf_the_token_is_erased_and_the_asker_told(stage: Stage) -> None:
    stage.world.leaf.faults.outage(GIVE)
    await consents_but(stage, await asked(stage))
    consent = await until_state(stage, "delivering", "leaf-down")
    stage.world.clock.advance(timedelta(hours=71))
    await works_again(stage, consent)
    assert await sealed_token(stage, consent) is not None, "not yet"
    stage.world.clock.advance(timedelta(hours=2))
    await works_again(stage, consent)
    await until_state(stage, "failed", "leaf-down")
    assert await sealed_token(stage, consent) is None
    assert await secrets_kept(stage) == []
    assert "Ada Lovelace Farms" in text_of(await outcome(stage))
    stage.world.leaf.faults.heal()
    await works_again(stage, consent)
    assert grower(stage).credential is None, "given up is given up"


async def test_leaf_checks_the_credential_later_and_connected_is_said_when_it_is_true(stage: Stage) -> None:
    stage.world.leaf.switch(validates="later")
    page = await consents_but(stage, await asked(stage))
    assert CONNECTED in page
    await stage.until_status(ADA, "pending")
    await stage.delivered()
    assert stage.world.slack.posted(stage.alerts) == []
    await stage.world.leaf.settle()
    await stage.sweeps_now()
    await stage.until_status(ADA, "healthy")
    assert len(await stage.posted(stage.alerts)) == 1
