"""What the services tell: values between them and the messages that show them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from storage.records import (
    EVERYBODYS,
    EVERYTHING,
    Affected,
    AuditEntry,
    Bulk,
    BulkLine,
    Connection,
    Consent,
    ConsentState,
    CredentialStatus,
    Digest,
    Disconnection,
    FirstData,
    Grower,
    Incident,
    LeafEvent,
    Silence,
    Storm,
    StormKind,
    StormTally,
    Subscription,
    Transition,
    Whose,
    Wishes,
)


class Level(StrEnum):
    """How something is: well, worth a look, or in need of somebody."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True)
class Finding:
    """One line of the self-check; `remedy` says what to do when it is not well."""

    subject: str
    level: Level
    words: str
    remedy: str = ""


@dataclass(frozen=True)
class BulkReport:
    """A list of growers that become links: its lines, how their consents stand, whose illness is in the way, and while
    it is only planned the growers it means."""

    bulk: Bulk
    lines: Sequence[BulkLine]
    answers: Mapping[ConsentState, int]
    ill: frozenset[StormKind] = frozenset()
    known: Mapping[str, Grower] = field(default_factory=dict)


@dataclass(frozen=True)
class DataFlow:
    """What Leaf holds of a grower's FieldView data; `synced_at` is when Leaf last brought something in."""

    farms: int
    fields: int
    synced_at: datetime | None


@dataclass(frozen=True)
class Overview:
    """All growers at a glance, or only those. `as_of` is the end of the last complete sweep, None before it.

    `silent` are healthy by status, but nothing comes in; they are not among those who need someone.
    `snoozed` are the ids of growers whose alert bothers nobody for a while; they are among them.
    `undecided` have agreed with a FieldView account that somebody of the team has to confirm.
    `consents` are the foremost ones of those who need someone, by grower: see `storage.consents.foremost_of`.
    """

    counts: Mapping[CredentialStatus, int]
    needing_someone: Sequence[tuple[Grower, Connection]]
    waiting_for_consent: int
    as_of: datetime | None
    whose: Whose = EVERYBODYS
    silent: Sequence[tuple[Grower, Silence]] = ()
    snoozed: frozenset[str] = frozenset()
    undecided: int = 0
    consents: Mapping[str, Consent] = field(default_factory=dict)


class Pile(StrEnum):
    """What lies on somebody's desk: the growers to look at together."""

    NEEDING = "needing"
    WAITING = "waiting"
    SILENT = "silent"
    SNOOZED = "snoozed"


@dataclass(frozen=True)
class Look:
    """What of the desk is in sight. `whose` is "mine", "all", or nothing yet: one's own, if there are any.

    Written into Slack's view, so that it looks the same after a click.
    """

    whose: str = ""
    pile: Pile = Pile.NEEDING
    page: int = 0

    def __str__(self) -> str:
        return f"{self.whose},{self.pile},{self.page}"

    @classmethod
    def read(cls, written: str) -> Look:
        """The look that was written; what cannot be read is as at the first time."""
        match written.split(","):
            case ["mine" | "all" | "" as whose, pile, page] if pile in list(Pile) and re.fullmatch("[0-9]{1,4}", page):
                return cls(whose, Pile(pile), int(page))
        return cls()


@dataclass(frozen=True)
class DeskRow:
    """One grower on the desk, and what is known of the matter."""

    grower: Grower
    connection: Connection | None = None
    consent: Consent | None = None
    silence: Silence | None = None
    incident: Incident | None = None


@dataclass(frozen=True)
class Desk:
    """What the App Home shows somebody: the counts, one page of one pile, and what is still to be set up."""

    overview: Overview
    look: Look
    is_mine: bool
    rows: Sequence[DeskRow]
    pages: int
    has_channel: bool
    has_connection: bool


@dataclass(frozen=True)
class StatusReport:
    """Everything known of one grower. `live` says whether Leaf was asked just now; if not, `why_not_live` tells why.

    `storm` tells how many broke together with this grower, and `ill` which of FieldView and Leaf are ill then.
    """

    grower: Grower
    connection: Connection | None
    as_of: datetime | None
    live: bool
    why_not_live: str | None = None
    incident: Incident | None = None
    consent: Consent | None = None
    data: DataFlow | None = None
    silence: Silence | None = None
    first: FirstData | None = None
    tags: Sequence[str] = ()
    storm: StormTally | None = None
    ill: Sequence[StormKind] = ()


@dataclass(frozen=True)
class History:
    """One page of the audit trail, newest first, and what was asked for. `older` is the entry to go on from.

    `known` are the growers it is about, by id. `looks`: who only looked was asked for as well.
    """

    entries: Sequence[AuditEntry]
    grower: Grower | None = None
    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    older: int | None = None
    page_on: bool = False
    known: Mapping[str, Grower] = field(default_factory=dict)
    looks: bool = False


TimelineFact = LeafEvent | Transition | AuditEntry


@dataclass(frozen=True)
class Timeline:
    """One page of a grower's story, newest first.

    `days` holds the worst status of each of the last 30 days, oldest first. `why_archived_only` tells why Leaf could
    not be asked for its newest events.
    """

    grower: Grower
    facts: Sequence[TimelineFact]
    page: int
    has_older: bool
    since: datetime
    days: Sequence[tuple[date, CredentialStatus | None]]
    why_archived_only: str | None = None


@dataclass(frozen=True)
class Letter:
    """What is written to a grower about a consent. `again` when they were connected before.

    `url` is a secret: show it to the one it is meant for. It is None when no link leads anywhere any more. `left_out`
    is what they do not share though the rest arrives; see `left_out`.
    """

    consent: Consent
    company: str
    url: str | None
    again: bool = False
    left_out: Sequence[str] | None = None


def was_connected(consent: Consent, connection: Connection | None) -> bool:
    """Whether the grower is asked to connect once more."""
    return consent.incident_id is not None or (connection is not None and connection.connected_at is not None)


def left_out(connection: Connection | None) -> Sequence[str] | None:
    """Which scopes are missing where only a part is shared: empty if FieldView did not say, None elsewhere."""
    if connection is None or connection.status not in (CredentialStatus.HEALTHY, CredentialStatus.LIMITED):
        return None
    is_partly = connection.missing_scopes or connection.status is CredentialStatus.LIMITED
    return connection.missing_scopes if is_partly else None


@dataclass(frozen=True)
class Invitation:
    """A consent just asked for. `url` is a secret: show it to the one it is meant for, and write it down nowhere.

    `delivered_to` is the Slack user who got it by DM; None: the agent shares it. `undelivered` says why a DM failed.
    `delayed`: Slack does not take the DM at this moment, and the job that delivers goes on trying.
    `claimed`: the grower had no owner, and has whoever asked from now on.
    """

    consent: Consent
    grower: Grower
    url: str
    company: str
    delivered_to: str | None = None
    undelivered: str | None = None
    delayed: bool = False
    replaced: int = 0
    connection: Connection | None = None
    claimed: bool = False

    @property
    def letter(self) -> Letter:
        """What the grower is to read."""
        again = was_connected(self.consent, self.connection)
        return Letter(self.consent, self.company, self.url, again, left_out(self.connection))


@dataclass(frozen=True)
class Handled:
    """What was done about an incident; `newly` is False when it was so already."""

    incident: Incident
    grower: Grower
    newly: bool = True


@dataclass(frozen=True)
class Owned:
    """Whose a grower is; `newly` is False when nothing was changed. `called`: the owner got an open alert just now;
    `told`: they got word of being the owner; `waits`: nobody has taken up the open alert, and no link is out for it."""

    grower: Grower
    newly: bool = True
    called: bool = False
    told: bool = False
    waits: bool = False


@dataclass(frozen=True)
class Tagged:
    """By which words a grower is grouped now, and was `before` somebody changed it; both in alphabetical order.

    `unmet` are those that were to be taken away though the grower did not have them.
    """

    grower: Grower
    tags: Sequence[str]
    before: Sequence[str]
    unmet: Sequence[str] = ()

    @property
    def added(self) -> Sequence[str]:
        return [tag for tag in self.tags if tag not in self.before]

    @property
    def removed(self) -> Sequence[str]:
        return [tag for tag in self.before if tag not in self.tags]


@dataclass(frozen=True)
class Snoozes:
    """Open incidents that are snoozed, the next to end first; `more` is how many the list leaves out."""

    listed: Sequence[tuple[Incident, Grower]]
    more: int = 0


@dataclass(frozen=True)
class IncidentCard:
    """What an incident's living message shows; `changes` counts them in the last 24 hours while it comes and goes.

    `storm` tells how many broke together, when that turned out after it was posted, and `ill` which of FieldView and
    Leaf are ill then.
    """

    incident: Incident
    grower: Grower
    connection: Connection | None
    consent: Consent | None = None
    data: DataFlow | None = None
    changes: int = 0
    storm: StormTally | None = None
    ill: Sequence[StormKind] = ()


@dataclass(frozen=True)
class Loss:
    """What ending a connection would cost, and how it would go: `events` are kept whatever happens."""

    grower: Grower
    connection: Connection | None
    data: DataFlow | None
    events: int
    under_way: Disconnection | None
    time_to_undo: timedelta
    needs_two: bool


@dataclass(frozen=True)
class StormList:
    """One page of a storm's growers; `consents` are the newest ones, by grower, and `last` is the last page."""

    storm: Storm
    tally: StormTally
    affected: Sequence[Affected]
    consents: Mapping[str, Consent]
    page: int
    last: int


@dataclass(frozen=True)
class StormBulk:
    """A list made of a storm's growers: how many are on it, and how many did not fit."""

    bulk: Bulk
    growers: int
    left: int


@dataclass(frozen=True)
class Rehearsed:
    """What a channel would have got in the last 30 days, or since the watching began: `watched` says for how long.

    Messages about one grower each, about many at once, lists of those without new data, new connections, digests.
    """

    watched: timedelta
    alone: int = 0
    together: int = 0
    silences: int = 0
    connected: int = 0
    digests: int = 0

    @property
    def total(self) -> int:
        return self.alone + self.together + self.silences + self.connected + self.digests


@dataclass(frozen=True)
class Draft:
    """What somebody is about to choose for a channel, and what that would have meant; `now` is how it is today.

    `by_default`: it is the alert channel and gets every alert anyway. `hidden`: it hears something today, and only its
    members see what. `growers` is how many it would be about; a tag that is empty is still to be chosen.
    """

    channel: str | None
    wishes: Wishes
    rehearsed: Rehearsed
    zone: str
    now: Subscription | None = None
    by_default: bool = False
    hidden: bool = False
    growers: int = 0


@dataclass(frozen=True)
class Subscribed:
    """The outcome. `newly` is False when the channel was subscribed and worked; `was` is what it wanted until now, if
    that was something else; `by_default`: the channel gets every alert anyway. `growers` is how many it is about;
    `guests_unknown`: nobody could tell whether guests read there."""

    channel: str
    newly: bool
    by_default: bool
    wishes: Wishes = EVERYTHING
    was: Wishes | None = None
    growers: int = 0
    guests_unknown: bool = False


@dataclass(frozen=True)
class Subscriptions:
    """Every channel that is subscribed, and the one that gets everything by the settings, as far as somebody may see.

    `hidden` are the names of private channels whose members alone see more; of those `in_doubt` Slack does not say.
    `of_nobody` is what channels wish to hear of and no grower is among; in those `with_guests` guests were found last.
    """

    listed: Sequence[Subscription]
    alert_channel: str | None = None
    hidden: Sequence[str] = ()
    in_doubt: int = 0
    of_nobody: frozenset[Whose] = frozenset()
    with_guests: frozenset[str] = frozenset()


Case = tuple[Incident, Grower]


@dataclass(frozen=True)
class Load:
    """How many growers of one member of the team, or of nobody, are broken, wait for consent, and bring nothing."""

    owner: str | None
    broken: int = 0
    waiting: int = 0
    silent: int = 0


@dataclass(frozen=True)
class Week:
    """How seven days went. `days` counts for each, the oldest first, the growers who were broken on it.

    `median` is the time to repair of those `repaired`, `median_before` that of the week before; `asked` and `agreed`
    count growers. `missing` is for how long data was missing, all growers together.
    """

    days: Sequence[tuple[date, int]]
    missing: timedelta
    repaired: int = 0
    median: timedelta | None = None
    median_before: timedelta | None = None
    asked: int = 0
    agreed: int = 0
    declined: int = 0


@dataclass(frozen=True)
class DigestReport:
    """What stands in a digest. `fresh` has broken since the last one, `standing` before; on Mondays with the week.

    `is_first`: this channel has had none before, and it looks back one day.

    `untold_since`: the last one was longer ago than any of them looks back, and here is where it ended.
    """

    digest: Digest
    growers: int
    healthy: int
    fresh: Sequence[Case] = ()
    standing: Sequence[Case] = ()
    recovered: Sequence[Case] = ()
    connected: Sequence[Grower] = ()
    waiting: Sequence[tuple[Grower, Consent]] = ()
    silent: Sequence[tuple[Grower, Silence]] = ()
    ill: Sequence[Storm] = ()
    week: Week | None = None
    untold_since: datetime | None = None
    is_first: bool = False

    @property
    def is_all_well(self) -> bool:
        """Whether there is nothing that anybody would have to look at."""
        return not (self.fresh or self.standing or self.silent or self.ill)

    @property
    def loads(self) -> Sequence[Load]:
        """Whose the work is, the most first; those of nobody last."""
        broken = Counter(grower.owner for _, grower in (*self.fresh, *self.standing))
        waiting = Counter(grower.owner for grower, _ in self.waiting)
        silent = Counter(grower.owner for grower, _ in self.silent)
        owners = {*broken, *waiting, *silent}
        loads = [Load(owner, broken[owner], waiting[owner], silent[owner]) for owner in owners]
        return sorted(loads, key=lambda load: (load.owner is None, -load.broken, -load.waiting, load.owner or ""))
