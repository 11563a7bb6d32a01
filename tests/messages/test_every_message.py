"""What holds for every message there is: Slack takes it, it reads well alone, and its buttons do something."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from slack_sdk.models.views import View

from bot import messages
from bot.messages import Message
from bot.messages.speech import speech
from handlers.actions import ACTIONS
from handlers.wording import Wording
from storage.records import Cause, CredentialStatus
from tests.messages import gallery
from tests.messages.people import (
    CURABLE,
    NOW,
    STATUS_OF,
    a_card,
    a_connection,
    a_desk,
    a_grower,
    a_report,
    an_overview,
    broken_by,
)
from tests.messages.reading import action_ids, blocks_of, complaints, elements, labels, markup, seen, texts

EVERYTHING = gallery.everything()
JARGON = re.compile(r"credential|oauth|http|token|webhook|401 |payload|endpoint|API\b", re.IGNORECASE)
BLAME = re.compile(r"\b(?:your fault|you failed|invalid|illegal|wrongly|error)\b", re.IGNORECASE)
SIGN = re.compile("[🟢🔴🟠🟣🟡🔵⚪🔒⚠✅🛠]")


@pytest.fixture(params=EVERYTHING, ids=str)
def title(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_slack_takes_it(title: str) -> None:
    assert complaints(EVERYTHING[title]) == []


def test_it_reads_alone_on_a_lock_screen(title: str) -> None:
    shown = EVERYTHING[title]
    if isinstance(shown, Message):
        assert 10 < len(shown.text) <= 4000
        # Whoever is called by name is: Slack notifies of a mention in the text.
        called = [("angle", "@UMARIA"), ("angle", "@UJONAS")]
        assert [found for found in markup(shown.text, verbatim=True) if found not in called] == []
        assert not SIGN.search(shown.text)


def test_nothing_in_it_becomes_a_link_by_itself(title: str) -> None:
    written = [text for text in texts(blocks_of(EVERYTHING[title])) if text["type"] == "mrkdwn"]
    assert all(text["verbatim"] is True for text in written)


def test_it_is_free_of_jargon_and_blame(title: str) -> None:
    # What Leaf or FieldView answered is quoted in a timeline, and links are links.
    told = re.sub(r"https://\S+|\{.*\}|\(\d{3}\)", "", seen(EVERYTHING[title]))
    assert not JARGON.search(told)
    assert not BLAME.search(told)


def test_its_first_line_has_at_most_one_sign(title: str) -> None:
    assert len(SIGN.findall(seen(EVERYTHING[title]).split("\n")[0])) <= 1


def test_its_buttons_do_something(title: str) -> None:
    assert set(action_ids(EVERYTHING[title])) <= set(ACTIONS)
    assert all(len(element.get("value", "")) <= 2000 for element in elements(EVERYTHING[title]))


def test_a_channel_card_has_at_most_three_buttons(title: str) -> None:
    if title.startswith(("incident", "connected", "notice", "greeting")):
        assert len(labels(EVERYTHING[title])) <= 3


def test_every_action_has_a_button_somewhere() -> None:
    offered = {action for shown in EVERYTHING.values() for action in action_ids(shown)}
    assert offered == set(ACTIONS)


def test_the_gallery_is_a_page_with_every_message() -> None:
    page = gallery.page()
    assert page.count("\n## ") == len(EVERYTHING)
    assert "Okafor Family Farms: FieldView stopped working" in page


@pytest.mark.parametrize("cause", Cause)
def test_only_what_a_new_consent_cures_asks_the_grower_again(cause: Cause) -> None:
    report = a_report(broken_by(cause))
    overview = an_overview(needing_someone=[(report.grower, broken_by(cause))])
    shown: list[Message | View] = [
        messages.incident(a_card(cause), NOW),
        messages.connection_status(report, NOW),
        messages.home(a_desk(overview), is_admin=False, now=NOW),
    ]
    for one in shown:
        assert ("send-link" in action_ids(one)) == (cause in CURABLE)
    if cause not in CURABLE:
        assert all("reconnect" not in seen(one).lower() for one in shown)
        assert "reconnect" not in messages.incident(a_card(cause), NOW).text


@pytest.mark.parametrize("cause", sorted(set(Cause) - CURABLE))
@pytest.mark.parametrize("status", CredentialStatus)
def test_our_own_trouble_and_outages_never_bother_a_grower(cause: Cause, status: CredentialStatus) -> None:
    report = a_report(a_connection(status, cause=cause))
    assert "send-link" not in action_ids(messages.connection_status(report, NOW))


@pytest.mark.parametrize("cause", Cause)
def test_a_grower_who_is_gone_from_leaf_is_not_asked(cause: Cause) -> None:
    gone = a_grower(gone_at=NOW)
    card, report = a_card(cause, grower=gone), a_report(broken_by(cause), grower=gone)
    for shown in (messages.incident(card, NOW), messages.connection_status(report, NOW)):
        assert "send-link" not in action_ids(shown)
        assert "reconnect" not in seen(shown)


@pytest.mark.parametrize("minutes", [0, 1, 2, 59, 60, 119, 120, 2879, 2880, 2881, 4319, 9 * 1440, 10080, 43200])
@pytest.mark.parametrize("hour", [0, 11, 12, 13, 23])
def test_slack_and_the_growers_page_say_the_same_about_how_long_a_link_works(minutes: int, hour: int) -> None:
    now = NOW.replace(hour=hour, minute=59)
    expires = now + timedelta(minutes=minutes)
    assert speech(None).until(expires, now) == str(Wording("en").until(expires, now))


def test_every_cause_has_its_status_here() -> None:
    assert set(STATUS_OF) == set(Cause)
