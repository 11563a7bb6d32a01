"""Whatever growers, Leaf, FieldView and people write: messages stay within Slack's limits, and only we format."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import fields, replace
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import messages
from bot.errors import AmbiguousGrower, ProviderRejected, UnknownGrower
from bot.messages import needs
from bot.messages.text import NAMELESS, escape, literal
from bot.reports import History
from storage.records import (
    Cause,
    Connection,
    ConsentState,
    CredentialStatus,
    Grower,
    LeafEvent,
    NoteKind,
    ThreadNote,
    Transition,
)
from tests.messages.gallery import Shown
from tests.messages.people import (
    NOW,
    a_card,
    a_connection,
    a_consent,
    a_desk,
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
)
from tests.messages.reading import blocks_of, complaints, markup, skeleton, texts

T = TypeVar("T")
HARMLESS = "Plain"
NASTY = [
    "<!channel>",
    "<!here|here>",
    "<@U123>",
    "<#C123>",
    "<https://evil.example|click>",
    "<!date^0^{date}|x>",
    "@here",
    "#general",
    "*bold*",
    "_italic_",
    "~struck~",
    "`code`",
    "```fence```",
    ":tada:",
    "&lt;!channel&gt;",
    "> quoted",
    "&gt; quoted",
    "https://evil.example",
    "www.evil.example",
    "a@b.example",
    "\u202egnp.exe",
    "\u2066isolate\u2069",
    "\ufeff\u200b\u00ad",
    "\x00\x07\x1b[31m",
    "line\nbreak\r\u2028",
    "👩\u200d🌾",
    "🏴\u200d☠️",
    "Z" + "\u0301" * 40,
    "نور",
    "北京農場",
    "\u3164",
    "O'Brien & Søns",
    "{brace}",
    "|pipe^",
    "\\",
]
foreign = st.one_of(
    st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map(" ".join),
    st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.text(st.sampled_from("*_~`<>&@#:| a"), max_size=60),
    st.builds(lambda part: part * 200, st.sampled_from(NASTY)),
)
thorough = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def spoken(record: T, said: str, **kept: Any) -> T:
    """The record with every text that somebody else may have written replaced."""
    theirs = {
        "name",
        "email",
        "external_id",
        "grower_name",
        "asked_by_name",
        "account_email",
        "raw_status",
        "code_word",
        "summary",
        "target_name",
    }
    changes: dict[str, Any] = {field.name: said for field in fields(record) if field.name in theirs}  # type: ignore[arg-type]
    # An e-mail that is the name already is not shown again.
    changes |= {"email": f"x{said}"} if "email" in changes else {}
    changes |= {"missing_scopes": (said,)} if getattr(record, "missing_scopes", ()) else {}
    return replace(record, **{**changes, **kept})  # type: ignore[type-var]


def every(said: str) -> list[Shown]:
    """Messages of every kind, with this text wherever somebody else's can stand."""
    grower = spoken(a_grower(), said)
    told: list[Shown] = [
        messages.help_text([("All", [("/fieldview x <y>", "Does x")])], unknown=said, hint="/fieldview x"),
        messages.choose_grower(said, [grower, replace(grower, id="2")], "connect", ""),
        messages.unknown_grower(said, [grower], "connect", may_create=True),
        messages.problem(UnknownGrower(said)),
        messages.problem(AmbiguousGrower(said, [])),
        messages.problem(ProviderRejected("Leaf", code=f"x{said}")),
        messages.crash(said),
        messages.disconnect_question(a_loss(grower=grower, connection=spoken(a_connection(), said)), NOW),
        messages.not_connected(grower),
        messages.disconnect_cancelled(grower),
        messages.already_connected(grower, spoken(a_connection(), said), NOW),
    ]
    parts = (_of_consents(grower, said), _of_states(grower, said), _of_stories(grower, said), _of_people(grower, said))
    return told + [shown for part in parts for shown in part]


def _of_people(grower: Grower, said: str) -> list[Shown]:
    twin = replace(grower, has_namesake=True)
    left = needs.somebody_left("U1", said, as_guest=False, growers=[twin], more=0, leads=[], followed_by=[])
    looked = an_entry("status", target=None, target_name=None, detail=json.dumps({"tag": f"x{said}"}))
    return [
        messages.operator_notice(a_notice(text=left.text), NOW),
        messages.operator_notice(a_notice(text=needs.unknown_word(f"x{said}", twin).text), NOW),
        messages.thread_reply([ThreadNote(NoteKind.ACKNOWLEDGED, NOW, "U1")], NOW, {"U1": said}),
        messages.history(History([looked]), NOW),
    ]


def _of_consents(grower: Grower, said: str) -> list[Shown]:
    invitation = an_invitation(consent=spoken(a_consent(), said), grower=grower, undelivered=f"x {said}")
    told: list[Shown] = [
        messages.invitation(invitation, NOW),
        messages.invitation(replace(invitation, delivered_to="UGROWER"), NOW),
        messages.invitation_dm(replace(invitation.letter, company=said), NOW),
        messages.connected(spoken(a_consent(), said), grower, spoken(a_connection(), said), None, NOW),
    ]
    for state in ConsentState:
        for trouble in (None, f"x{said}"):
            consent = spoken(a_consent(state=state, trouble=trouble, begun_at=before(hours=1)), said)
            letter = replace(a_letter(), consent=consent, company=said)
            told += [messages.consent_outcome(consent, NOW), messages.invitation_dm_closed(letter, NOW)]
            told += [messages.reminder(letter, NOW, last=False), messages.reminder_to_pass_on(letter, NOW)]
            told += [messages.links([consent], grower, NOW), messages.renewal_asked(consent, consent, NOW)]
            told.append(messages.incident(a_card(grower=grower, consent=consent), NOW))
    return told


def _of_states(grower: Grower, said: str) -> list[Shown]:
    told: list[Shown] = []
    for cause in Cause:
        connection = spoken(broken_by(cause), said)
        broken = spoken(an_incident(cause), said)
        told.append(messages.incident(a_card(cause, incident=broken, grower=grower), NOW))
        over = replace(broken, recovered_at=NOW)
        told.append(messages.incident(a_recovered_card(incident=over, grower=grower), NOW))
        report = a_report(connection, grower=grower, consent=spoken(a_consent(), said))
        told.append(messages.connection_status(report, NOW))
        told.append(messages.connection_status(replace(report, live=False, why_not_live="Leaf is down."), NOW))
        overview = an_overview(needing_someone=[(replace(grower, id=str(n)), connection) for n in range(3)])
        told += [messages.overview(overview, NOW), messages.home(a_desk(overview), is_admin=True, now=NOW)]
    return told


def _of_stories(grower: Grower, said: str) -> list[Shown]:
    entries = [
        spoken(an_entry("connect", actor="grower"), said),
        spoken(an_entry("disconnect", outcome=f"x{said}"), said),
        spoken(an_entry(f"x{said}", actor=f"x {said}"), said),
    ]
    facts = [
        LeafEvent("e", grower.id, NOW, 500, said),
        LeafEvent("f", grower.id, NOW, None, f"x{said}"),
        Transition(grower.id, NOW, None, CredentialStatus.UNKNOWN, Cause.UNKNOWN_STATUS, said, f"x{said}"),
        *entries,
    ]
    return [
        messages.timeline(a_timeline(grower=grower, facts=facts), NOW),
        messages.history(History(entries, grower), NOW),
    ]


PLAINLY = [skeleton(shown) for shown in every(HARMLESS)]


@thorough
@given(foreign)
def test_nobody_else_can_mention_link_or_format_anything(said: str) -> None:
    # An e-mail or summary of nothing is left out; one with a letter in it is said wherever the harmless one is.
    for shown, plainly in zip(every(f"x{said}x"), PLAINLY, strict=True):
        assert skeleton(shown) == plainly
        if isinstance(shown, messages.Message):
            assert markup(shown.text, verbatim=True) == []


@thorough
@given(foreign)
def test_slack_takes_every_message_whatever_is_in_it(said: str) -> None:
    for shown in [*every(said), messages.create_grower_modal(said, private_metadata="C1")]:
        assert complaints(shown) == []
        if isinstance(shown, messages.Message):
            assert shown.text.strip()
            assert len(shown.text) <= 4000


@thorough
@given(foreign)
def test_no_text_can_turn_the_writing_direction_or_hide_itself(said: str) -> None:
    for shown in every(said):
        for text in texts(blocks_of(shown)):
            hidden = [
                c for c in text["text"] if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\n\u200c\u200d"
            ]
            assert hidden == []


@given(foreign)
def test_a_name_is_never_invisible(said: str) -> None:
    shown = literal(said)
    assert shown == NAMELESS or any(unicodedata.category(letter)[0] in "LNPS" for letter in shown)
    assert "\n" not in shown


@pytest.mark.parametrize("said", ["", " ", "\u200d", "\u3164", "\u2800\u2800", "\u202e", "\u0301"])
def test_a_name_without_anything_to_see_is_called_nameless(said: str) -> None:
    assert literal(said) == NAMELESS == escape(said)


@pytest.mark.parametrize(
    "name", ["John_Smith Farm", "O'Brien & Søns", "Novák", "北京農場", "👩\u200d🌾 Farm", "12:30 Farm"]
)
def test_an_ordinary_name_stays_as_it_was_written(name: str) -> None:
    assert literal(name) == name
    assert escape(name) == name.replace("&", "&amp;")


@pytest.mark.parametrize("name", ["Plain Farm", "W" * 500, "👩\u200d🌾" * 200, "&<>" * 200])
def test_many_of_everything_fits(name: str) -> None:
    connections = [broken_by(cause, grower_id=str(cause)) for cause in Cause]
    needing: list[tuple[Grower, Connection]] = [
        (Grower(f"grower-{n}", name, f"{n}@x.example", name), connections[n % 7]) for n in range(10_000)
    ]
    crowd = an_overview(needing_someone=needing, counts={CredentialStatus.BROKEN: 10_000})
    growers = [grower for grower, _ in needing]
    entries = [an_entry(target_name=name, typed="t" * 300) for _ in range(1000)]
    scopes = tuple(f"scope-{n}:read" for n in range(100))
    many: list[Shown] = [
        messages.overview(crowd, NOW),
        messages.home(a_desk(crowd), is_admin=True, now=NOW),
        messages.choose_grower(name, growers, "connect", "30"),
        messages.unknown_grower(name, growers, "connect", may_create=True),
        messages.history(History(entries, growers[0]), NOW),
        messages.timeline(a_timeline(facts=entries[:60]), NOW),
        messages.connection_status(a_report(a_connection(CredentialStatus.LIMITED, missing_scopes=scopes)), NOW),
        messages.incident(a_card(incident=an_incident(missing_scopes=scopes)), NOW),
    ]
    for shown in many:
        assert complaints(shown) == []


@pytest.mark.parametrize("attack", ["<!channel>", "<https://evil.example|x>"])
def test_the_reading_glass_would_see_an_attack(attack: str) -> None:
    assert markup(f"Hello {attack}", verbatim=True) != []
    assert markup("Hello *Ada*", verbatim=True) == [("bold", "")]
    assert markup("see https://evil.example and @here", verbatim=False) == [("autolink", "")] * 2
