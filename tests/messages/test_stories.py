"""What people read, story by story."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import messages
from bot.errors import (
    AmbiguousGrower,
    ChannelUnreachable,
    ProviderRejected,
    ProviderUnavailable,
    UnknownGrower,
    UsageError,
)
from bot.messages.speech import every_speech
from bot.messages.times import in_utc
from bot.messages.vocabulary import CAUSES
from bot.reports import DeskRow, History, Snoozes
from handlers.actions import ACTIONS
from handlers.commands import COMMANDS
from handlers.shortcuts import SHORTCUTS
from handlers.views import FORMS
from storage.records import (
    Cause,
    Connection,
    Consent,
    ConsentState,
    CredentialStatus,
    DisconnectionState,
    LeafEvent,
    Role,
)
from tests.messages.gallery import consents
from tests.messages.people import (
    FLOW,
    GROWER,
    NOW,
    URL,
    a_card,
    a_connection,
    a_consent,
    a_desk,
    a_disconnection,
    a_first,
    a_grower,
    a_letter,
    a_loss,
    a_notice,
    a_recovered_card,
    a_report,
    a_timeline,
    an_entry,
    an_incident,
    an_invitation,
    an_overview,
    before,
    broken_by,
    many_in_need,
)
from tests.messages.reading import action_ids, elements, labels, offers, seen


def test_a_connection_breaks_and_the_channel_knows_what_to_do() -> None:
    card = messages.incident(a_card(), NOW)
    assert seen(card).split("\n")[:7] == [
        "🔴 Okafor Family Farms: FieldView stopped working",
        "ada@okafor.example · GR-204",
        "FieldView no longer accepts the permission this grower gave. They may have withdrawn it, or it ran out.",
        "Since: 24 Nov 2026, 10:30 UTC",
        "Not arriving: New fields, planting, spraying and harvest data. What Leaf already holds stays.",
        "Who must act: the grower",
        "Next step: Send a reconnect link. It takes the grower about two minutes.",
    ]
    assert labels(card) == ["Send reconnect link", "Acknowledge", "Claim"]
    assert offers(card) == ["Snooze…", "Assign to somebody…", "Check now", "What happened"]


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (Cause.GROWER_MUST_ACT, "FieldView stopped working"),
        (Cause.SCOPE_MISSING, "Not covered: harvest."),
        (Cause.REMOVED_AT_LEAF, "Who must act: your team"),
        (Cause.FIELDVIEW_DOWN, "Next step: Wait."),
        (Cause.LEAF_DOWN, "The grower’s permission is fine."),
        (Cause.STAYS_PENDING, "Who must act: whoever on your team talks to Leaf"),
        (Cause.OUR_CONFIGURATION, "The grower has done nothing wrong."),
        (Cause.UNKNOWN_STATUS, "Leaf’s word is HALF_ASLEEP."),
    ],
)
def test_each_cause_is_told_in_its_own_words(cause: Cause, sentence: str) -> None:
    assert sentence in seen(messages.incident(a_card(cause), NOW))


@pytest.mark.parametrize(
    ("changes", "sentence", "may_send"),
    [
        ({}, "sent @UGROWER a reconnect link 24 Nov 2026, 13:30 UTC; not opened yet", True),
        ({"sent_to": None}, "made a reconnect link 24 Nov 2026, 13:30 UTC, to be passed on", True),
        ({"begun_at": before(minutes=9)}, "the grower began 24 Nov 2026, 15:21 UTC and has not finished", True),
        ({"begun_at": before(minutes=9), "trouble": "answer-lost"}, "answer was lost on the way", True),
        ({"expires_at": before(minutes=1)}, "ran out 24 Nov 2026, 15:29 UTC without an answer", True),
        ({"trouble": "our-configuration"}, "Who must act: an operator of this bot", False),
        ({"state": ConsentState.EXCHANGING}, "Who must act: nobody", False),
        ({"state": ConsentState.DELIVERING, "trouble": "leaf-down"}, "because Leaf does not answer", False),
        ({"state": ConsentState.CONNECTED, "finished_at": NOW}, "Leaf is checking the new connection", False),
        ({"state": ConsentState.CONNECTED, "finished_at": before(hours=1)}, "The grower agreed once more, but", True),
        ({"state": ConsentState.DECLINED}, "Talk to the grower before you send another", True),
        ({"state": ConsentState.REVOKED}, "a newer one took its place", True),
        ({"state": ConsentState.FAILED, "trouble": "leaf-refused"}, "Leave the grower alone", False),
        ({"state": ConsentState.FAILED, "trouble": "leaf-down"}, "Leaf does not answer", True),
    ],
)
def test_the_card_follows_the_repair(changes: dict[str, Any], sentence: str, may_send: bool) -> None:
    consent = a_consent(incident_id="1nc1dent", **changes)
    card = messages.incident(a_card(consent=consent), NOW)
    assert sentence in seen(card)
    assert ("send-link" in action_ids(card)) == may_send


def test_who_was_connected_long_ago_and_breaks_today_needs_a_link_everywhere() -> None:
    """The consent of then did its work: that it breaks now says nothing of how it went at FieldView."""
    consent = a_consent(state=ConsentState.CONNECTED, finished_at=before(days=300))
    broken = broken_by(Cause.GROWER_MUST_ACT)
    told = seen(messages.connection_status(a_report(broken, consent=consent), NOW))
    assert "Ask the grower what they saw" not in told
    assert CAUSES[Cause.GROWER_MUST_ACT].next in told


def test_a_living_card_tells_points_in_time_that_do_not_grow_stale() -> None:
    card = a_card(consent=a_consent(begun_at=before(minutes=9)))
    assert seen(messages.incident(card, NOW)) == seen(messages.incident(card, NOW + timedelta(days=2)))


def test_the_grower_repairs_it_and_the_card_says_who_asked() -> None:
    told = seen(messages.incident(a_recovered_card(), NOW))
    assert "🟢 Okafor Family Farms: FieldView works again" in told
    assert "Down for 4 h 55 min" in told
    assert "Repaired by the grower, through the link @UMARIA sent." in told
    assert "nothing new has come in since" in told


def test_data_that_came_in_after_the_repair_is_good_news() -> None:
    fresh = a_recovered_card(data=FLOW.__class__(1, 1, NOW))
    assert "Data is flowing again: Leaf holds 1 farm and 1 field" in seen(messages.incident(fresh, NOW))


@pytest.mark.parametrize("cause", Cause)
def test_an_incident_that_ended_by_itself_is_told_in_the_past(cause: Cause) -> None:
    over = an_incident(cause, recovered_at=NOW, ended_by="leaf")
    told = seen(messages.incident(a_recovered_card(incident=over, consent=None, data=None), NOW))
    assert "Repaired by nobody here" in told
    assert "does not answer" not in told


def test_an_incident_ended_by_disconnecting_is_no_recovery() -> None:
    over = an_incident(recovered_at=NOW, ended_by="disconnect")
    card = messages.incident(a_recovered_card(incident=over), NOW)
    assert card.text == "Okafor Family Farms: disconnected by the team."
    assert "works again" not in seen(card)


def test_the_agent_hears_that_the_link_arrived() -> None:
    told = seen(messages.invitation(an_invitation(delivered_to="UGROWER"), NOW))
    assert "@UGROWER got it from me by direct message" in told
    assert URL not in told


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Here is the link for Okafor Family Farms."),
        ({"undelivered": "messages_tab_disabled"}, "direct messages to me are switched off in this workspace"),
        ({"undelivered": "Slack did not take the message"}, "in Slack: Slack did not take the message."),
        ({"undelivered": "odd_reason"}, "Slack says odd_reason"),
        ({"replaced": 1}, "1 earlier link of this grower no longer works."),
        ({"replaced": 2}, "2 earlier links of this grower no longer work."),
        ({"consent": a_consent(incident_id="i")}, "Here is the reconnect link for Okafor Family Farms."),
        ({"connection": a_connection()}, "connect your Climate FieldView again"),
    ],
)
def test_the_agent_gets_a_link_to_share(changes: dict[str, Any], sentence: str) -> None:
    told = seen(messages.invitation(an_invitation(**changes), NOW))
    assert sentence in told
    assert told.count(URL) == 2
    assert "The link works until the end of Monday 30 November" in told


def test_the_grower_gets_one_button_and_a_code_word() -> None:
    letter = messages.invitation_dm(an_invitation().letter, NOW)
    assert letter.text.startswith("Maria Santos at Prairie Grain asks you to connect Climate FieldView.")
    assert [element["url"] for element in elements(letter)] == [URL]
    assert "must show the words amber-barley" in seen(letter)
    assert "Works until the end of Monday 30 November" in seen(letter)


@pytest.mark.parametrize(
    ("zone", "until"),
    [
        ("America/Chicago", "until the end of Monday 30 November"),
        ("Pacific/Auckland", "until the end of Tuesday 1 December"),
        ("Nowhere/Atall", "until the end of Monday 30 November"),
        (None, "until the end of Monday 30 November"),
    ],
)
def test_a_link_works_until_the_last_whole_day_where_the_grower_is(zone: str | None, until: str) -> None:
    expires = datetime(2026, 12, 1, 13, 30, tzinfo=UTC)
    letter = a_letter(expires_at=expires, time_zone=zone)
    assert until in seen(messages.invitation_dm(letter, NOW))
    assert until in seen(messages.reminder(letter, NOW, last=False))
    outside = a_letter(expires_at=expires, time_zone=zone, sent_to=None)
    told = seen(messages.reminder_to_pass_on(outside, NOW))
    assert "until the end of Monday 30 November" in told, "the zone is the asker's, and the safe day is told"


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (ConsentState.OPEN, "Go on in the window where you began."),
        (ConsentState.EXCHANGING, "Thank you. Your FieldView is being connected."),
        (ConsentState.DELIVERING, "You need do nothing more."),
        (ConsentState.CONNECTED, "Your FieldView is connected. Thank you."),
        (ConsentState.DECLINED, "You said no, and nothing was changed."),
        (ConsentState.REVOKED, "This link no longer works."),
        (ConsentState.FAILED, "It was nothing you did"),
    ],
)
def test_the_growers_message_ends_well_and_without_the_link(state: ConsentState, sentence: str) -> None:
    closed = messages.invitation_dm_closed(a_letter(state=state), NOW)
    assert sentence in seen(closed)
    # What a link that was used leads to is a page that tells what is shared. Who said no is left alone.
    assert labels(closed) == (["See what is shared"] if state is ConsentState.CONNECTED else [])


@pytest.mark.parametrize("language", every_speech())
def test_a_message_that_is_over_claims_nothing_about_what_was_shared_before(language: str) -> None:
    unchanged = {
        "en": "nothing was changed",
        "pt": "nada foi alterado",
        "es": "no se cambió nada",
        "fr": "rien n’a été",
    }
    for ended in ({"state": ConsentState.DECLINED}, {"expires_at": before(minutes=1)}):
        closed = messages.invitation_dm_closed(a_letter(language=language, **ended), NOW)
        assert unchanged[language] in seen(closed).split("\n")[0]


def test_nobody_is_said_to_be_reminded_by_whoever_only_asked_for_it() -> None:
    outside = a_consent(sent_to=None, reminders=3, expires_at=before(minutes=1))
    assert "I asked 3 times that somebody remind them." in seen(messages.consent_outcome(outside, NOW))
    assert "I reminded" not in seen(messages.consent_outcome(outside, NOW))
    still_out = replace(outside, reminders=1, expires_at=NOW + timedelta(days=3))
    card = seen(messages.incident(a_card(consent=still_out), NOW))
    assert "I asked once that somebody remind them." in card
    assert "Reminded" not in card
    assert "The link for Okafor Family Farms ran out." in seen(messages.reminder_over(outside, NOW))
    assert "need not be reminded" not in seen(messages.reminder_over(outside, NOW))
    written = an_entry("consent-reminded", actor="job:consent", detail='{"number": 1, "through": "UMARIA"}')
    assert "asked @UMARIA to remind Okafor Family Farms" in seen(messages.history(History([written]), NOW))


def test_fieldview_is_not_said_to_have_been_asked_about_a_connection_that_did_not_come_through_the_bot() -> None:
    elsewhere, here = a_connection(connected_at=None, account_email=None), a_connection(account_email=None)

    def told(connection: Connection) -> list[str]:
        question = messages.disconnect_question(a_loss(connection=connection), NOW)
        return [seen(messages.already_connected(GROWER, connection, NOW)), seen(question)]

    assert all("This grower was not connected through me." in text for text in told(elsewhere))
    assert not any("FieldView did not say" in text for text in told(elsewhere))
    assert all("FieldView did not say whose it is." in text for text in told(here))


@pytest.mark.parametrize(
    ("changes", "who", "then"),
    [
        ({}, "the grower", "Wait for the grower. I remind them by myself."),
        ({"sent_to": None}, "whoever has the link", "Pass it on to the grower."),
        ({"sent_to": None, "opened_at": before(hours=1)}, "the grower", "Wait for the grower, or call them."),
        ({"sent_to": None, "trouble": "undelivered"}, "your team", "Send them the link yourself."),
        ({"sent_to": None, "trouble": "undelivered", "opened_at": before(hours=1)}, "the grower", "Wait for"),
        ({"trouble": "denied-at-fieldview"}, "your team", "Ask the grower whether they meant it."),
        ({"trouble": "code-refused"}, "your team", "Ask the grower to press the same link again."),
        ({"trouble": "answer-lost"}, "your team", "Ask the grower to press the same link again."),
        ({"trouble": "fieldview-down"}, "your team", "Ask the grower to press the same link again."),
        ({"trouble": "other-account"}, "the grower", "Wait for the grower."),
        ({"sent_to": None, "trouble": "other-account"}, "your team", "Ask the grower to sign in with the account from"),
        (
            {"sent_to": None, "trouble": "somebody-elses-account"},
            "your team",
            "Ask the grower to sign in with their own",
        ),
        ({"trouble": "our-configuration"}, "an operator of this bot", "Leave the grower alone until then."),
        ({"state": ConsentState.DECLINED}, "your team", "Talk to the grower"),
        ({"state": ConsentState.DELIVERING}, "nobody", "Nothing to do"),
    ],
)
def test_the_card_the_status_and_whoever_asked_hear_of_one_next_step(
    changes: dict[str, Any], who: str, then: str
) -> None:
    begun = {"begun_at": before(hours=1)} if changes.get("trouble") not in (None, "undelivered") else {}
    consent = a_consent(incident_id="1nc1dent", **begun, **changes)
    card = messages.incident(a_card(consent=consent), NOW)
    status = messages.connection_status(a_report(broken_by(Cause.GROWER_MUST_ACT), consent=consent), NOW)
    for told in (seen(card), seen(status)):
        assert f"Who must act: {who}\n" in told
        assert then in told.partition("Next step: ")[2].partition("\n")[0]
    asked = seen(messages.consent_outcome(consent, NOW))
    for said in ("whether they meant it", "yourself", "Talk to", "sign in with"):
        assert (said in then) <= (said in asked), "whoever asked is told to do the same"
    if "press" in then:
        assert "Ask them to press it again." in asked


OUTCOMES = [
    ({"state": ConsentState.CONNECTED}, None, "🟢 Okafor Family Farms agreed and is connected."),
    ({"state": ConsentState.CONNECTED}, CredentialStatus.PENDING, "Leaf is still checking the new connection"),
    ({"state": ConsentState.CONNECTED}, CredentialStatus.UNAVAILABLE, "Leaf is still checking the new connection"),
    ({"state": ConsentState.CONNECTED}, CredentialStatus.LIMITED, "shares only a part"),
    ({"state": ConsentState.CONNECTED}, CredentialStatus.BROKEN, "it does not work yet"),
    ({"state": ConsentState.CONNECTED}, CredentialStatus.UNKNOWN, "it does not work yet"),
    ({"state": ConsentState.DECLINED}, None, "⚪ Okafor Family Farms said no."),
    ({"state": ConsentState.REVOKED}, None, "no longer works"),
    ({"state": ConsentState.EXCHANGING}, None, "agreed; Leaf is being told"),
    ({"state": ConsentState.DELIVERING, "trouble": "leaf-down"}, None, "because Leaf does not answer. I keep trying."),
    ({"state": ConsentState.FAILED, "trouble": "leaf-down"}, None, "Ask them once more with a new link."),
    ({"state": ConsentState.FAILED, "trouble": "leaf-refused"}, None, "An operator has to find out why"),
    ({}, None, "has not finished yet"),
    ({"expires_at": before(minutes=1)}, None, "As far as I can tell, it was never opened."),
    ({"expires_at": before(minutes=1), "opened_at": before(hours=1)}, None, "They did not finish in time."),
    ({"sent_to": None, "trouble": "undelivered"}, None, "Slack does not take my message to them."),
    ({"trouble": "denied-at-fieldview"}, None, "did not agree on FieldView’s page"),
    ({"trouble": "code-refused"}, None, "when the grower takes too long"),
    ({"trouble": "answer-lost"}, None, "was lost on the way"),
    ({"trouble": "fieldview-down"}, None, "FieldView did not answer"),
    ({"trouble": "our-configuration"}, None, "the grower did nothing wrong"),
]


@pytest.mark.parametrize(("changes", "status", "sentence"), OUTCOMES)
def test_whoever_asked_hears_how_it_went(
    changes: dict[str, Any], status: CredentialStatus | None, sentence: str
) -> None:
    consent: Consent = a_consent(**changes)
    told = messages.consent_outcome(
        consent, NOW, a_connection(status, completing_consent=consent.id) if status else None
    )
    assert sentence in seen(told)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (CredentialStatus.BROKEN, "was connected, but it does not work any more"),
        (CredentialStatus.UNKNOWN, "was connected, but it does not work any more"),
        (CredentialStatus.ABSENT, "was connected; that has been ended since"),
    ],
)
def test_what_broke_or_was_ended_while_the_first_data_were_awaited_is_not_said_never_to_have_worked(
    status: CredentialStatus, sentence: str
) -> None:
    through = a_consent(state=ConsentState.CONNECTED, finished_at=NOW)
    told = seen(messages.consent_outcome(through, NOW, a_connection(status)))
    assert sentence in told
    assert "not work yet" not in told


def test_two_growers_of_one_name_are_told_apart_wherever_one_is_decided_about_or_listed() -> None:
    one = a_grower(name="Hopper Grain", email="grace@hopper.example", external_id=None)
    other = a_grower(id="g-2", name="Hopper Grain", email=None, external_id="GR-9")
    held = a_consent(grower_name=one.name, state=ConsentState.HELD, trouble="somebody-elses-account")
    asking = seen(messages.consent_outcome(held, NOW, grower=one, whose=other))
    assert "signed in with the FieldView account of Hopper Grain (GR-9)" in asking
    assert "grace@hopper.example" in asking
    needing = [(each, broken_by(Cause.GROWER_MUST_ACT)) for each in (one, other)]
    out = [a_consent(grower_name=one.name), a_consent(id="c2", grower_id="g-2", grower_name=other.name)]
    for listed in (
        messages.overview(an_overview(needing_someone=needing), NOW),
        messages.links(out, None, NOW, {GROWER.id: one, "g-2": other}),
        messages.snoozes(Snoozes([(an_incident(), one), (an_incident(), other)])),
    ):
        above = repr([block for block in listed.payload()["blocks"] if block["type"] != "actions"])
        assert "grace@hopper.example" in above
        assert "GR-9" in above
    for told in (
        messages.incident(a_card(grower=one), NOW),
        messages.invitation(an_invitation(grower=one), NOW),
        messages.invitation(an_invitation(grower=one, delivered_to="UGROWER"), NOW),
    ):
        assert "grace@hopper.example" in seen(told)


@pytest.mark.parametrize("ran_out", [False, True])
def test_an_approval_that_was_forgotten_is_not_told_as_the_growers_doing(*, ran_out: bool) -> None:
    changes = {"expires_at": before(hours=1)} if ran_out else {}
    consent = a_consent(trouble="nobody-decided", begun_at=before(days=3), **changes)
    told = messages.consent_outcome(consent, NOW, grower=GROWER)
    assert "Nobody decided in time about Okafor Family Farms" in seen(told)
    assert "did not finish" not in seen(told)
    assert "send-link" in action_ids(told)
    card = seen(messages.incident(a_card(consent=consent), NOW))
    assert "nobody decided in time, so I forgot it" in card
    assert "without an answer" not in card


def test_a_connection_to_another_account_is_pointed_out() -> None:
    other = a_connection(account_email="bob@elsewhere.example")
    told = seen(messages.connected(a_consent(), GROWER, other, None, NOW))
    assert "make sure that both belong together" in told
    same = seen(messages.connected(a_consent(), GROWER, a_connection(), FLOW, NOW))
    assert "make sure" not in same
    assert "Leaf holds 2 farms and 31 fields" in same


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (CredentialStatus.HEALTHY, "🟢 FieldView is connected and works."),
        (CredentialStatus.BROKEN, "🔴 FieldView is not working"),
        (CredentialStatus.LIMITED, "🟠 FieldView works, but not everything is shared."),
        (CredentialStatus.PENDING, "🔵 Leaf is still checking the new connection; there is nothing to do."),
        (CredentialStatus.UNAVAILABLE, "🟡 FieldView does not answer Leaf at the moment."),
        (CredentialStatus.UNKNOWN, "🟣 Leaf answers with a word I do not know"),
        (CredentialStatus.ABSENT, "⚪ FieldView is not connected."),
    ],
)
def test_the_status_of_one_grower(status: CredentialStatus, sentence: str) -> None:
    shown = messages.connection_status(a_report(a_connection(status)), NOW)
    assert sentence in seen(shown)
    assert ("disconnect" in action_ids(shown)) == (status is not CredentialStatus.ABSENT)


def test_knowledge_that_is_old_is_told_as_something_of_the_past() -> None:
    why = str(ProviderUnavailable("Leaf"))
    report = a_report(a_connection(), live=False, as_of=before(hours=2), why_not_live=why)
    told = seen(messages.connection_status(report, NOW))
    assert "⚪ FieldView was connected and worked when I last looked." in told
    assert "This is what I knew 24 Nov 2026, 13:30 UTC." in told
    assert "is connected and works" not in told


def test_the_overview_counts_and_lists_those_in_need() -> None:
    shown = messages.overview(an_overview(), NOW)
    assert shown.text == "3 growers need somebody. 2,403 growers: 2,400 healthy, 2 broken, 1 unknown."
    assert "4 links are out and waiting for the grower." in seen(shown)
    assert action_ids(shown) == ["show-status"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Nobody needs you right now."),
        ({"as_of": None}, "I have not looked at everybody yet"),
        ({"as_of": before(hours=5)}, "Nobody needed you 5 h ago"),
        ({"waiting_for_consent": 1}, "1 link is out and waiting for the grower."),
        ({"undecided": 1}, "1 approval waits for a decision."),
        ({"counts": {}}, "There are no growers at Leaf yet."),
        ({"counts": {}, "as_of": None}, "I have not looked at your growers yet."),
        ({"counts": {CredentialStatus.BROKEN: 1}}, "1 grower needs somebody."),
    ],
)
def test_all_is_well_only_when_it_is_known_to_be(changes: dict[str, Any], sentence: str) -> None:
    well = {"counts": {CredentialStatus.HEALTHY: 1}, "needing_someone": [], "waiting_for_consent": 0}
    assert sentence in seen(messages.overview(an_overview(**{**well, **changes}), NOW))


def test_home_offers_what_is_to_be_decided_and_no_link_that_ends_another() -> None:
    broken = broken_by(Cause.GROWER_MUST_ACT)

    def shown(consent: Consent | None) -> list[str]:
        row = DeskRow(GROWER, broken, consent)
        return labels(messages.home(a_desk(rows=[row]), is_admin=False, now=NOW))

    assert "Send reconnect link" in shown(None)
    assert "Send a new link" in shown(a_consent())
    assert "Send reconnect link" not in shown(a_consent())
    assert {"Use this account", "Refuse"} <= set(shown(a_consent(state=ConsentState.HELD)))
    agreed = shown(a_consent(state=ConsentState.DELIVERING))
    assert not any(label.startswith("Send") for label in agreed)


def test_a_menu_has_a_hundred_of_many_and_says_so() -> None:
    shown = messages.overview(many_in_need(150), NOW)
    assert len(elements(shown)[0]["options"]) == 100
    assert "…and 51 more growers." in seen(shown)
    assert "The menu has the first 100." in seen(shown)


def test_twins_are_told_apart_in_a_menu() -> None:
    twins = [a_grower(id="one"), a_grower(id="two"), a_grower(id="three", email="other@x.example")]
    menu = elements(messages.choose_grower("Okafor", twins, "connect", "30"))[0]
    below = [option["description"]["text"] for option in menu["options"]]
    assert below == ["Leaf id one", "Leaf id two", "other@x.example · GR-204"]


@pytest.mark.parametrize("rest", ["", "30", "7 d", "a:b:c", "x" * 241])
def test_a_menu_carries_the_command_it_goes_on_with(rest: str) -> None:
    block = messages.choose_grower("Okafor", [GROWER], "events", rest).payload()["blocks"][1]["block_id"]
    assert messages.chosen_command(block) == ("events", rest)
    assert messages.chosen_command("something else") == ("", "")


@pytest.mark.parametrize("rest", ["x" * 242, "\N{SEEDLING}" * 121])
def test_what_a_menu_cannot_carry_is_asked_for_again_and_never_left_out(rest: str) -> None:
    many = [a_grower(id=f"leaf-{number}") for number in range(27)]
    for shown in (
        messages.choose_grower("Okafor", many, "events", rest),
        messages.unknown_grower("Okafro", many, "events", rest, may_create=False),
    ):
        assert elements(shown) == []
        assert "too long for me to remember" in seen(shown)
        assert "leaf-24" in seen(shown)
        assert "…and 2 more." in seen(shown)


OF_NOBODY = {"target": None, "target_name": None}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"detail": '{"consent": "c", "to": "UG"}'},
            "@UMARIA made a link for Okafor Family Farms, to go out by direct message",
        ),
        ({"detail": '{"consent": "c"}'}, "made a link for Okafor Family Farms to be passed on"),
        ({"detail": '{"link": "not needed"}'}, "who is connected already"),
        ({"action": "disconnect", "detail": '{"asked": true}'}, "was asked whether to disconnect"),
        ({"action": "disconnect", "detail": '{"cancelled": true}'}, "kept Okafor Family Farms connected"),
        ({"action": "disconnect", "detail": '{"removed": false}'}, "where no connection was left"),
        ({"action": "disconnect", "detail": '{"removed": true}'}, "@UMARIA disconnected Okafor Family Farms"),
        ({"action": "choose-grower", "detail": '{"command": "status"}'}, "looked at the status of Okafor"),
        ({"action": "subscribe", "detail": '{"channel": "CNEWS"}'}, "subscribed #CNEWS"),
        (
            {"action": "unknown-command", "target": None, "target_name": None, "typed": "conect"},
            "typed something I do not know: conect",
        ),
        (
            {"outcome": "refused", "target": None, "target_name": None, "typed": "Okafro"},
            "asked to connect Okafro, but that was refused",
        ),
        (
            {"action": "acknowledge", "outcome": "refused", "detail": '{"because": "over"}'},
            "@UMARIA tried to acknowledge the alert about Okafor Family Farms, but it was over already",
        ),
        (
            {"action": "claim", "outcome": "refused", "detail": '{"because": "second"}'},
            "@UMARIA tried to claim Okafor Family Farms, but somebody had been first",
        ),
        ({"action": "release", "outcome": "failed"}, "tried to give up looking after Okafor Family Farms, but that f"),
        ({"action": "disconnect", "outcome": "refused"}, "wanted to disconnect Okafor Family Farms, and was refused"),
        ({"action": "first-data", "detail": '{"farms": 1, "fields": 2, "again": true}'}, "saw data again of Okafor"),
        ({"outcome": "refused", "detail": '{"because": "several"}'}, "and was asked which one of several"),
        ({"outcome": "refused", "detail": '{"because": "not-understood"}'}, "something was missing or not understood"),
        ({"outcome": "refused", "detail": '{"faults": ["email"]}'}, "something was missing or not understood"),
        ({"outcome": "refused", "detail": '{"pressed": "again"}'}, "by a second click, which did nothing"),
        ({"action": "consent-failed", "detail": '{"trouble": "leaf-down"}'}, ": Leaf does not answer"),
        ({"action": "incident-opened", "actor": "job:sweep", "detail": '{"cause": "scope-missing"}'}, "only a part"),
        ({"action": "status", "outcome": "crashed"}, "but something broke on my side"),
        (
            {"action": "status", **OF_NOBODY, "typed": "--mine", "detail": '{"whose": "own"}'},
            "status of their own growers",
        ),
        (
            {"action": "status", **OF_NOBODY, "typed": "<@UJONAS|jo>", "detail": '{"whose": "UJONAS"}'},
            "looked at the status of @UJONAS’s growers",
        ),
        (
            {"action": "status", **OF_NOBODY, "typed": "tag:r&d", "detail": '{"tag": "r&d <!here>"}'},
            "looked at the status of the growers with the tag r&d <!here>",
        ),
        ({"action": "status", **OF_NOBODY}, "looked at the status of all growers"),
        ({"action": "health", **OF_NOBODY}, "looked at how I am doing"),
        ({"action": "brand-new", "outcome": "odd"}, "did brand-new for Okafor Family Farms, which ended as odd"),
        ({"detail": "no json"}, "asked to connect Okafor Family Farms"),
    ],
)
def test_the_history_says_who_did_what_and_how_it_ended(entry: dict[str, Any], sentence: str) -> None:
    assert sentence in seen(messages.history(History([an_entry(**entry)]), NOW))


NARROW: dict[str, Any] = {"grower": GROWER, "actor": "UMARIA", "since": NOW - timedelta(days=7), "action": "connect"}


@pytest.mark.parametrize(
    ("narrowed", "some", "one", "none"),
    [
        ("", "The last 2 entries, newest first", "One entry", "Nothing has been done yet."),
        (
            "grower",
            "The last 2 entries around Okafor Family Farms, newest first",
            "One entry around Okafor Family Farms",
            "Nothing has been done around Okafor Family Farms yet.",
        ),
        (
            "actor",
            "The last 2 entries by @UMARIA, newest first",
            "One entry by @UMARIA",
            "Nothing has been done by @UMARIA.",
        ),
        (
            "since",
            "The last 2 entries since DAY, newest first",
            "One entry since DAY",
            "Nothing has been done since DAY.",
        ),
        (
            "action",
            "The last 2 connect entries, newest first",
            "One connect entry",
            "There is no connect entry.",
        ),
        (
            "grower actor",
            "The last 2 entries around Okafor Family Farms by @UMARIA, newest first",
            "One entry around Okafor Family Farms by @UMARIA",
            "Nothing has been done around Okafor Family Farms by @UMARIA.",
        ),
        (
            "actor since action",
            "The last 2 connect entries by @UMARIA since DAY, newest first",
            "One connect entry by @UMARIA since DAY",
            "There is no connect entry by @UMARIA since DAY.",
        ),
        (
            "grower actor since action",
            "The last 2 connect entries around Okafor Family Farms by @UMARIA since DAY, newest first",
            "One connect entry around Okafor Family Farms by @UMARIA since DAY",
            "There is no connect entry around Okafor Family Farms by @UMARIA since DAY.",
        ),
    ],
)
def test_the_head_of_the_history_reads_as_a_person_would_write_it(
    narrowed: str, some: str, one: str, none: str
) -> None:
    narrow = {name: NARROW[name] for name in narrowed.split()}
    for number, head in ((2, some), (1, one), (0, none)):
        told = seen(messages.history(History([an_entry()] * number, **narrow), NOW)).split("\n")
        assert head.replace("DAY", in_utc(NARROW["since"])) in told, told
    older = seen(messages.history(History([], page_on=True, **narrow), NOW))
    what = "connect entry" if "action" in narrowed else "entry"
    assert f"There is no older {what}" in older


def test_everything_that_can_be_asked_for_has_words_in_the_history() -> None:
    typed = {command.name for command in COMMANDS.values()}
    pressed = {action.name for action in ACTIONS.values()}
    sent = {form.name for form in FORMS.values()} | {offer.name for offer in SHORTCUTS.values()}
    assert typed | pressed | sent <= set(messages.actions())


def test_somebody_who_was_typed_as_a_grower_is_read_by_name() -> None:
    entry = an_entry("status", outcome="refused", target=None, target_name=None, typed="<@U05IEIVKGK0|linus> now")
    told = seen(messages.history(History([entry]), NOW))
    assert "the status of @linus now" in told
    assert "U05IEIVKGK0" not in told


def test_the_timeline_turns_its_pages() -> None:
    values = [json.loads(element["value"]) for element in elements(messages.timeline(a_timeline(page=1), NOW))]
    assert values == [
        {"grower": GROWER.id, "page": 0, "days": 30},
        {"grower": GROWER.id, "page": 2, "days": 30},
    ]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"error":"invalid_grant","error_description":"The grant was revoked"}', "(401): The grant was revoked"),
        ('{"error":"invalid_grant"}', "(401): invalid_grant"),
        ("Too many requests", "(401): Too many requests"),
        ('{"rows":[{"id":1}]}', "(401)"),
        ('{"message": "cut off in the mid', "(401)"),
        ("<html><body>Bad Gateway</body></html>", "(401)"),
    ],
)
def test_what_fieldview_answered_is_told_in_words(body: str, sentence: str) -> None:
    told = seen(messages.timeline(a_timeline(facts=[LeafEvent("e", GROWER.id, before(hours=1), 401, body)]), NOW))
    assert sentence in told
    assert not set("{}[]") & set(told)
    if sentence.endswith(")"):
        assert "(401):" not in told


def test_a_permission_that_is_over_is_not_told_as_a_mistake_of_leafs() -> None:
    body = '{"error": "invalid_grant", "error_description": "Provided Authorization Grant is invalid"}'
    told = seen(messages.timeline(a_timeline(facts=[LeafEvent("e", GROWER.id, before(hours=1), 400, body)]), NOW))
    assert "FieldView no longer accepts the grower’s permission (400): Provided Authorization Grant is invalid" in told


@pytest.mark.parametrize(("role", "offered"), [(Role.VIEWER, 0), (Role.OPERATOR, 1), (Role.ADMIN, 2)])
def test_the_status_offers_only_what_whoever_asks_may_do(role: Role, offered: int) -> None:
    told = messages.connection_status(a_report(broken_by(Cause.GROWER_MUST_ACT)), NOW, role)
    assert len({"send-link", "disconnect"} & set(action_ids(told))) == offered


def test_an_answer_says_when_it_was_asked_and_not_that_it_was_just_now() -> None:
    for told in (
        messages.connection_status(a_report(a_connection()), NOW),
        messages.overview(an_overview(), NOW),
        messages.already_connected(GROWER, a_connection(), NOW),
    ):
        assert "24 Nov 2026, 15:2" in seen(told) or "24 Nov 2026, 15:30" in seen(told)
        assert not re.search(r"just now|ago\b", seen(told))


@pytest.mark.parametrize("language", every_speech())
def test_a_grower_who_was_connected_is_asked_to_connect_again_in_every_sentence(language: str) -> None:
    words = {"en": "again", "pt": "de novo", "es": "otra vez", "fr": "à nouveau"}
    once_more = replace(a_letter(language=language), again=True)
    first = a_letter(language=language)
    asked = (messages.invitation_dm(once_more, NOW), messages.reminder(once_more, NOW, last=False))
    for message in asked:
        assert words[language] in message.text
        assert words[language] in seen(message).split("\n")[0]
    assert words[language] in seen(messages.reminder_to_pass_on(once_more, NOW))
    assert words[language] not in messages.invitation_dm(first, NOW).text


@pytest.mark.parametrize(
    ("language", "part", "ticked"),
    [
        ("en", "only a part of your FieldView data. Missing: harvest.", "leave everything ticked"),
        ("pt", "só uma parte dos seus dados do FieldView. Falta: colheita.", "deixe tudo marcado"),
        ("es", "solo una parte de sus datos de FieldView. Falta: cosecha.", "deje todo marcado"),
        ("fr", "qu’une partie de vos données FieldView. Il manque\u00a0: récolte.", "tout laisser coché"),
    ],
)
def test_who_shares_only_a_part_is_asked_for_all_of_it_in_every_message(language: str, part: str, ticked: str) -> None:
    partly = replace(a_letter(language=language), again=True, left_out=("asHarvested:read",))
    for told in (
        messages.invitation_dm(partly, NOW),
        messages.reminder(partly, NOW, last=False),
        messages.reminder_to_pass_on(partly, NOW),
    ):
        assert part in seen(told)
        assert ticked in seen(told)
    unnamed = seen(messages.invitation_dm(replace(partly, left_out=()), NOW))
    assert ticked in unnamed
    assert part.partition(".")[0] in unnamed


def test_a_permission_without_words_of_ours_is_no_foreign_text_in_a_growers_message() -> None:
    partly = replace(a_letter(), left_out=("asHarvested:read", "<!channel>"))
    assert "Missing: harvest, something else." in seen(messages.invitation_dm(partly, NOW))


def test_data_after_a_repair_is_not_the_first() -> None:
    back = a_consent(state=ConsentState.CONNECTED, incident_id="1nc1dent")
    came, waits = a_first(came_at=before(days=1), farms=2, fields=31), a_first()
    assert "Data flows again" in seen(messages.consent_outcome(back, NOW, first=came))
    for told in (
        messages.consent_outcome(back, NOW, first=waits),
        messages.connection_status(a_report(a_connection(), consent=back, first=waits, data=None), NOW),
    ):
        assert "Waiting for new data" in seen(told)
        assert "first data" not in seen(told)


def test_a_day_with_much_on_it_is_told_in_full() -> None:
    facts = [an_entry("subscribe", detail=f'{{"channel": "C{n:03}"}}') for n in range(100)]
    told = seen(messages.timeline(a_timeline(facts=facts), NOW))
    assert all(f"#C{n:03}" in told for n in range(100))


def test_disconnecting_asks_first_and_then_says_what_is_left_to_do() -> None:
    question = messages.disconnect_question(a_loss(), NOW)
    assert action_ids(question) == ["disconnect-confirm", "disconnect-cancel"]
    assert "FieldView itself is not told" in seen(question)
    done = seen(messages.disconnection(a_disconnection(DisconnectionState.DONE), NOW))
    assert "One thing is left. FieldView itself is not told" in done


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UsageError("Which grower?", "/fieldview connect <grower>"), "Write /fieldview connect <grower>."),
        (UnknownGrower("`<!here>`"), "<!here>"),
        (AmbiguousGrower("Ada", []), "Several growers answer to “Ada”."),
        (ChannelUnreachable("CGONE", "is_archived"), "#CGONE is archived, so nothing can be posted there."),
        (ChannelUnreachable("CGONE", "not_in_channel"), "I am not in #CGONE. Write /invite @FieldView there"),
        (ChannelUnreachable("CGONE", "brand_new"), "I cannot post to #CGONE. Slack says brand_new."),
        (ChannelUnreachable("UJONAS", "user_disabled"), "I cannot write to @UJONAS directly: their Slack account is"),
        (ChannelUnreachable("UJONAS", "is_a_guest"), "I cannot write to @UJONAS directly: they are only a guest now."),
        (ChannelUnreachable("DJONAS", "is_archived"), "I cannot write to this person directly: the conversation"),
        (ProviderRejected("Leaf", code="eventRegisteredTwice"), "did not accept this. Its reason: eventRegistered"),
        (ProviderUnavailable("Leaf"), "🟡 Leaf is not answering right now."),
    ],
)
def test_what_goes_wrong_is_told_plainly(error: Any, sentence: str) -> None:
    assert sentence in seen(messages.problem(error))


def test_only_who_wanted_a_change_is_told_that_there_was_none() -> None:
    assert "changed" not in seen(messages.problem(ProviderUnavailable("Leaf")))
    assert "Nothing was changed." in seen(messages.problem(ProviderUnavailable("Leaf"), might_change=True))
    in_doubt = ProviderUnavailable("Leaf", in_doubt=True)
    assert "changed" not in seen(messages.problem(in_doubt, might_change=True))


def test_a_form_is_filled_with_what_was_typed() -> None:
    def filled(typed: str) -> list[Any]:
        blocks = messages.create_grower_modal(typed, private_metadata="CTEAM").to_dict()["blocks"][1:]
        return [block["element"].get("initial_value") for block in blocks]

    assert filled("Okafor Farms") == ["Okafor Farms", None, None]
    assert filled("ada@okafor.example") == [None, "ada@okafor.example", None]
    assert filled("<@U123>") == [None, None, None]
    assert filled("") == [None, None, None]


def test_a_notice_to_the_operators_ends() -> None:
    assert "⚠️ This bot needs an operator" in seen(messages.operator_notice(a_notice(), NOW))
    assert "It lasted 3 h" in seen(messages.operator_notice(a_notice(over_at=NOW), NOW))


@pytest.mark.parametrize(("state", "consent"), list(consents()), ids=lambda each: each if isinstance(each, str) else "")
def test_card_status_table_and_home_say_the_same_of_who_must_act(state: str, consent: Consent) -> None:
    grower, connection = a_grower(owner="UJONAS"), broken_by(Cause.GROWER_MUST_ACT)
    card = messages.incident(a_card(grower=grower, connection=connection, consent=consent), NOW)
    [who] = re.findall(r"Who must act: (.+)", seen(card))
    status = messages.connection_status(a_report(connection, grower=grower, consent=consent), NOW)
    assert f"Who must act: {who}" in seen(status)
    home = messages.home(a_desk(rows=[DeskRow(grower, connection, consent)]), is_admin=False, now=NOW)
    assert f"Who must act: {who}." in seen(home)
    table = messages.overview(an_overview(needing_someone=[(grower, connection)], consents={grower.id: consent}), NOW)
    in_words = "the grower’s owner" if state.startswith("held") else who
    assert in_words in seen(table)


def test_a_card_that_comes_and_goes_tells_of_the_link() -> None:
    flapping = an_incident(flapping_since=before(hours=3))
    card = a_card(incident=flapping, changes=6)
    assert "your team, if it goes on" in seen(messages.incident(card, NOW))
    sent = seen(messages.incident(replace(card, consent=a_consent()), NOW))
    assert "not opened yet" in sent
    assert "Who must act: the grower" in sent
    assert "Next step: Wait for the grower" in sent
    held = a_consent(state=ConsentState.HELD, trouble="other-account")
    asked = messages.incident(replace(card, consent=held), NOW)
    assert "Who must act: @UMARIA" in seen(asked)
    assert action_ids(asked)[:2] == ["use-account", "refuse-account"]
    done = a_consent(state=ConsentState.CONNECTED, finished_at=before(minutes=9))
    works = seen(messages.incident(replace(card, consent=done, connection=a_connection()), NOW))
    assert "Leaf is checking" not in works, "it has, and it works right now"
    assert "your team, if it goes on" in works
