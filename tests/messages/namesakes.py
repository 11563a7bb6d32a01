"""Every message that names a grower, about any grower: of two of one name each reads differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bot import messages
from bot.errors import AlertOver, OtherAccountHeld
from bot.messages import Message
from bot.reports import DeskRow, Handled, History, Owned, Snoozes, Tagged
from storage.records import (
    Affected,
    BulkLine,
    Cause,
    Consent,
    ConsentState,
    CredentialStatus,
    DisconnectionState,
    Grower,
    Handover,
    LineFate,
    Moved,
    Storm,
    StormKind,
)
from tests.messages.people import (
    NOW,
    a_bulk,
    a_card,
    a_connection,
    a_consent,
    a_desk,
    a_disconnection,
    a_first,
    a_grower,
    a_loss,
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
)

TWINS = tuple(
    a_grower(id=f"g-{n}", email=f"{which}@twins.example", external_id=None, has_namesake=True)
    for n, which in ((1, "first"), (2, "second"))
)

ILL = Storm("st0rm", StormKind.FIELDVIEW, NOW, NOW)


def of(grower: Grower, **changes: Any) -> Consent:
    return a_consent(grower_id=grower.id, grower_name=grower.name, account_email="x@fieldview.example", **changes)


def _storm(grower: Grower, kind: StormKind, cause: Cause) -> Message:
    tally = replace(a_tally(20, {cause: 1}), first=[Affected(grower, cause, before(hours=2))])
    return messages.storm(a_storm(kind), tally, NOW)


def _bulk(grower: Grower) -> Message:
    line = BulkLine(1, "L-1", LineFate.TO_INVITE, grower.id, grower.name)
    return messages.bulk(a_bulk(lines=[line], known={grower.id: grower}), NOW)


def _handover(grower: Grower) -> Message:
    return messages.handover_received(Handover("h", "UANA", "UJONAS", "UMARIA", NOW, Moved((grower.id,))), [grower])


def _desk(grower: Grower) -> Any:
    return messages.home(a_desk(rows=[DeskRow(grower, a_connection(CredentialStatus.BROKEN))]), is_admin=True, now=NOW)


def _list(grower: Grower) -> Message:
    return messages.storm_list(a_storm_list(affected=[Affected(grower, Cause.GROWER_MUST_ACT, NOW)]), NOW)


def _history(grower: Grower) -> Message:
    entry = an_entry(target=grower.id, target_name=grower.name)
    return messages.history(History([entry], known={grower.id: grower}), NOW)


NAMING: Mapping[str, Callable[[Grower], Any]] = {
    "incident": lambda g: messages.incident(a_card(grower=g), NOW),
    "incident, flapping": lambda g: messages.incident(
        a_card(grower=g, incident=an_incident(flapping_since=before(hours=3)), changes=6), NOW
    ),
    "incident, over": lambda g: messages.incident(a_recovered_card(grower=g, consent=None), NOW),
    "storm": lambda g: _storm(g, StormKind.GROWERS, Cause.GROWER_MUST_ACT),
    "storm, FieldView ill": lambda g: _storm(g, StormKind.FIELDVIEW, Cause.FIELDVIEW_DOWN),
    "storm, its list": _list,
    "link held back": lambda g: messages.link_warning(g, [ILL]),
    "link held back, of many": lambda g: messages.many_warning(g, 312),
    "invitation, to pass on": lambda g: messages.invitation(an_invitation(grower=g, consent=of(g)), NOW),
    "invitation, sent": lambda g: messages.invitation(an_invitation(grower=g, consent=of(g), delivered_to="U1"), NOW),
    "connected already": lambda g: messages.already_connected(g, a_connection(), NOW),
    "links": lambda g: messages.links([of(g)], None, NOW, {g.id: g}),
    "links of one": lambda g: messages.links([], g, NOW),
    "links of one, two of them": lambda g: messages.links([of(g), of(g)], g, NOW, {g.id: g}),
    "link just sent": lambda g: messages.link_just_sent(of(g), NOW, g),
    "a decision waits": lambda g: messages.decision_waits(of(g, state=ConsentState.HELD), g, NOW),
    "link taken back": lambda g: messages.link_taken_back(of(g, state=ConsentState.REVOKED), g),
    "new link asked for": lambda g: messages.renewal_asked(of(g), of(g), NOW, g),
    "account used": lambda g: messages.account_decided(of(g), g, used=True),
    "account refused": lambda g: messages.account_decided(of(g), g, used=False),
    "account changed": lambda g: messages.problem(OtherAccountHeld(of(g, state=ConsentState.HELD), g)),
    "outcome": lambda g: messages.consent_outcome(of(g, state=ConsentState.DECLINED), NOW, grower=g),
    "connected": lambda g: messages.connected(
        of(g, state=ConsentState.CONNECTED, finished_at=NOW), g, a_connection(), None, NOW
    ),
    "no data yet": lambda g: messages.no_data_yet(of(g), a_first(), g),
    "made owner": lambda g: messages.made_owner(g, None, g.owner or ""),
    "owner": lambda g: messages.owned(Owned(g, newly=False), "UMARIA"),
    "tags": lambda g: messages.tagged(Tagged(g, ("north",), ())),
    "hand-over received": _handover,
    "disconnect?": lambda g: messages.disconnect_question(a_loss(grower=g), NOW),
    "disconnection": lambda g: messages.disconnection(
        a_disconnection(DisconnectionState.DONE, grower_id=g.id, grower_name=g.name), NOW, g
    ),
    "not connected": messages.not_connected,
    "disconnect cancelled": messages.disconnect_cancelled,
    "status": lambda g: messages.connection_status(a_report(a_connection(), grower=g), NOW),
    "events": lambda g: messages.timeline(a_timeline(grower=g), NOW),
    "history": _history,
    "history of one": lambda g: messages.history(History([], g), NOW),
    "acknowledged": lambda g: messages.acknowledged(Handled(an_incident(), g, newly=True)),
    "snoozes": lambda g: messages.snoozes(Snoozes([(an_incident(), g)])),
    "snooze?": lambda g: messages.snooze_modal(Handled(an_incident(), g, newly=False), private_metadata=""),
    "too late": lambda g: messages.problem(AlertOver(g, before(minutes=5), "repair")),
    "silences": lambda g: messages.silences([(g, a_silence())]),
    "overview": lambda g: messages.overview(
        an_overview(needing_someone=[(h, a_connection(CredentialStatus.BROKEN)) for h in (g, TWINS[0])]), NOW
    ),
    "home": _desk,
    "plan of a list": _bulk,
}
