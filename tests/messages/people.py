"""The people and things that the messages in these tests are about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.desk import PAGE
from bot.messages import needs
from bot.reports import (
    BulkReport,
    DataFlow,
    Desk,
    DeskRow,
    IncidentCard,
    Invitation,
    Letter,
    Look,
    Loss,
    Overview,
    StatusReport,
    StormList,
    Timeline,
)
from storage.records import (
    Affected,
    AuditEntry,
    Bulk,
    BulkLine,
    BulkState,
    Cause,
    Connection,
    Consent,
    CredentialStatus,
    Disconnection,
    DisconnectionState,
    FirstData,
    Grower,
    Incident,
    LeafEvent,
    LineFate,
    Notice,
    Silence,
    SilenceKind,
    Storm,
    StormKind,
    StormTally,
    Transition,
)

NOW = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
URL = "https://bot.example/connect/Zm9yZ2UtbWUtaWYteW91LWNhbg"
GROWER = Grower("7c1f5a60-1", "Okafor Family Farms", "ada@okafor.example", "GR-204", "UGROWER")
FLOW = DataFlow(farms=2, fields=31, synced_at=NOW - timedelta(minutes=50))

STATUS_OF = {
    Cause.GROWER_MUST_ACT: CredentialStatus.BROKEN,
    Cause.SCOPE_MISSING: CredentialStatus.LIMITED,
    Cause.REMOVED_AT_LEAF: CredentialStatus.BROKEN,
    Cause.FIELDVIEW_DOWN: CredentialStatus.UNAVAILABLE,
    Cause.LEAF_DOWN: CredentialStatus.UNAVAILABLE,
    Cause.STAYS_PENDING: CredentialStatus.PENDING,
    Cause.OUR_CONFIGURATION: CredentialStatus.BROKEN,
    Cause.UNKNOWN_STATUS: CredentialStatus.UNKNOWN,
}
CURABLE = {Cause.GROWER_MUST_ACT, Cause.SCOPE_MISSING, Cause.REMOVED_AT_LEAF}


def before(**span: float) -> datetime:
    return NOW - timedelta(**span)


def a_grower(**changes: Any) -> Grower:
    return replace(GROWER, **changes)


def a_connection(status: CredentialStatus = CredentialStatus.HEALTHY, **changes: Any) -> Connection:
    """Connected for twenty days; in this state for four."""
    connection = Connection(
        grower_id=GROWER.id,
        status=status,
        changed_at=before(days=4, hours=2),
        checked_at=before(minutes=1),
        connected_at=before(days=20),
        account_email="ada@okafor.example",
    )
    return replace(connection, **changes)


def broken_by(cause: Cause, **changes: Any) -> Connection:
    missing = ("asHarvested:read",) if cause is Cause.SCOPE_MISSING else ()
    raw = "HALF_ASLEEP" if cause is Cause.UNKNOWN_STATUS else None
    return a_connection(STATUS_OF[cause], cause=cause, missing_scopes=missing, raw_status=raw, **changes)


def a_consent(**changes: Any) -> Consent:
    """Maria asked two hours ago; the link is good for seven days."""
    consent = Consent(
        id="c0ffee",
        grower_id=GROWER.id,
        grower_name=GROWER.name,
        asked_by="UMARIA",
        asked_by_name="Maria Santos",
        channel="CTEAM",
        code_word="amber-barley",
        created_at=before(hours=2),
        expires_at=before(hours=2) + timedelta(days=7),
        sent_to="UGROWER",
        remind_at=before(hours=2) + timedelta(days=2),
    )
    return replace(consent, **changes)


def an_incident(cause: Cause = Cause.GROWER_MUST_ACT, **changes: Any) -> Incident:
    connection = broken_by(cause)
    incident = Incident(
        id="1nc1dent",
        grower_id=GROWER.id,
        grower_name=GROWER.name,
        status=connection.status,
        cause=cause,
        opened_at=before(hours=5),
        raw_status=connection.raw_status,
        missing_scopes=connection.missing_scopes,
    )
    return replace(incident, **changes)


def a_card(cause: Cause = Cause.GROWER_MUST_ACT, **changes: Any) -> IncidentCard:
    consent = changes.get("consent")
    connection = replace(broken_by(cause), completing_consent=consent.id if consent else None)
    return replace(IncidentCard(an_incident(cause), GROWER, connection), **changes)


def a_recovered_card(**changes: Any) -> IncidentCard:
    over = an_incident(recovered_at=before(minutes=5), ended_by="repair", repaired_by_consent="c0ffee")
    return replace(IncidentCard(over, GROWER, a_connection(), a_consent(incident_id="1nc1dent"), FLOW), **changes)


def an_invitation(**changes: Any) -> Invitation:
    return replace(Invitation(a_consent(), GROWER, URL, "Prairie Grain", connection=None), **changes)


def a_letter(**changes: Any) -> Letter:
    """What Maria's request says to the Okafors."""
    return Letter(a_consent(**changes), "Prairie Grain", URL)


def a_report(connection: Connection | None, **changes: Any) -> StatusReport:
    return replace(StatusReport(GROWER, connection, NOW, live=True, data=FLOW), **changes)


def an_overview(**changes: Any) -> Overview:
    overview = Overview(
        counts={CredentialStatus.HEALTHY: 2400, CredentialStatus.BROKEN: 2, CredentialStatus.UNKNOWN: 1},
        needing_someone=[
            (GROWER, broken_by(Cause.GROWER_MUST_ACT)),
            (a_grower(id="g-2", name="Hill & Dale", email=None), broken_by(Cause.SCOPE_MISSING)),
            (a_grower(id="g-3", name="Novák", email=None), broken_by(Cause.UNKNOWN_STATUS)),
        ],
        waiting_for_consent=4,
        as_of=before(minutes=3),
    )
    return replace(overview, **changes)


def a_desk(overview: Overview | None = None, **changes: Any) -> Desk:
    """The first page of those who need somebody."""
    overview = overview or an_overview()
    rows = [
        DeskRow(grower, connection, incident=an_incident(id=f"i-{grower.id}"))
        for grower, connection in overview.needing_someone[:PAGE]
    ]
    pages = max(1, -(-len(overview.needing_someone) // PAGE))
    desk = Desk(overview, Look(), bool(overview.whose.owner), rows, pages, has_channel=True, has_connection=True)
    return replace(desk, **changes)


def many_in_need(number: int) -> Overview:
    connection = broken_by(Cause.GROWER_MUST_ACT)
    needing = [(Grower(f"g-{n}", f"Farm number {n}", f"f{n}@x.example"), connection) for n in range(number)]
    return an_overview(counts={CredentialStatus.BROKEN: number}, needing_someone=needing)


def an_entry(action: str = "connect", **changes: Any) -> AuditEntry:
    entry = AuditEntry(
        at=before(hours=1),
        actor="UMARIA",
        via="command",
        action=action,
        outcome="done",
        request_id="r1",
        target=GROWER.id,
        target_name=GROWER.name,
    )
    return replace(entry, **changes)


def a_timeline(**changes: Any) -> Timeline:
    today = NOW.date()
    worst = [None] * 5 + [CredentialStatus.HEALTHY] * 20 + [CredentialStatus.BROKEN] * 4 + [CredentialStatus.HEALTHY]
    timeline = Timeline(
        grower=GROWER,
        facts=[
            Transition(
                GROWER.id, before(minutes=5), CredentialStatus.BROKEN, CredentialStatus.HEALTHY, None, "OK", "consent"
            ),
            an_entry("consent-returned", actor="grower", at=before(minutes=6)),
            LeafEvent("e2", GROWER.id, before(hours=5), 401, '{"error":"invalid_grant"}'),
            an_entry(detail='{"consent": "c0ffee", "to": "UGROWER"}', at=before(days=1, hours=2)),
            LeafEvent("e1", GROWER.id, before(days=3), 200, "ok"),
        ],
        page=0,
        has_older=True,
        since=before(days=30),
        days=[(today - timedelta(days=29 - n), status) for n, status in enumerate(worst)],
    )
    return replace(timeline, **changes)


def a_first(**changes: Any) -> FirstData:
    """Connected three days ago."""
    return replace(FirstData("c0ffee", GROWER.id, before(days=3)), **changes)


def a_silence(kind: SilenceKind = SilenceKind.STALE, **changes: Any) -> Silence:
    """Told this morning; the newest data is sixteen days old."""
    lapses_at = NOW + timedelta(days=5) if kind is SilenceKind.LAPSING else None
    silence = Silence("s1", GROWER.id, kind, "silence-2026-11-24", before(days=16), True, before(hours=2), lapses_at)
    return replace(silence, **changes)


def a_notice(**changes: Any) -> Notice:
    need = needs.unreachable("CGONE", "is_archived", personal=False)
    return replace(Notice("n1", need.kind, need.text, before(hours=3)), **changes)


def a_loss(**changes: Any) -> Loss:
    usual = Loss(GROWER, a_connection(), FLOW, 112, None, timedelta(minutes=10), needs_two=False)
    return replace(usual, **changes)


def a_disconnection(state: DisconnectionState, **changes: Any) -> Disconnection:
    usual = Disconnection(
        id="d1",
        grower_id=GROWER.id,
        grower_name=GROWER.name,
        credential_id="c1",
        asked_by="UMARIA",
        asked_at=before(minutes=3),
        due_at=NOW + timedelta(minutes=7),
        state=state,
        ended_by="UBOSS" if state is DisconnectionState.UNDONE else None,
        ended_at=None if state in (DisconnectionState.WAITING, DisconnectionState.SCHEDULED) else NOW,
    )
    return replace(usual, **changes)


def a_storm(kind: StormKind = StormKind.GROWERS, **changes: Any) -> Storm:
    """It began two hours ago."""
    return replace(Storm("st0rm", kind, before(hours=2), before(hours=1), told_at=before(hours=2)), **changes)


def affected(number: int, cause: Cause = Cause.GROWER_MUST_ACT) -> list[Affected]:
    return [
        Affected(a_grower(id=f"g-{n}", name=f"Grower {n} & Daughters <{n}>"), cause, before(hours=2))
        for n in range(1, number + 1)
    ]


def a_tally(growers: int, broken: dict[Cause, int], ended: dict[str, int] | None = None) -> StormTally:
    tally = StormTally(growers, broken, ended or {})
    return replace(tally, first=affected(min(10, tally.still_broken), next(iter(broken), Cause.GROWER_MUST_ACT)))


def a_storm_list(**changes: Any) -> StormList:
    """The second of three pages; the first on it has a link already."""
    rows = [*affected(9), *affected(1, Cause.FIELDVIEW_DOWN)]
    tally = a_tally(40, {Cause.GROWER_MUST_ACT: 25}, {"leaf": 15})
    asked = {rows[0].grower.id: a_consent(created_at=before(hours=1))}
    return replace(StormList(a_storm(), tally, rows, asked, page=1, last=2), **changes)


def bulk_lines() -> list[BulkLine]:
    """A line of every fate there is in a plan."""
    return [
        BulkLine(2, "Okafor Family Farms", LineFate.TO_INVITE, GROWER.id, GROWER.name),
        BulkLine(3, "Sato Family Orchards", LineFate.CONNECTED, "sato", "Sato Family Orchards"),
        BulkLine(4, "Bob's Barn", LineFate.HAS_LINK, "bob", "Bob's Barn", "c0ffee"),
        BulkLine(5, "Okafor, Ada", LineFate.TWICE, GROWER.id, GROWER.name, note="The same grower as line 2."),
        BulkLine(6, "Green Acres", LineFate.AMBIGUOUS),
        BulkLine(7, "Nobody's Farm", LineFate.UNKNOWN),
        BulkLine(
            9,
            "Bob's Barn,ada@okafor.example",
            LineFate.AMBIGUOUS,
            note="Its cells do not mean one and the same grower: “ada@okafor.example”, “Bob's Barn”.",
        ),
        BulkLine(
            10,
            "Hopper Grain,old@hopper.example",
            LineFate.CONNECTED,
            "hopper",
            "Hopper Grain",
            note="Nobody at Leaf has the address “old@hopper.example”.",
        ),
        BulkLine(8, '"Half a name', LineFate.UNREADABLE, note="A quotation mark on it is not closed."),
    ]


def many_lines() -> list[BulkLine]:
    """As long as a list may be."""
    return [BulkLine(n, f"Farm {n}", LineFate.TO_INVITE, f"id-{n}", f"Farm {n}") for n in range(1, 1001)]


def a_bulk(state: BulkState = BulkState.PLANNED, **changes: Any) -> BulkReport:
    """Maria's list, five minutes ago."""
    trouble = changes.pop("trouble", None)
    bulk = Bulk("b01c", "growers.csv", "UMARIA", "CTEAM", before(minutes=5), state, trouble=trouble)
    return replace(BulkReport(bulk, bulk_lines(), {}), **changes)
