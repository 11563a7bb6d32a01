"""Every message there is, on one page: `python -m tests.messages.gallery` prints it as Markdown, to be read through."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from slack_sdk.models.views import View

from bot import messages
from bot.announcer import GUEST, OUTSIDERS
from bot.directory import BEING_CREATED
from bot.errors import (
    AlertOver,
    ChannelUnreachable,
    NotAllowed,
    OtherAccountHeld,
    ProviderUnavailable,
    SomebodyWasFirst,
    UsageError,
)
from bot.messages import Message, needs
from bot.messages.needs import Need
from bot.messages.pieces import section
from bot.messages.speech import every_speech
from bot.reports import (
    Desk,
    DeskRow,
    DigestReport,
    Draft,
    Finding,
    Handled,
    History,
    Level,
    Look,
    Owned,
    Pile,
    Rehearsed,
    Snoozes,
    StormBulk,
    Subscribed,
    Subscriptions,
    Tagged,
    Week,
)
from bot.tagging import A_TAG, no_tag, too_many
from handlers.commands import COMMANDS
from handlers.commands.help import about
from handlers.commands.help import overview as commands
from storage.records import (
    EVERYTHING,
    MEMBERS,
    AccessRule,
    BulkState,
    Care,
    Cause,
    ConsentState,
    CredentialStatus,
    Delivery,
    Digest,
    DisconnectionState,
    Escalation,
    Handover,
    LineFate,
    Moved,
    NoteKind,
    Role,
    SilenceEnd,
    SilenceKind,
    StormKind,
    Subscription,
    ThreadNote,
    Topic,
    Whose,
    Wishes,
)
from tests.messages.namesakes import NAMING, TWINS
from tests.messages.people import (
    FLOW,
    GROWER,
    NOW,
    a_bulk,
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
    a_silence,
    a_storm,
    a_storm_list,
    a_tally,
    a_timeline,
    an_entry,
    an_incident,
    an_invitation,
    an_overview,
    before,
    broken_by,
    bulk_lines,
    many_in_need,
    many_lines,
)
from tests.messages.reading import blocks_of, read

Shown = Message | View
TROUBLES = (
    "denied-at-fieldview",
    "code-refused",
    "answer-lost",
    "fieldview-down",
    "our-configuration",
    "leaf-down",
    "leaf-refused",
)


def consents() -> Iterator[tuple[str, Any]]:
    """A consent in every state and trouble that there is."""
    yield "open", a_consent()
    yield "open, opened", a_consent(opened_at=before(minutes=25))
    yield "open, begun", a_consent(begun_at=before(minutes=20))
    yield "open, reminded", a_consent(opened_at=before(minutes=25), reminders=2)
    yield "open, not to be reminded", a_consent(reminders=1, reminders_stopped_at=before(minutes=1))
    yield "open, run out after reminders", a_consent(expires_at=before(hours=1), reminders=3)
    other = {"begun_at": before(minutes=20), "account_email": "bob@elsewhere.example"}
    yield "open, other-account", a_consent(begun_at=before(minutes=20), trouble="other-account")
    not_theirs = "somebody-elses-account"
    yield f"open, {not_theirs}", a_consent(begun_at=before(minutes=20), trouble=not_theirs)
    unfamiliar = "unfamiliar-account"
    yield f"open, {unfamiliar}", a_consent(begun_at=before(minutes=20), trouble=unfamiliar)
    yield "open, nobody-decided", a_consent(begun_at=before(minutes=20), trouble="nobody-decided")
    forgotten = a_consent(begun_at=before(days=5), trouble="nobody-decided", expires_at=before(hours=1))
    yield "open, nobody-decided and run out", forgotten
    yield "open, undelivered", a_consent(sent_to=None, trouble="undelivered")
    yield "held", a_consent(state=ConsentState.HELD, **other)
    yield f"held, {not_theirs}", a_consent(state=ConsentState.HELD, trouble=not_theirs, **other)
    yield f"held, {unfamiliar}", a_consent(state=ConsentState.HELD, trouble=unfamiliar, **other)
    yield "taken back", a_consent(state=ConsentState.REVOKED, revoked_by="ULINUS")
    yield "open, run out", a_consent(expires_at=before(hours=1))
    for trouble in TROUBLES[:5]:
        yield f"open, {trouble}", a_consent(begun_at=before(minutes=20), trouble=trouble)
    for state in (ConsentState.EXCHANGING, ConsentState.DELIVERING):
        yield state.value, a_consent(state=state)
    yield "delivering, leaf-down", a_consent(state=ConsentState.DELIVERING, trouble="leaf-down")
    done = {"finished_at": before(minutes=2), "account_email": "ada@okafor.example"}
    yield "connected", a_consent(state=ConsentState.CONNECTED, **done)
    yield "declined", a_consent(state=ConsentState.DECLINED, finished_at=before(minutes=2))
    yield "revoked", a_consent(state=ConsentState.REVOKED)
    for trouble in TROUBLES[5:]:
        yield f"failed, {trouble}", a_consent(state=ConsentState.FAILED, trouble=trouble, finished_at=NOW)


def incidents() -> Iterator[tuple[str, Shown]]:
    for cause in Cause:
        yield f"incident: {cause}", messages.incident(a_card(cause), NOW)
    for state, consent in consents():
        yield f"incident, repair {state}", messages.incident(a_card(consent=consent), NOW)
    again = a_consent(state=ConsentState.CONNECTED, finished_at=before(minutes=9))
    yield "incident, repaired in vain", messages.incident(a_card(consent=again), NOW)
    together = a_tally(7, {Cause.GROWER_MUST_ACT: 7})
    yield "incident, in a storm", messages.incident(a_card(storm=together), NOW)
    yield "incident, in a storm, link sent", messages.incident(a_card(storm=together, consent=a_consent()), NOW)
    for kind in (StormKind.FIELDVIEW, StormKind.LEAF):
        yield f"incident, in a storm, {kind} ill", messages.incident(a_card(storm=together, ill=[kind]), NOW)
    few_left = a_tally(7, {Cause.GROWER_MUST_ACT: 2}, {"leaf": 5})
    yield "incident, in a storm, few left", messages.incident(a_card(storm=few_left), NOW)
    flapping = an_incident(flapping_since=before(hours=3))
    yield "incident, flapping", messages.incident(a_card(incident=flapping, changes=6), NOW)
    for state, consent in consents():
        card = a_card(incident=flapping, changes=6, consent=consent)
        yield f"incident, flapping, repair {state}", messages.incident(card, NOW)
    working = a_card(incident=flapping, changes=5, connection=a_connection())
    yield "incident, flapping, works right now", messages.incident(working, NOW)
    settled = replace(flapping, opened_at=before(hours=20), recovered_at=before(hours=6), ended_by="leaf")
    twin = replace(GROWER, has_namesake=True)
    yield "incident, of one of two of the same name", messages.incident(a_card(grower=twin), NOW)
    yield "incident, flapping, settled", messages.incident(a_recovered_card(incident=settled, consent=None), NOW)
    yield "incident, over by repair", messages.incident(a_recovered_card(), NOW)
    manager = a_consent(incident_id="1nc1dent", account_email="manager@farms.example")
    yield "incident, over by repair with another account", messages.incident(a_recovered_card(consent=manager), NOW)
    by_itself = an_incident(Cause.FIELDVIEW_DOWN, recovered_at=NOW, ended_by="leaf")
    yield (
        "incident, over by itself",
        messages.incident(a_recovered_card(incident=by_itself, consent=None, data=None), NOW),
    )
    ended = an_incident(recovered_at=NOW, ended_by="disconnect")
    yield "incident, disconnected", messages.incident(a_recovered_card(incident=ended), NOW)
    deleted = a_recovered_card(incident=replace(ended, ended_by="gone"), grower=a_grower(gone_at=NOW))
    yield "incident, grower no longer at Leaf", messages.incident(deleted, NOW)


def cared_for() -> Iterator[tuple[str, Any]]:
    """An incident in every state of the team's work."""
    seen: dict[str, Any] = {"acknowledged_by": "UMARIA", "acknowledged_at": before(hours=1)}
    given: dict[str, Any] = {"assigned_to": "UJONAS", "assigned_by": "UMARIA", "assigned_at": before(hours=1)}
    quiet: dict[str, Any] = {
        "snoozed_by": "UMARIA",
        "snoozed_at": before(hours=1),
        "snooze_reason": "He is in hospital until Friday",
    }
    yield "acknowledged", an_incident(care=Care(**seen))
    yield "assigned", an_incident(care=Care(**given, **seen, assignment_reason="You know the family"))
    yield "taken", an_incident(care=Care(**given | {"assigned_by": "UJONAS"}))
    yield "snoozed", an_incident(care=Care(**seen, **quiet, snoozed_until=NOW + timedelta(days=1)))
    yield "snoozed until recovery", an_incident(care=Care(**quiet))


def casework() -> Iterator[tuple[str, Shown]]:
    owned = a_grower(owner="UMARIA")
    for state, incident in cared_for():
        yield f"incident, {state}", messages.incident(a_card(incident=incident, grower=owned), NOW)
    cases = dict(cared_for())
    acknowledged, assigned, snoozed = cases["acknowledged"], cases["assigned"], cases["snoozed"]
    yield "snooze?", messages.snooze_modal(Handled(acknowledged, GROWER), private_metadata="CTEAM 1nc1dent")
    yield "assign?", messages.assign_modal(Handled(assigned, GROWER), private_metadata="CTEAM 1nc1dent UJONAS")
    for newly in (True, False):
        how = "" if newly else ", again"
        yield f"acknowledged{how}", messages.acknowledged(Handled(acknowledged, GROWER, newly))
        yield f"assigned{how}", messages.assigned(Handled(assigned, GROWER, newly), "UMARIA")
        yield f"snooze ended{how}", messages.snooze_ended(Handled(acknowledged, GROWER, newly))
    yield "assigned to oneself", messages.assigned(Handled(assigned, GROWER), "UJONAS")
    yield "snoozed", messages.snoozed(Handled(snoozed, GROWER))
    yield "snoozed until recovery", messages.snoozed(Handled(cases["snoozed until recovery"], GROWER))
    listed = [(snoozed, GROWER), (cases["snoozed until recovery"], owned)]
    yield "snoozes", messages.snoozes(Snoozes(listed, more=3))
    yield "snoozes, none", messages.snoozes(Snoozes([]))
    yield "too late", messages.problem(AlertOver(GROWER, before(minutes=5), "repair"))
    yield "too late, disconnected", messages.problem(AlertOver(GROWER, before(minutes=5), "disconnect"))
    yield "too late, grower no longer at Leaf", messages.problem(AlertOver(GROWER, before(minutes=5), "gone"))
    yield "second", messages.problem(SomebodyWasFirst(GROWER, "UJONAS", "acknowledged this", before(minutes=2)))
    lead = an_incident(care=Care(escalated_to="UJONAS", escalated_at=before(minutes=3)))
    yield "incident, escalated", messages.incident(a_card(incident=lead, grower=owned), NOW)
    rule = Escalation("CNEWS", "UJONAS", 240, "America/Chicago", "UMARIA", NOW)
    yield "escalations", messages.escalations([rule, Escalation("CTEAM", "UMARIA", 60, "UTC", "UMARIA", NOW)])
    yield "escalations, none", messages.escalations([])
    yield "escalation set", messages.escalation_set(rule)
    yield "escalation ended", messages.escalation_ended("CNEWS", was=True)
    yield "escalation was not set", messages.escalation_ended("CNEWS", was=False)
    moved = Moved(("g-1", "g-2"), ("l-1",), ("i-1", "i-2"), ("i-3",), ("CNEWS",), ("CTEAM",))
    handover = Handover("h", "UANA", "UJONAS", "UMARIA", NOW, moved)
    yield "handed over", messages.handed_over(handover)
    yield "nothing to hand over", messages.handed_over(replace(handover, moved=Moved()))
    yield "hand-over received", messages.handover_received(handover, [a_grower(name="Hill & Dale"), GROWER])
    yield "hand-over given", messages.handover_given(replace(handover, by="UMARIA"))
    yield "hand-over taken", messages.handover_given(replace(handover, by="UJONAS"))
    many = replace(handover, moved=Moved(tuple(f"g-{n}" for n in range(300))))
    yield (
        "hand-over received, many",
        messages.handover_received(many, [a_grower(name=f"Farm number {n}") for n in range(50)]),
    )
    yield "overview, a colleague's", messages.overview(an_overview(whose=Whose("UMARIA")), NOW, theirs=True)
    none = an_overview(counts={}, needing_someone=[], whose=Whose("UMARIA"))
    yield "overview, a colleague's, none", messages.overview(none, NOW, theirs=True)
    yield "overview, mine", messages.overview(an_overview(whose=Whose("UMARIA")), NOW)
    yield (
        "overview, mine, none",
        messages.overview(an_overview(whose=Whose("UMARIA"), counts={}, needing_someone=[]), NOW),
    )
    north = Whose(tag="north")
    yield "overview, by tag", messages.overview(an_overview(whose=north), NOW)
    yield "overview, by tag, none", messages.overview(an_overview(whose=north, counts={}, needing_someone=[]), NOW)
    yield "owner, nobody", messages.owned(Owned(GROWER, newly=False), "UMARIA")
    yield "owner, oneself", messages.owned(Owned(owned), "UMARIA")
    yield "owner, oneself, with an open alert", messages.owned(Owned(owned, waits=True), "UMARIA")
    yield "owner, a colleague who is told", messages.owned(Owned(owned, told=True), "UJONAS")
    yield "made owner", messages.made_owner(owned, a_connection(), "UMARIA")
    yield "made owner, nothing known", messages.made_owner(owned, None, "UMARIA")
    yield "owner no more", messages.made_owner(owned, None, "UJONAS")
    yield (
        "owner, somebody",
        messages.owned(Owned(a_grower(owner="UMARIA", channel="CNEWS"), called=True), "UJONAS", may_leave=True),
    )


def tagging() -> Iterator[tuple[str, Shown]]:
    yield "tags, none", messages.tags({})
    yield "tags", messages.tags({"north": 1, "organic": 1204, "r&d": 3})
    yield "tags, many", messages.tags({f"tag {number:04}": number for number in range(1000)})
    yield "tags of a grower, none", messages.tagged(Tagged(GROWER, (), ()))
    yield "tags of a grower", messages.tagged(Tagged(GROWER, ("north", "organic"), ("north", "organic")))
    yield "tags of a grower, new", messages.tagged(Tagged(GROWER, ("north", "organic", "r&d"), ("north",)))
    yield "tags of a grower, taken away", messages.tagged(Tagged(GROWER, ("north",), ("north", "organic")))
    yield "tags of a grower, not there", messages.tagged(Tagged(GROWER, ("north",), ("north",), ("south",)))
    yield "tags, not one", messages.problem(no_tag("<!channel> `a*b*"))
    yield "tags, too many", messages.problem(too_many(22))
    yield "status, with tags", messages.connection_status(a_report(a_connection(), tags=("north", "r&d")), NOW)


def invitations() -> Iterator[tuple[str, Shown]]:
    sent, shared = an_invitation(delivered_to="UGROWER"), an_invitation(claimed=True)
    yield "invitation, delivered", messages.invitation(sent, NOW)
    yield "invitation, to share", messages.invitation(shared, NOW)
    failed = an_invitation(undelivered="messages_tab_disabled", replaced=2)
    yield "invitation, undelivered", messages.invitation(failed, NOW)
    again = an_invitation(
        consent=a_consent(incident_id="1nc1dent", expires_at=NOW + timedelta(hours=5)),
        connection=broken_by(Cause.GROWER_MUST_ACT),
        replaced=1,
    )
    yield "invitation, again", messages.invitation(again, NOW)
    yield "invitation, Slack is slow", messages.invitation(replace(sent, delayed=True), NOW)
    yield "direct message", messages.invitation_dm(sent.letter, NOW)
    yield "direct message, again", messages.invitation_dm(again.letter, NOW)
    for state, consent in consents():
        letter = replace(a_letter(), consent=consent)
        if state.startswith("open") and consent.expires_at > NOW:
            yield f"direct message, {state}", messages.invitation_dm(letter, NOW)
        yield f"direct message closed, {state}", messages.invitation_dm_closed(letter, NOW)
        whose = a_grower(name="Hill & Dale") if consent.trouble == "somebody-elses-account" else None
        yield f"outcome, {state}", messages.consent_outcome(consent, NOW, grower=GROWER, whose=whose)
    through = a_consent(state=ConsentState.CONNECTED, finished_at=NOW)
    for status in (CredentialStatus.PENDING, CredentialStatus.LIMITED, CredentialStatus.BROKEN):
        connection = a_connection(status, missing_scopes=("asPlanted:read",) * (status is CredentialStatus.LIMITED))
        yield f"outcome, connected but {status}", messages.consent_outcome(through, NOW, connection)
    never = a_connection(CredentialStatus.BROKEN, completing_consent=through.id)
    yield "outcome, connected but never well", messages.consent_outcome(through, NOW, never)
    ended = a_connection(CredentialStatus.ABSENT)
    yield "outcome, connected and ended since", messages.consent_outcome(through, NOW, ended)
    came, missed = a_first(came_at=before(days=2, hours=20), farms=2, fields=31), a_first(missed_at=NOW)
    for wait, first in (("waiting", a_first()), ("came", came), ("missed", missed)):
        yield f"outcome, first data {wait}", messages.consent_outcome(through, NOW, first=first)
        yield f"connected, first data {wait}", messages.connected(through, GROWER, a_connection(), None, NOW, first)
        report = a_report(a_connection(), consent=through, first=first, data=None)
        yield f"status, first data {wait}", messages.connection_status(report, NOW)
        back = replace(through, incident_id="1nc1dent")
        yield f"outcome, data again {wait}", messages.consent_outcome(back, NOW, first=first)
        report = a_report(a_connection(), consent=back, first=first, data=None)
        yield f"status, data again {wait}", messages.connection_status(report, NOW)
    yield "no data yet", messages.no_data_yet(through, missed)
    yield "no data yet, came after all", messages.no_data_yet(through, a_first(came_at=NOW, farms=1, fields=1))
    manager = replace(through, account_email="manager@farms.example")
    yield "outcome, connected with another account", messages.consent_outcome(manager, NOW, grower=GROWER)
    yield "already connected", messages.already_connected(GROWER, a_connection(), NOW)
    elsewhere = a_connection(connected_at=None, account_email=None)
    yield "already connected, not through the bot", messages.already_connected(GROWER, elsewhere, NOW)
    yield "connected", messages.connected(through, GROWER, a_connection(), FLOW, NOW)
    partly = a_connection(missing_scopes=("asHarvested:read",), account_email="bob@elsewhere.example")
    yield "connected, partly", messages.connected(through, GROWER, partly, None, NOW)


def bulks() -> Iterator[tuple[str, Shown]]:
    yield "bulk: which list?", messages.bulk_modal(private_metadata="CTEAM")
    yield "bulk: read", messages.bulk_planned(a_bulk().bulk)
    early = replace(a_bulk().bulk, state=BulkState.WAITING)
    yield "bulk: read before every grower is known", messages.bulk_planned(early)
    yield "bulk: before every grower is known", messages.bulk(a_bulk(bulk=early), NOW)
    yield "bulk: the file is coming", messages.bulk_list_coming(a_bulk().bulk)
    yield "bulk: plan", messages.bulk(a_bulk(), NOW)
    odd = replace(a_bulk().bulk, left_out=("Phone", "Field *notes*"))
    yield "bulk: plan of a file with columns nobody knows", messages.bulk(a_bulk(bulk=odd), NOW)
    odd = replace(odd, left_out=tuple(f"Column {number}" for number in range(1, 31)))
    yield "bulk: plan of a file with many such columns", messages.bulk(a_bulk(bulk=odd), NOW)
    pasted = replace(a_bulk().bulk, name=messages.PASTED)
    yield "bulk: read, pasted", messages.bulk_planned(pasted)
    yield "bulk: the file of a pasted list is coming", messages.bulk_list_coming(pasted)
    yield "bulk: plan of a pasted list", messages.bulk(a_bulk(bulk=pasted), NOW)
    gone = replace(pasted, state=BulkState.CANCELLED)
    yield "bulk: a pasted list cancelled", messages.bulk(a_bulk(bulk=gone), NOW)
    yield "bulk: plan while FieldView is ill", messages.bulk(a_bulk(ill=frozenset({StormKind.FIELDVIEW})), NOW)
    nobody = [line for line in bulk_lines() if line.fate is not LineFate.TO_INVITE]
    yield "bulk: plan with nobody to invite", messages.bulk(a_bulk(lines=nobody), NOW)
    with_tags = [replace(line, tags=("north", "r&d")) if line.grower_id else line for line in bulk_lines()]
    with_tags[1] = replace(
        with_tags[1], tags=(), note=f"Its tags are left out: “<!channel>” cannot be a tag ({A_TAG})."
    )
    yield "bulk: plan with tags", messages.bulk(a_bulk(lines=with_tags), NOW)
    only_tags = [line for line in with_tags if line.fate is LineFate.CONNECTED]
    yield "bulk: plan with tags alone", messages.bulk(a_bulk(lines=only_tags), NOW)
    yield "bulk: tags are being given", messages.bulk(a_bulk(BulkState.RUNNING, lines=only_tags), NOW)
    given = [replace(line, tagged=bool(line.tags)) for line in only_tags]
    yield "bulk: done with tags alone", messages.bulk(a_bulk(BulkState.DONE, lines=given), NOW)
    got = [replace(line, tagged=line.number == 4, fate=LineFate.TO_SHARE) for line in with_tags[:3]]
    yield "bulk: stopped before all tags were given", messages.bulk(a_bulk(BulkState.STOPPED, lines=got), NOW)
    yield "bulk: plan of a long list", messages.bulk(a_bulk(lines=many_lines()), NOW)
    half = [replace(line, fate=LineFate.TO_SHARE) if line.number % 2 else line for line in many_lines()]
    yield "bulk: links are being made", messages.bulk(a_bulk(BulkState.RUNNING, lines=half), NOW)
    yield "bulk: cancelled", messages.bulk(a_bulk(BulkState.CANCELLED), NOW)
    yield "bulk: stopped", messages.bulk(a_bulk(BulkState.STOPPED, lines=half), NOW)
    [first, *_] = bulk_lines()
    part = [replace(first, fate=LineFate.TO_SHARE), replace(first, number=3)]
    may_not = a_bulk(BulkState.STOPPED, lines=part, trouble="NotAllowed")
    yield "bulk: stopped, as whoever made it is no operator any more", messages.bulk(may_not, NOW)
    made = [replace(line, fate=LineFate.SENT) if line.fate is LineFate.TO_INVITE else line for line in bulk_lines()]
    answers = {ConsentState.CONNECTED: 3, ConsentState.DECLINED: 1, ConsentState.OPEN: 40}
    yield "bulk: done", messages.bulk(a_bulk(BulkState.DONE, lines=made, answers=answers), NOW)
    yield "bulk: done, the file refused", messages.bulk(a_bulk(BulkState.DONE, lines=made, trouble="refused"), NOW)
    away = a_bulk(BulkState.DONE, lines=made, trouble="ProviderUnavailable")
    yield "bulk: done, Slack away too long for the file", messages.bulk(away, NOW)
    for title, words in (("links", 44), ("one link", 1), ("no link", 0)):
        told = messages.bulk_list_words(a_bulk().bulk, words)
        yield f"bulk: above the file, {title}", Message(told, (section(told),))
    told = messages.bulk_list_words(pasted, 0)
    yield "bulk: above the file of a pasted list", Message(told, (section(told),))


def links() -> Iterator[tuple[str, Shown]]:
    for language in every_speech():
        letter = replace(a_letter(language=language), again=language == "fr")
        yield f"invitation, to share in {language}", messages.invitation(an_invitation(consent=letter.consent), NOW)
        yield f"direct message in {language}", messages.invitation_dm(letter, NOW)
        yield f"reminder in {language}", messages.reminder(letter, NOW, last=False)
        yield f"reminder to pass on in {language}", messages.reminder_to_pass_on(letter, NOW)
        once_more = replace(letter, again=True)
        yield f"direct message again in {language}", messages.invitation_dm(once_more, NOW)
        yield f"reminder again in {language}", messages.reminder(once_more, NOW, last=False)
        yield f"reminder again to pass on in {language}", messages.reminder_to_pass_on(once_more, NOW)
        partly = replace(once_more, left_out=("asHarvested:read", "fields:read"))
        yield f"direct message to whoever shares a part in {language}", messages.invitation_dm(partly, NOW)
        yield f"reminder to whoever shares a part in {language}", messages.reminder(partly, NOW, last=False)
        yield f"reminder to pass on to whoever shares a part in {language}", messages.reminder_to_pass_on(partly, NOW)
        done = replace(letter, consent=replace(letter.consent, state=ConsentState.CONNECTED, finished_at=NOW))
        yield f"direct message closed in {language}", messages.invitation_dm_closed(done, NOW)
    yield "reminder, the last", messages.reminder(a_letter(expires_at=NOW + timedelta(hours=20)), NOW, last=True)
    yield "reminder, stopped", messages.reminder(a_letter(reminders_stopped_at=NOW), NOW, last=False)
    to_pass_on = a_consent(incident_id="1nc1dent", sent_to=None)
    yield "incident, a link to pass on", messages.incident(a_card(consent=to_pass_on), NOW)
    unanswered = replace(to_pass_on, reminders=3, expires_at=before(minutes=1))
    yield "reminder, the link ran out", messages.reminder_over(unanswered, NOW)
    yield "outcome, ran out after reminders to pass on", messages.consent_outcome(unanswered, NOW)
    asked = a_letter(expires_at=before(hours=1), renewal_asked_at=before(minutes=1))
    yield "direct message closed, a new link is asked for", messages.invitation_dm_closed(asked, NOW)
    yield "reminder, over", messages.reminder_over(a_consent(state=ConsentState.CONNECTED, finished_at=NOW), NOW)
    out = [consent for _, consent in consents()]
    yield "links", messages.links(out[:3], None, NOW, {GROWER.id: GROWER})
    yield "links, many", messages.links(out * 2, None, NOW)
    yield "links, the next page", messages.links((out * 2)[:17], None, NOW, page=1)
    yield "links of one, many", messages.links((out * 2)[:16], GROWER, NOW, page=1)
    yield "links of one", messages.links(out[:1], GROWER, NOW)
    yield "links, none", messages.links([], GROWER, NOW)
    yield "link just sent", messages.link_just_sent(a_consent(created_at=before(minutes=3)), NOW)
    yield "link taken back", messages.link_taken_back(a_consent(state=ConsentState.REVOKED, revoked_by="UMARIA"))
    late = a_consent(expires_at=before(hours=3), renewal_asked_at=before(minutes=1))
    yield "new link asked for", messages.renewal_asked(late, late, NOW)
    refused = a_consent(state=ConsentState.DECLINED, finished_at=before(hours=3), renewal_asked_at=before(minutes=1))
    yield "new link asked for after a no", messages.renewal_asked(refused, refused, NOW)
    broke = replace(refused, state=ConsentState.FAILED)
    yield "new link asked for after a failure", messages.renewal_asked(broke, broke, NOW)
    yield "new link made", messages.renewal_asked(late, a_consent(created_at=NOW, asked_by="ULINUS"), NOW)
    yield "account used", messages.account_decided(a_consent(), used=True)
    yield "account refused", messages.account_decided(a_consent(), used=False)
    replaced = a_consent(state=ConsentState.REVOKED, replaced_at=NOW)
    yield "account refused, link replaced", messages.account_decided(replaced, used=False)
    held = a_consent(state=ConsentState.HELD, trouble="other-account", account_email="bob@elsewhere.example")
    yield "account changed since", messages.problem(OtherAccountHeld(held))
    yield "a decision waits", messages.decision_waits(held, a_grower(owner="UMARIA"), NOW)
    theirs = a_grower(owner="UJONAS")
    yield "incident, an account for its owner to decide", messages.incident(a_card(grower=theirs, consent=held), NOW)
    yield "outcome, held, asked of two", messages.consent_outcome(held, NOW, a_connection(), grower=theirs)
    anothers = replace(held, trouble="somebody-elses-account")
    yield "account changed since, somebody else's", messages.problem(OtherAccountHeld(anothers))


def states() -> Iterator[tuple[str, Shown]]:
    for status in CredentialStatus:
        connection = a_connection(status)
        yield f"status {status}", messages.connection_status(a_report(connection), NOW)
    for cause in Cause:
        yield f"status because {cause}", messages.connection_status(a_report(broken_by(cause)), NOW)
    pending = a_report(a_connection(CredentialStatus.PENDING), incident=an_incident(Cause.STAYS_PENDING))
    yield "status, stays pending", messages.connection_status(pending, NOW)
    yield "status, never seen", messages.connection_status(a_report(None, data=None), NOW)
    gone = a_report(broken_by(Cause.REMOVED_AT_LEAF), grower=a_grower(gone_at=NOW), data=None)
    yield "status, gone from Leaf", messages.connection_status(gone, NOW)
    old = a_report(
        a_connection(), live=False, as_of=before(hours=2), data=None, why_not_live=str(ProviderUnavailable("Leaf"))
    )
    yield "status, Leaf down", messages.connection_status(old, NOW)
    for state, consent in consents():
        report = a_report(broken_by(Cause.GROWER_MUST_ACT), consent=consent)
        yield f"status, link {state}", messages.connection_status(report, NOW)
    snoozed = dict(cared_for())["snoozed"]
    taken = a_report(broken_by(Cause.GROWER_MUST_ACT), incident=snoozed, grower=a_grower(owner="UMARIA"))
    yield "status, snoozed", messages.connection_status(taken, NOW)
    for role in (Role.VIEWER, Role.OPERATOR):
        yield f"status, to {role}", messages.connection_status(a_report(broken_by(Cause.GROWER_MUST_ACT)), NOW, role)
    yield "status, owned", messages.connection_status(a_report(a_connection(), grower=a_grower(owner="UMARIA")), NOW)
    for kind in (None, StormKind.FIELDVIEW):
        stormy = replace(taken, storm=a_tally(312, {Cause.GROWER_MUST_ACT: 312}), ill=[kind] if kind else [])
        why = f"{kind} ill as well" if kind else "many broke together"
        yield f"status, {why}", messages.connection_status(replace(stormy, incident=an_incident()), NOW)
    yield "overview", messages.overview(an_overview(), NOW)
    yield "overview, one snoozed", messages.overview(an_overview(snoozed=frozenset({"g-2"})), NOW)
    well = an_overview(counts={CredentialStatus.HEALTHY: 1}, needing_someone=[], waiting_for_consent=0)
    undecided = a_consent(state=ConsentState.HELD, trouble="other-account")
    failed = a_consent(state=ConsentState.FAILED, trouble="leaf-refused")
    in_work = an_overview(consents={GROWER.id: undecided, "g-2": failed})
    yield "overview, some in other hands", messages.overview(in_work, NOW)
    yield "overview, all well", messages.overview(well, NOW)
    nobody = an_overview(counts={}, needing_someone=[], waiting_for_consent=0)
    yield "overview, nobody yet", messages.overview(nobody, NOW)
    yield "overview, many", messages.overview(many_in_need(150), NOW)
    yield from homes()


def silences() -> Iterator[tuple[str, Shown]]:
    hill, novak = a_grower(id="g-2", name="Hill & Dale"), a_grower(id="g-3", name="Novák")
    stale, lapsing = a_silence(), a_silence(SilenceKind.LAPSING, since=before(days=25))
    never = a_silence(ever=False)
    yield "silences", messages.silences([(GROWER, stale), (novak, never), (hill, lapsing)])
    yield "silences, one", messages.silences([(GROWER, stale)])
    yield "silences, permissions alone", messages.silences([(hill, lapsing)])
    ends = [(a_grower(name=end.title()), a_silence(ended_at=NOW, ended_by=end)) for end in SilenceEnd]
    yield "silences, some settled", messages.silences([(GROWER, stale), *ends])
    yield "silences, all settled", messages.silences(ends)
    many = [(a_grower(id=f"g-{n}", name=f"Farm number {n}"), stale) for n in range(400)]
    yield "silences, many", messages.silences([*many, *[(grower, lapsing) for grower, _ in many]])
    for silence in (stale, never, lapsing):
        report = a_report(a_connection(), silence=silence)
        yield f"status, silent {silence.kind} {silence.ever}", messages.connection_status(report, NOW)
    few = an_overview(silent=[(GROWER, stale), (hill, lapsing)])
    yield "overview, silent", messages.overview(few, NOW)
    yield "overview, many silent", messages.overview(an_overview(silent=many), NOW)
    silent = [DeskRow(grower, silence=silence) for grower, silence in few.silent]
    desk = a_desk(few, look=Look("all", Pile.SILENT), rows=silent)
    yield "home, silent", messages.home(desk, is_admin=False, now=NOW)


def homes() -> Iterator[tuple[str, Shown]]:
    """The App Home: its piles, its pages, and the first day."""

    def home(desk: Desk) -> View:
        return messages.home(desk, is_admin=False, now=NOW)

    mine = an_overview(whose=Whose("UMARIA"), snoozed=frozenset({"g-2"}))
    yield "home", messages.home(a_desk(mine), is_admin=True, now=NOW)
    quiet = a_desk(mine, look=Look("mine", Pile.SNOOZED))
    known = a_connection(CredentialStatus.BROKEN, cause=Cause.GROWER_MUST_ACT)
    care = Care("UMARIA", before(hours=2), snoozed_by="UMARIA", snoozed_at=before(hours=1), snooze_reason="On holiday")
    snoozed = DeskRow(GROWER, known, incident=an_incident(care=care))
    yield "home, snoozed", home(replace(quiet, rows=[snoozed]))
    undecided = DeskRow(a_grower(owner="UJONAS"), broken_by(Cause.GROWER_MUST_ACT), a_consent(state=ConsentState.HELD))
    yield "home, broken and to be decided", home(a_desk(rows=[undecided]))
    waits = a_desk(look=Look("all", Pile.WAITING), rows=[DeskRow(GROWER, consent=a_consent())])
    yield "home, waiting", home(waits)
    held = replace(waits, rows=[DeskRow(GROWER, consent=a_consent(state=ConsentState.HELD))])
    yield "home, to be decided", home(replace(held, overview=an_overview(undecided=1)))
    out = DeskRow(GROWER, broken_by(Cause.GROWER_MUST_ACT), a_consent())
    yield "home, broken and a link is out", home(a_desk(rows=[out]))
    yield "home, many", home(a_desk(many_in_need(40), look=Look(page=1)))
    yield "home, more than can be paged", home(a_desk(an_overview(counts={CredentialStatus.BROKEN: 1200})))
    for pile in Pile:
        yield f"home, {pile} and nobody there", home(a_desk(rows=[], look=Look(pile=pile)))
    first = an_overview(counts={}, needing_someone=[], waiting_for_consent=0, as_of=None)
    yield "home, first day", home(a_desk(first, has_channel=False, has_connection=False))
    yield "home, half set up", home(a_desk(first, has_channel=True, has_connection=False))
    yield "home, set up but for a channel", home(a_desk(first, has_channel=False, has_connection=True))
    guest = NotAllowed("use this bot as a guest", "a full member of this workspace", admins=["UMARIA"])
    yield "home, for who may not look", messages.closed_home(messages.problem(guest))
    yield "answer at the home", messages.answer_modal(messages.connection_status(a_report(a_connection()), NOW))


def stories() -> Iterator[tuple[str, Shown]]:
    yield "timeline", messages.timeline(a_timeline(), NOW)
    last = a_timeline(page=2, has_older=False, facts=[], why_archived_only=str(ProviderUnavailable("Leaf")))
    yield "timeline, last page", messages.timeline(last, NOW)
    entries = [
        an_entry(detail='{"consent": "c", "to": "UGROWER"}'),
        an_entry(detail='{"consent": "c", "to": null}'),
        an_entry(detail='{"link": "not needed"}'),
        an_entry(outcome="refused", target=None, target_name=None, typed="Okafro"),
        *(
            an_entry(outcome="refused", target=None, target_name=None, typed="Okafro", detail=detail)
            for detail in (
                '{"because": "nobody"}',
                '{"because": "several"}',
                '{"because": "not-understood"}',
                '{"faults": ["email"]}',
            )
        ),
        an_entry("acknowledge", outcome="refused", detail='{"because": "second"}'),
        an_entry("disconnect", outcome="refused"),
        an_entry("first-data", detail='{"farms": 2, "fields": 31, "again": true}'),
        an_entry("acknowledge", outcome="refused", detail='{"because": "over"}'),
        an_entry("acknowledge", outcome="refused", detail='{"pressed": "again"}'),
        an_entry("consent-returned", actor="grower", outcome="refused", detail='{"because": "foreign-answer"}'),
        an_entry("status", target=None, target_name=None),
        an_entry("status", outcome="failed"),
        an_entry("disconnect", detail='{"asked": true}'),
        an_entry("disconnect", detail='{"cancelled": true}'),
        an_entry("disconnect", detail='{"disconnection": "d1", "state": "scheduled"}'),
        an_entry("disconnect-agree"),
        an_entry("disconnect-undo"),
        an_entry("disconnect-ended", actor="job:disconnect", detail='{"state": "done"}'),
        an_entry("disconnect-ended", actor="job:disconnect", detail='{"state": "superseded"}'),
        an_entry("access", target=None, target_name=None),
        an_entry(
            "access",
            target=None,
            target_name=None,
            detail='{"subject": "S0CSTEAM", "before": null, "after": "operator"}',
        ),
        an_entry("choose-grower", detail='{"command": "disconnect", "asked": true}'),
        an_entry(
            "subscribe", target=None, target_name=None, detail='{"channel": "CNEWS", "before": false, "after": true}'
        ),
        an_entry("subscribe", target=None, target_name=None, detail='{"asked": true}'),
        an_entry(
            "subscribe",
            target=None,
            target_name=None,
            detail='{"channel": "CNEWS", "before": false, "after": true, "wishes": {"owner": null}}',
        ),
        an_entry("subscriptions", target=None, target_name=None),
        an_entry("health", target=None, target_name=None),
        *(
            an_entry("status", target=None, target_name=None, typed=typed, detail=detail)
            for typed, detail in (
                ("--mine", '{"whose": "own"}'),
                ("<@UJONAS|jonas>", '{"whose": "UJONAS"}'),
                ("tag:north", '{"tag": "north"}'),
            )
        ),
        an_entry("unknown-command", target=None, target_name=None, outcome="refused", typed="conect Okafor"),
        an_entry("links", target=None, target_name=None),
        an_entry("revoke-link"),
        an_entry("show-link"),
        an_entry("choose-language"),
        an_entry("stop-reminders", actor="UGROWER"),
        an_entry("use-account"),
        an_entry("refuse-account"),
        an_entry("use-account", outcome="refused", detail='{"because": "changed"}'),
        an_entry(detail='{"link": "sent before"}'),
        an_entry("consent-opened", actor="grower"),
        an_entry("consent-reminded", actor="job:consent"),
        an_entry("consent-expired", actor="job:consent"),
        an_entry("consent-renewal-asked", actor="grower"),
        an_entry("consent-held", actor="job:consent"),
        an_entry("consent-hold-ended", actor="job:consent"),
        an_entry("consent-begun", actor="grower"),
        an_entry("consent-denied", actor="grower", outcome="refused", detail='{"error": "access_denied"}'),
        an_entry("consent-completed", actor="job:consent"),
        an_entry("consent-failed", actor="job:consent", outcome="failed", detail='{"trouble": "leaf-refused"}'),
        an_entry("incident-opened", actor="job:sweep", detail='{"cause": "grower-must-act", "status": "X"}'),
        an_entry("incident-recovered", actor="job:sweep"),
        an_entry("incident-flapping", actor="job:sweep", detail='{"changes": 4}'),
        an_entry("digest", actor="job:digest", target=None, target_name=None, detail='{"channel": "CNEWS"}'),
        an_entry(
            "silence-told", actor="job:silence", target=None, target_name=None, detail='{"stale": 3, "lapsing": 1}'
        ),
        an_entry("first-data", actor="job:first-data", detail='{"farms": 2, "fields": 31}'),
        an_entry("first-data-missing", actor="job:first-data"),
        an_entry("silence-over", actor="job:silence", target=None, target_name=None, detail='{"growers": 1}'),
        *(
            an_entry(action, actor="job:sweep", target=None, target_name=None, detail=f'{{"kind": "{kind}"}}')
            for action in ("storm-began", "storm-over")
            for kind in StormKind
        ),
        an_entry("storm", target=None, target_name=None),
        an_entry(detail='{"link": "held back"}'),
        an_entry(detail='{"link": "undecided"}'),
        an_entry("bulk-abandoned", actor="job:bulk", target=None, target_name=None, detail='{"why": "left or guest"}'),
        an_entry("bulk-abandoned", actor="job:bulk", target=None, target_name=None, detail='{"why": "role lost"}'),
        an_entry("create-grower"),
        an_entry("grower-created"),
        an_entry("grower-created", detail='{"found": true}'),
        an_entry("help", target=None, target_name=None, outcome="crashed"),
        an_entry("acknowledge", via="button"),
        an_entry("assign", detail='{"asked": true}'),
        an_entry("assign", via="form", detail='{"to": "UJONAS", "reason": "You know them"}'),
        an_entry("snooze", detail='{"asked": true}'),
        an_entry("snooze", via="form", detail='{"until": null, "reason": "On holiday"}'),
        an_entry("end-snooze", actor="job:snooze"),
        an_entry("claim"),
        an_entry("release"),
        an_entry("owner"),
        an_entry("owner", detail='{"after": {"owner": "UJONAS", "channel": "CNEWS"}}'),
        an_entry("tag"),
        an_entry("tag", target=None, target_name=None),
        an_entry("tag", detail='{"before": ["north"], "after": ["north", "organic", "r&d"]}'),
        an_entry("tag", detail='{"before": ["north"], "after": []}'),
        an_entry(
            "tag",
            outcome="refused",
            target=None,
            target_name=None,
            typed="Hopper Grain add x",
            detail='{"because": "nobody"}',
        ),
        an_entry("unsubscribe", target=None, target_name=None, detail='{"channel": "CNEWS", "before": false}'),
        an_entry("leave-channel"),
        an_entry("handover", target=None, target_name=None, detail='{"giver": "UANA", "taker": "UJONAS"}'),
        an_entry("escalate", target=None, target_name=None),
        an_entry("escalate", target=None, target_name=None, detail='{"of": "CNEWS", "after": {"lead": "UJONAS"}}'),
        an_entry("escalate", target=None, target_name=None, detail='{"of": "CNEWS", "after": null}'),
        an_entry("storm-reminded", actor="job:reminder", target=None, target_name=None, detail='{"growers": 7}'),
        an_entry("alert-reminded", actor="job:reminder", detail='{"to": "UJONAS", "days": 7}'),
        an_entry(
            "storm-escalated",
            actor="job:escalation",
            target=None,
            target_name=None,
            detail='{"growers": 7, "lead": "UJONAS"}',
        ),
        an_entry("escalated", actor="job:escalation", detail='{"lead": "UJONAS"}'),
        an_entry("keys-rotate", actor="cli", target=None, target_name=None),
        an_entry("audit-export", actor="cli", target=None, target_name=None),
        an_entry("erase-grower", actor="cli", target_name=None),
        an_entry("audit-retention", actor="job:retention", target=None, target_name=None, detail='{"entries": 4210}'),
    ]
    for number, part in enumerate((entries[:60], entries[60:]), 1):
        yield f"history, with looks, part {number}", messages.history(History(part, looks=True), NOW)
    yield "history", messages.history(History([an_entry(), an_entry("claim"), an_entry("revoke-link")]), NOW)
    yield "history of one", messages.history(History(entries[:1], GROWER), NOW)
    twins = {GROWER.id: replace(GROWER, has_namesake=True)}
    yield "history of two of the same name", messages.history(History(entries[:2], known=twins), NOW)
    yield "history, empty", messages.history(History([], GROWER), NOW)
    narrow: dict[str, Any] = {"actor": "UMARIA", "action": "connect", "since": before(days=7)}
    yield "history, narrowed", messages.history(History(entries[:2], GROWER, older=812, **narrow), NOW)
    yield "history, next page", messages.history(History(entries[:2], older=811, page_on=True), NOW)
    yield "history, narrowed to nothing", messages.history(History([], GROWER, **narrow), NOW)
    yield "history, past the end", messages.history(History([], page_on=True), NOW)


def answers() -> Iterator[tuple[str, Shown]]:
    twins = [GROWER, a_grower(id="g-2", email="two@okafor.example")]
    yield "help", messages.help_text(commands())
    for command in COMMANDS.values():
        yield f"help {command.name}", about(command)
    yield "help, unknown command", messages.help_text(commands(), unknown="conect", hint="/fieldview help connect")
    yield (
        "unknown command",
        messages.help_text(commands(), unknown="conect", hint="/fieldview connect Ada Lovelace Farms"),
    )
    yield "several growers", messages.choose_grower("Okafor", twins, "connect", "")
    yield "several growers, too much typed behind", messages.choose_grower("Okafor", twins, "tag", "add " + "n" * 250)
    yield "unknown grower", messages.unknown_grower("Okafro", twins, "connect", may_create=True)
    yield (
        "unknown grower, something behind the name",
        messages.unknown_grower("Okafor lang=pt", twins[:1], "connect", may_create=True, left_over="lang=pt"),
    )
    yield "unknown grower, nobody similar", messages.unknown_grower("Zzz", [], "status", may_create=False)
    yield "typed wrong", messages.problem(UsageError("Which grower?", "/fieldview connect <grower>"))
    yield "created already", messages.problem(UsageError(BEING_CREATED))
    yield "not allowed", messages.problem(NotAllowed("use this bot as a guest", "a full member of this workspace"))
    yield (
        "not allowed, and whom to ask",
        messages.problem(NotAllowed("do this", why="It takes an admin, and you are an operator.", admins=["UMARIA"])),
    )
    yield (
        "not allowed in this channel",
        messages.problem(NotAllowed("use this bot", why="People from outside this workspace read this channel.")),
    )
    rules = [
        AccessRule("S0CSTEAM", Role.OPERATOR),
        AccessRule("CCLOSED", Role.VIEWER),
        AccessRule("UMARIA", Role.ADMIN),
    ]
    yield "access", messages.access([], [])
    yield "access, with rules", messages.access([AccessRule(MEMBERS, Role.GROWER), *rules], ["UBOSS", "S0BOSSES"])
    yield "access changed", messages.access_changed("S0CSTEAM", None, Role.OPERATOR)
    yield "access taken back", messages.access_changed(MEMBERS, Role.VIEWER, None)
    yield "Leaf down", messages.problem(ProviderUnavailable("Leaf"))
    yield "Leaf down, for a deed", messages.problem(ProviderUnavailable("Leaf"), might_change=True)
    yield "Leaf down, in doubt", messages.problem(ProviderUnavailable("Leaf", in_doubt=True), might_change=True)
    yield "channel unreachable", messages.problem(ChannelUnreachable("CGONE", "is_archived"))
    yield "channel without me", messages.problem(ChannelUnreachable("CGONE", "not_in_channel"))
    yield "channel unreachable, unknown word", messages.problem(ChannelUnreachable("CGONE", "brand_new"))
    yield "person unreachable", messages.problem(ChannelUnreachable("UJONAS", "user_disabled"))
    yield "crash", messages.crash("4f2a9c")
    yield "working", messages.working()
    yield "connect whom?", messages.connect_modal(private_metadata="CTEAM")
    yield "disconnect whom?", messages.disconnect_modal(private_metadata="CTEAM")
    yield "status of whom, as nobody wrote it", messages.status_modal("I know no grower who wrote this.")
    yield "status of whom?", messages.status_modal(private_metadata="CTEAM")
    yield "new grower", messages.create_grower_modal("Okafor Farms")
    yield "disconnect?", messages.disconnect_question(a_loss(), NOW)
    yield "disconnect, with two?", messages.disconnect_question(a_loss(needs_two=True, data=None, events=0), NOW)
    yield "disconnect what is not connected?", messages.disconnect_question(a_loss(connection=None), NOW)
    for state in DisconnectionState:
        yield f"disconnecting, {state}", messages.disconnection(a_disconnection(state), NOW)
    trouble = a_disconnection(DisconnectionState.ENDING, trouble="leaf-down")
    yield "disconnecting, Leaf is down", messages.disconnection(trouble, NOW)
    yield "was not connected", messages.not_connected(GROWER)
    yield "kept", messages.disconnect_cancelled(GROWER)
    yield from subscriptions()
    yield "unsubscribed", messages.unsubscribed("CNEWS", was=True)
    yield "was not subscribed", messages.unsubscribed("CNEWS", was=False)
    yield "audit anchor", messages.audit_anchor(1847, f"2026-11-24T12:00:00+00:00 1847 {'5e' * 32}")


LEFT: dict[str, Any] = {"user": "UANA", "name": "Ana Lima", "as_guest": False, "more": 0}
ALONE: dict[str, Any] = {"growers": [], "leads": [], "followed_by": []}
NEEDS: Mapping[Callable[..., Need], Sequence[tuple[str, Need]]] = {
    needs.blind: [
        ("nobody looks", needs.blind(before(minutes=40), NOW, was_down=False)),
        ("nobody looked", needs.blind(before(days=2, hours=3), NOW, was_down=True)),
    ],
    needs.was_blind: [("looking again", needs.was_blind(before(hours=3), NOW))],
    needs.login_refused: [("Leaf refuses the login", needs.login_refused())],
    needs.strange_answers: [("Leaf cannot be understood", needs.strange_answers())],
    needs.unknown_word: [
        ("a word nobody knows", needs.unknown_word("HALF_ASLEEP", GROWER)),
        ("no word at all, of one of two of the same name", needs.unknown_word(None, TWINS[0])),
    ],
    needs.unanswered: [("Leaf gives no answer about a grower", needs.unanswered(GROWER))],
    needs.many_unanswered: [
        (
            "Leaf gives no answer about many growers",
            needs.many_unanswered([GROWER, *(a_grower(name=f"Farm number {number}") for number in range(36))]),
        ),
    ],
    needs.growers_missing: [
        ("many growers are missing at Leaf", needs.growers_missing(37, 120)),
        ("all growers are missing at Leaf", needs.growers_missing(120, 120)),
        ("the only grower is missing at Leaf", needs.growers_missing(1, 1)),
    ],
    needs.nobodys_alert: [("an alert about nobody", needs.nobodys_alert("0b6e3a52-9f0c-4c0e-8a53-1f7f0b1f2a11"))],
    needs.alerts_taken: [("Leaf’s alerts go elsewhere", needs.alerts_taken())],
    needs.fieldview_gibberish: [("FieldView cannot be understood", needs.fieldview_gibberish())],
    needs.fieldview_configuration: [("FieldView refuses this bot", needs.fieldview_configuration())],
    needs.somebody_left: [
        ("somebody left", needs.somebody_left(**LEFT, **ALONE | {"growers": [GROWER]})),
        (
            "somebody left who had much",
            needs.somebody_left(
                **LEFT | {"more": 1204},
                growers=[*TWINS, *(a_grower(name=f"Farm number {number}") for number in range(8))],
                leads=["CTEAM"],
                followed_by=["CNORTH", "CSOUTH"],
                alerts=TWINS,
                more_alerts=2,
                snoozes=1,
                links=12,
            ),
        ),
        ("somebody left with an alert", needs.somebody_left(**LEFT, **ALONE, alerts=[GROWER])),
        ("somebody is a guest now", needs.somebody_left(**LEFT | {"as_guest": True}, **ALONE | {"leads": ["CTEAM"]})),
    ],
    needs.guests_read: [
        ("guests in a channel", needs.guests_read("CNEWS", by_settings=False)),
        ("guests in the alert channel", needs.guests_read("CALERTS", by_settings=True)),
    ],
    needs.unreachable: [
        ("a channel is lost", needs.unreachable("CGONE", "is_archived", personal=False)),
        ("a channel is shared", needs.unreachable("CSHARED", OUTSIDERS, personal=False)),
        ("a person cannot be written to", needs.unreachable("UJONAS", "user_disabled", personal=True)),
        ("a person is a guest now", needs.unreachable("UJONAS", GUEST, personal=False)),
    ],
    needs.plain_only: [("a message without its buttons", needs.plain_only("incident", "invalid_blocks"))],
    needs.not_taken: [("a message that Slack refuses", needs.not_taken("digest", "msg_too_long", "CNEWS"))],
    needs.not_anchored: [("the audit trail is not anchored", needs.not_anchored())],
    needs.not_proved: [
        ("old entries are not what was written", needs.not_proved("entry 3 was changed or written by somebody else"))
    ],
}
"""Examples of all that operators are told, by what makes it."""


def notices() -> Iterator[tuple[str, Shown]]:
    for examples in NEEDS.values():
        for title, need in examples:
            over_at = NOW if need in (told for _, told in NEEDS[needs.was_blind]) else None
            yield f"notice: {title}", messages.operator_notice(a_notice(text=need.text, over_at=over_at), NOW)
    yield "notice, over", messages.operator_notice(a_notice(over_at=NOW), NOW)
    told = needs.nobodys_alert("0b6e3a52-9f0c-4c0e-8a53-1f7f0b1f2a11")
    long_ago = a_notice(kind=told.kind, text=told.text, raised_at=before(days=7), over_at=NOW)
    yield "notice, of long ago", messages.operator_notice(long_ago, NOW)


BY_TAG = Wishes(tag="north valley")
WISHES = Wishes("UMARIA", (Topic.BROKEN, Topic.ILL), Delivery.BOTH, 7, "America/Chicago")


def subscriptions() -> Iterator[tuple[str, Shown]]:
    yield "subscribed", messages.subscribed(Subscribed("CNEWS", newly=True, by_default=False))
    unseen = Subscribed("CNEWS", newly=True, by_default=False, guests_unknown=True)
    yield "subscribed, and guests may read it", messages.subscribed(unseen)
    yield "subscribed before", messages.subscribed(Subscribed("CNEWS", newly=False, by_default=True))
    chosen = Subscribed("CNEWS", newly=False, by_default=False, wishes=WISHES, was=EVERYTHING, growers=12)
    yield "subscribed otherwise", messages.subscribed(chosen)
    yield "subscribed to all again", messages.subscribed(replace(chosen, wishes=EVERYTHING, was=WISHES))
    yield "greeting", messages.subscription_greeting("UMARIA")
    yield "greeting, some of it", messages.subscription_greeting("UMARIA", WISHES)
    yield "greeting, changed", messages.subscription_changed("UMARIA", WISHES, BY_TAG)
    tagged = Subscribed("CNEWS", newly=True, by_default=False, wishes=BY_TAG, growers=12)
    yield "subscribed by tag", messages.subscribed(tagged)
    yield "subscribed by a tag that no grower has", messages.subscribed(replace(tagged, growers=0))
    nobodys = replace(tagged, wishes=Wishes("UJONAS"), growers=0)
    yield "subscribed by a colleague who looks after nobody", messages.subscribed(nobodys)
    yield "greeting, by tag", messages.subscription_greeting("UMARIA", BY_TAG)
    made = Subscription("CNEWS", "UMARIA", before(days=40))
    chose = replace(made, channel="CTEAM", wishes=WISHES, changed_by="UJONAS", changed_at=before(days=2))
    lost = [
        replace(made, channel="CGONE", broken_reason="is_archived"),
        replace(made, channel="CSHARED", broken_reason="outsiders_read_it", wishes=replace(WISHES, owner=None)),
    ]
    yield "subscriptions", messages.subscriptions(Subscriptions([made, chose, *lost], "CALERTS"))
    by_tag = replace(made, channel="CNORTH", wishes=BY_TAG)
    empty = [replace(by_tag, wishes=wishes) for wishes in (Wishes(tag="r&d"), Wishes("UJONAS"))]
    of_nobody = frozenset(each.wishes.whose for each in empty)
    unused = Subscriptions([made, by_tag, *empty], of_nobody=of_nobody)
    yield "subscriptions, some of nobody yet", messages.subscriptions(unused)
    guests = Subscriptions([made, chose], "CALERTS", with_guests=frozenset({"CNEWS", "CALERTS"}))
    yield "subscriptions, some with guests", messages.subscriptions(guests)
    yield "subscriptions, one", messages.subscriptions(Subscriptions([chose]))
    yield "subscriptions, none", messages.subscriptions(Subscriptions([]))
    yield "subscriptions, none but the settings'", messages.subscriptions(Subscriptions([], "CALERTS"))
    part = Subscriptions([chose], hidden=("board", "legal_team"), in_doubt=2)
    yield "subscriptions, some private, to an admin", messages.subscriptions(part)
    yield "subscriptions, many", messages.subscriptions(Subscriptions([chose] * 80, "CALERTS"))
    month = Rehearsed(timedelta(days=30), alone=9, together=1, silences=2, connected=2)
    first = Draft(None, EVERYTHING, Rehearsed(timedelta(hours=2)), "America/Chicago")
    yield "what to hear, opening", messages.subscribe_modal_opening()
    yield "what to hear?", messages.subscribe_modal(first, private_metadata="CTEAM America/Chicago")
    whole = replace(first, channel="CNEWS", rehearsed=month, now=made, by_default=True)
    yield "what to hear, everything", messages.subscribe_modal(whole, private_metadata="CTEAM UTC")
    others = replace(first, channel="CBOARD", rehearsed=month, hidden=True)
    yield "what to hear, others’ private channel, to an admin", messages.subscribe_modal(others, private_metadata="C U")
    week = Rehearsed(timedelta(days=9), alone=1, digests=9)
    narrow = replace(whole, wishes=WISHES, rehearsed=week, now=chose, by_default=False, growers=12)
    yield "what to hear, some of it", messages.subscribe_modal(narrow, private_metadata="CTEAM America/Chicago")
    to_choose = replace(whole, wishes=replace(BY_TAG, tag=""))
    yield "what to hear, a tag to be chosen", messages.subscribe_modal(to_choose, private_metadata="CTEAM UTC")
    for number in (0, 1, 12):
        tagged_form = replace(whole, wishes=BY_TAG, growers=number)
        shown = messages.subscribe_modal(tagged_form, private_metadata="CTEAM UTC")
        yield f"what to hear, of a tag that {number} growers have", shown
    nobodys_form = replace(narrow, growers=0)
    shown = messages.subscribe_modal(nobodys_form, private_metadata="CTEAM UTC")
    yield "what to hear, of a colleague who looks after nobody", shown
    nothing = replace(narrow, wishes=replace(WISHES, topics=()), rehearsed=Rehearsed(timedelta(days=30)))
    yield "what to hear, nothing yet", messages.subscribe_modal(nothing, private_metadata="CTEAM UTC")


def digests() -> Iterator[tuple[str, Shown]]:
    today = Digest("d", "CNEWS", NOW.date(), before(days=1), NOW, EVERYTHING)
    hill, novak = (
        a_grower(id="g-2", name="Hill & Dale", owner="UMARIA"),
        a_grower(id="g-3", name="Novák", owner="UJONAS"),
    )
    week = Week(
        days=[
            (date(2026, 11, 16) + timedelta(days=number), growers)
            for number, growers in enumerate((0, 2, 3, 3, 1, 1, 2))
        ],
        missing=timedelta(days=9, hours=7),
        repaired=4,
        median=timedelta(hours=5, minutes=10),
        median_before=timedelta(days=1, hours=3),
        asked=7,
        agreed=5,
        declined=1,
    )
    busy = DigestReport(
        today,
        growers=2400,
        healthy=2396,
        fresh=[(an_incident(), hill)],
        standing=[
            (an_incident(Cause.SCOPE_MISSING, opened_at=before(days=9)), novak),
            (dict(cared_for())["snoozed"], GROWER),
        ],
        recovered=[(an_incident(opened_at=before(days=2), recovered_at=before(hours=7)), hill)],
        connected=[GROWER],
        waiting=[(GROWER, a_consent(created_at=before(days=3))), (hill, a_consent(begun_at=before(hours=1)))],
        silent=[(novak, a_silence())],
    )
    yield "digest", messages.digest(busy, NOW)
    yield "digest on Monday", messages.digest(replace(busy, week=week), NOW)
    well = DigestReport(today, growers=2400, healthy=2400)
    yield "digest, all well", messages.digest(well, NOW)
    still = Week([(NOW.date() - timedelta(days=number), 0) for number in range(7)], timedelta())
    yield "digest, all well on Monday", messages.digest(replace(well, week=still), NOW)
    yield "digest, FieldView ill", messages.digest(replace(well, healthy=2300, ill=[a_storm(StormKind.FIELDVIEW)]), NOW)
    part = replace(busy.digest, wishes=replace(busy.digest.wishes, topics=(Topic.BROKEN,)))
    yield "digest, of some kinds only", messages.digest(replace(busy, digest=part), NOW)
    late = replace(today, since=before(days=7))
    after_all = replace(busy, digest=late, untold_since=before(days=24))
    yield "digest, after a long absence", messages.digest(after_all, NOW)
    newly = replace(busy, standing=(), is_first=True)
    yield "digest, the first of a channel", messages.digest(newly, NOW)
    yield "digest, as before", messages.digest(replace(busy, fresh=(), silent=(), waiting=()), NOW)
    one = replace(well, digest=replace(today, wishes=WISHES), growers=12, healthy=11, fresh=busy.fresh)
    yield "digest, of one colleague", messages.digest(one, NOW)
    nobody = DigestReport(today, growers=0, healthy=0)
    yield "digest, nobody connected", messages.digest(nobody, NOW)
    crowd = [
        (an_incident(id=f"i-{n}"), a_grower(id=f"g-{n}", name=f"Farm number {n}", owner=f"U{n % 40:04}"))
        for n in range(300)
    ]
    many = replace(
        busy,
        fresh=crowd,
        standing=crowd,
        recovered=crowd,
        connected=[grower for _, grower in crowd],
        waiting=[(grower, a_consent()) for _, grower in crowd],
        silent=[(grower, a_silence()) for _, grower in crowd],
        week=replace(week, days=[(day, 100 * growers) for day, growers in week.days]),
    )
    yield "digest, many", messages.digest(many, NOW)


def storms() -> Iterator[tuple[str, Shown]]:
    yield "storm", messages.storm(a_storm(), a_tally(312, {Cause.GROWER_MUST_ACT: 290, Cause.SCOPE_MISSING: 22}), NOW)
    owned = replace(a_tally(312, {Cause.GROWER_MUST_ACT: 312}), owners=["UMARIA", "UJONAS"])
    yield "storm, with owners", messages.storm(a_storm(), owned, NOW)
    yield "storm, many owners", messages.storm(a_storm(), replace(owned, owners=["UMARIA"] * 13), NOW)
    for kind in (StormKind.FIELDVIEW, StormKind.LEAF):
        yield f"storm, {kind} ill as well", messages.storm(a_storm(), owned, NOW, [kind])
    yield "storm, a lead was told", messages.storm(a_storm(), replace(owned, leads={"UJONAS": 300}), NOW)
    few = a_tally(312, {Cause.GROWER_MUST_ACT: 2}, {"repair": 10, "leaf": 300})
    yield "storm, few left", messages.storm(a_storm(), few, NOW)
    checking = a_tally(6, {Cause.STAYS_PENDING: 6})
    yield "storm, Leaf does not finish checking", messages.storm(a_storm(), checking, NOW)
    nobodys = a_tally(6, {Cause.FIELDVIEW_DOWN: 6})
    yield "storm, nobody must act", messages.storm(a_storm(), nobodys, NOW)
    over = a_tally(312, {}, {"repair": 10, "leaf": 302})
    yield "storm, over", messages.storm(a_storm(over_at=NOW), over, NOW)
    gone = a_tally(6, {}, {"repair": 1, "leaf": 3, "disconnect": 1, "gone": 1})
    yield "storm, over with some gone", messages.storm(a_storm(over_at=NOW), gone, NOW)
    ill, still = a_storm(StormKind.FIELDVIEW, growers=37), a_tally(37, {Cause.FIELDVIEW_DOWN: 37})
    yield "FieldView ill", messages.storm(ill, still, NOW)
    yield "FieldView well again", messages.storm(replace(ill, over_at=NOW), a_tally(37, {}), NOW)
    yield (
        "FieldView well, some left",
        messages.storm(replace(ill, over_at=NOW), a_tally(37, {Cause.FIELDVIEW_DOWN: 2}), NOW),
    )
    leaf = a_storm(StormKind.LEAF)
    yield "Leaf ill", messages.storm(leaf, a_tally(0, {}), NOW)
    yield "Leaf well again", messages.storm(replace(leaf, over_at=NOW), a_tally(0, {}), NOW)
    yield "storm's list", messages.storm_list(a_storm_list(), NOW)
    yield "storm's list, one page", messages.storm_list(a_storm_list(page=0, last=0), NOW)
    yield "storm's list, nobody left", messages.storm_list(a_storm_list(tally=a_tally(5, {}), affected=()), NOW)
    together = a_bulk(bulk=replace(a_bulk().bulk, name=messages.TOGETHER), lines=a_bulk().lines[:2])
    yield "storm: links for all", messages.storm_bulk_planned(StormBulk(together.bulk, 11, 0))
    yield "storm: links for more than a list takes", messages.storm_bulk_planned(StormBulk(together.bulk, 1000, 3812))
    yield "storm: links for all, the plan", messages.bulk(together, NOW)
    yield "link held back, FieldView ill", messages.link_warning(GROWER, [ill])
    yield "link held back, Leaf ill", messages.link_warning(GROWER, [leaf])
    yield "link held back, many broke together", messages.many_warning(GROWER, 312)


NAMES = {"UMARIA": "Maria Santos"}


def threads() -> Iterator[tuple[str, Shown]]:
    details: dict[NoteKind, dict[str, Any]] = {
        NoteKind.REASON_CHANGED: {"cause": Cause.SCOPE_MISSING, "missing_scopes": ["asPlanted:read"]},
        NoteKind.LINK_FAILED: {"trouble": "code-refused", "link_works": True},
        NoteKind.ACCOUNT_HELD: {"trouble": "unfamiliar-account"},
        NoteKind.ACCOUNT_DECIDED: {"used": True},
        NoteKind.SNOOZED: {"until": (NOW + timedelta(hours=4)).isoformat()},
        NoteKind.SNOOZE_OVER: {"person": "UJONAS"},
        NoteKind.CALLED: {"person": "UJONAS"},
        NoteKind.FLAPPED: {"changes": 4},
        NoteKind.RECOVERED: {"by": "repair", "seconds": 7500},
        NoteKind.JOINED: {"growers": 1, "people": ["UJONAS"]},
    }
    notes = [ThreadNote(what, NOW, "UMARIA", details.get(what, {})) for what in NoteKind]
    for note in notes:
        yield f"thread, {note.what}", messages.thread_reply([note], NOW, NAMES)
    for by in ("leaf", "disconnect", "gone"):
        note = ThreadNote(NoteKind.RECOVERED, NOW, detail={"by": by, "seconds": 40})
        yield f"thread, recovered by {by}", messages.thread_reply([note], NOW, NAMES)
    failed = ThreadNote(NoteKind.LINK_FAILED, NOW, detail={"trouble": "leaf-refused"})
    yield "thread, link failed for good", messages.thread_reply([failed], NOW, NAMES)
    for decider, replaced in (("UMARIA", False), ("UMARIA", True), ("", False)):
        detail = {"used": False, "link_works": True, "replaced": replaced}
        decided = ThreadNote(NoteKind.ACCOUNT_DECIDED, NOW, decider or None, detail)
        yield f"thread, account not used, {decider}, {replaced}", messages.thread_reply([decided], NOW, NAMES)
    over = ThreadNote(NoteKind.SNOOZE_OVER, NOW, detail={"person": "UMARIA"})
    yield "thread, snooze over by itself", messages.thread_reply([over], NOW, NAMES)
    yield "thread, snooze over and nobody is left", messages.thread_reply([replace(over, detail={})], NOW, NAMES)
    own = replace(over, by="UMARIA")
    yield "thread, snooze ended by whoever has it", messages.thread_reply([own], NOW, NAMES)
    silent = ThreadNote(NoteKind.SNOOZED, NOW, "UMARIA", {"until": None})
    yield "thread, snoozed until recovery", messages.thread_reply([silent], NOW, NAMES)
    for person in ("UJONAS", None):
        gone = ThreadNote(NoteKind.CALLED, NOW, "UMARIA", {"left": True, "person": person})
        yield f"reply: who had it has left, {person}", messages.thread_reply([gone], NOW, {"UMARIA": "Maria Silva"})
    lead = ThreadNote(NoteKind.CALLED, NOW, detail={"person": "UJONAS"})
    yield "thread, lead called", messages.thread_reply([lead], NOW, NAMES)
    for person in ("UJONAS", None):
        forgotten = ThreadNote(NoteKind.CALLED, NOW, detail={"person": person, "days": 7})
        yield f"thread, nobody for a week, {person}", messages.thread_reply([forgotten], NOW, NAMES)
    for number, people in ((7, ("UMARIA", "UJONAS")), (1, ())):
        together = ThreadNote(NoteKind.CALLED, NOW, detail={"growers": number, "days": 7, "people": people})
        yield f"thread below a storm, nobody for a week, {number}", messages.thread_reply([together], NOW, NAMES)
    joined = [ThreadNote(NoteKind.JOINED, NOW, detail={"growers": 2, "people": [who]}) for who in ("UMARIA", "UJONAS")]
    yield "thread below a storm, many joined it", messages.thread_reply(joined, NOW, NAMES)
    yield "thread, several at once", messages.thread_reply(notes, NOW, NAMES)


def namesakes() -> Iterator[tuple[str, Shown]]:
    """Some of what reads differently of one of two growers of one name; tests/messages/namesakes.py has all of it."""
    some = ("invitation, to pass on", "connected already", "links of one", "outcome", "storm", "plan of a list")
    for title in (*some, "hand-over received", "owner", "link taken back", "disconnect?"):
        yield f"of one of two of the same name: {title}", NAMING[title](TWINS[0])


def checks() -> Iterator[tuple[str, Shown]]:
    well = [Finding("Leaf", Level.GREEN, "logged in 3 h ago; this account has 2,500 growers")]
    look = Finding("Messages", Level.YELLOW, "12 still to be delivered, the oldest for 5 min", "They follow.")
    lost = Finding(
        "Channel", Level.RED, "#news is archived: nothing can be posted there", "`/fieldview unsubscribe` ends it."
    )
    yield "health, all well", messages.health_report(well, NOW)
    yield "health, something to look at", messages.health_report([*well, look], NOW)
    yield "health, ill", messages.health_report([*well, look, lost, lost], NOW)


def everything() -> dict[str, Shown]:
    """All of them by what they are about."""
    return dict(
        [
            *incidents(),
            *casework(),
            *tagging(),
            *invitations(),
            *links(),
            *bulks(),
            *states(),
            *silences(),
            *stories(),
            *storms(),
            *digests(),
            *threads(),
            *namesakes(),
            *checks(),
            *answers(),
            *notices(),
        ]
    )


def page() -> str:
    """One Markdown page with the visible text, the fallback and the buttons of every message."""
    about = (
        "Every text that the bot can send in Slack, made from the code by `python -m tests.messages.gallery`. "
        "People and farms are invented; buttons and menus stand in brackets. What growers read in their browsers is in "
        "`handlers/templates/`."
    )
    entries = "\n".join(_entry(title, shown) for title, shown in everything().items())
    return f"# Everything the bot says\n\n{about}\n\n{entries}"


def _entry(title: str, shown: Shown) -> str:
    fallback = f"*On a lock screen:* {shown.text}\n\n" if isinstance(shown, Message) else ""
    quoted = "\n".join(f"> {line}  " for block in blocks_of(shown) for line in _lines(block))
    return f"## {title}\n\n{fallback}{quoted}\n"


def _lines(block: dict[str, Any]) -> list[str]:
    if block["type"] == "actions":
        return [" ".join(_element(element) for element in block["elements"])]
    if block["type"] == "table":
        return ["| " + " | ".join(cell["text"] for cell in row) + " |" for row in block["rows"]]
    if block["type"] == "input":
        return [f"{block['label']['text']}: {_input(block['element'])}"]
    return read(block).split("\n") if read(block) else ["---"]


def _input(element: dict[str, Any]) -> str:
    """A field of a form, with what stands in it at first."""
    if element["type"] != "checkboxes":
        return _element(element) if "options" in element else f"[{element['type'].replace('_', ' ')}]"
    chosen = [option["value"] for option in element.get("initial_options", [])]
    lines = [
        f"[{'x' if o['value'] in chosen else ' '}] {o['text']['text']} ({o['description']['text']})"
        for o in element["options"]
    ]
    return " · ".join(lines)


def _element(element: dict[str, Any]) -> str:
    if element["type"] == "button":
        return f"[{element['text']['text']}]"
    if element["type"] == "overflow":
        return f"[… ▾ {', '.join(option['text']['text'] for option in element['options'])}]"
    options = ", ".join(option["text"]["text"] for option in element.get("options", [])[:3])
    chosen = element.get("initial_option", {}).get("text") or element["placeholder"]
    return f"[{chosen['text']} ▾ {options} …]"


if __name__ == "__main__":
    sys.stdout.write(page())
