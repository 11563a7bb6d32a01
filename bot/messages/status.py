"""How connections are: all at a glance, and everything known of one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, RawTextObject, TableBlock

from bot.messages.casework import care_lines, owner_line
from bot.messages.consents import (
    UNDER_WAY,
    Turn,
    account_line,
    data_line,
    decision,
    is_again,
    is_waiting,
    needs_operator,
    next_repair,
    standing,
)
from bot.messages.first_data import first_data_status
from bot.messages.pieces import (
    OPTIONS,
    Message,
    actions,
    button,
    called,
    grower_menu,
    named,
    paragraphs,
    particulars,
    quiet,
    section,
)
from bot.messages.silences import silence_line, silence_of
from bot.messages.storms import ONE_OF_MANY, before_any_link
from bot.messages.tagging import tags_line
from bot.messages.text import capital, code, count, escape, literal, mention, sentence, utf16
from bot.messages.times import ago, lasting, moment, since
from bot.messages.vocabulary import CAUSES, SIGNS, STATE_MEANS, STATES, CauseWords, cause_of, explained, missing_parts
from bot.messages.who_must_act import did_not_help, is_through, turn
from bot.reports import Overview, StatusReport
from storage.records import Cause, Connection, Consent, ConsentState, CredentialStatus, Grower, Role, SilenceKind

TABLE_ROWS = 100
TABLE_TEXT = 9000
"""Characters in all cells of a table; Slack takes 10,000."""

SILENT = 30
"""Growers without new data that are listed."""

STALE = timedelta(hours=1)
"""Older knowledge than this is told as something of the past."""

_ALWAYS = (CredentialStatus.HEALTHY, CredentialStatus.BROKEN)
_NEEDING = (CredentialStatus.BROKEN, CredentialStatus.LIMITED, CredentialStatus.UNKNOWN)


def overview(o: Overview, now: datetime, *, theirs: bool = False) -> Message:
    """How many stand where, and those that need somebody. `theirs`: the owner is not who asked."""
    growers = sum(o.counts.values())
    if not growers:
        return _nobody(o, now, theirs=theirs)
    needing = in_need(o)
    owned = f"{mention(o.whose.owner)} looks after " if theirs and o.whose.owner else "You look after "
    mine, tagged = owned if o.whose.owner else "", f" tagged “{escape(o.whose.tag)}”" if o.whose.tag else ""
    head = f"{mine}{count(growers, 'grower')}{tagged}: {tally(o)}."
    blocks: list[Block] = [
        section(f"*{needs(o, now)}*", head, waiting(o), undecided(o), silent(o), snoozed(o)),
        quiet(age(o, now)),
    ]
    if o.needing_someone:
        table = _table(o, now)
        more = needing - (len(table.rows) - 1)
        menu = grower_menu([grower for grower, _ in o.needing_someone], "show-status", "Look at a grower…")
        blocks += [table, *([quiet(_unlisted(more, needing))] if more > 0 else []), actions(menu)]
    blocks += _silent(o, now)
    return Message(f"{needs(o, now)} {head}", tuple(blocks))


def _nobody(o: Overview, now: datetime, *, theirs: bool) -> Message:
    if o.whose.tag:
        head = f"No grower has the tag “{escape(o.whose.tag)}”."
        return Message(head, (section(f"*{head}*", "`/fieldview tag` lists the tags there are."),))
    if o.whose.owner and theirs:
        head, then = (
            f"{mention(o.whose.owner)} is a colleague, no grower that I know, and looks after none.",
            "gives one.",
        )
        return Message(head, (section(f"*{head}*", f"{code('/fieldview owner <grower> @person')} {then}"),))
    if o.whose.owner:
        head, then = "You look after no grower yet.", "shows whose a grower is, and lets you claim it."
        return Message(head, (section(f"*{head}*", f"{code('/fieldview owner <grower>')} {then}"),))
    head = "There are no growers at Leaf yet." if o.as_of else "I have not looked at your growers yet."
    then = "`/fieldview connect` with a name creates the first one." if o.as_of else "Ask again in a minute."
    return Message(f"{head} {then.replace('`', '')}", (section(f"*{head}*", then), quiet(age(o, now))))


def _unlisted(more: int, needing: int) -> str:
    line = f"…and {count(more, 'more grower')}. {code('/fieldview status <name>')} shows any of them."
    return f"{line} The menu has the first {OPTIONS}." if needing > OPTIONS else line


def in_need(o: Overview) -> int:
    """How many need somebody; the list of them may be cut."""
    return max(len(o.needing_someone), sum(o.counts.get(status, 0) for status in _NEEDING))


def tally(o: Overview) -> str:
    """ "12 healthy, 1 broken, …": zero is told only where it is good news."""
    shown = [status for status in STATES if o.counts.get(status, 0) or status in _ALWAYS]
    return ", ".join(f"{o.counts.get(status, 0):,} {STATES[status]}" for status in shown)


def needs(o: Overview, now: datetime) -> str:
    """Whether there is something to do."""
    number = in_need(o)
    if number:
        return f"{count(number, 'grower needs', 'growers need')} somebody."
    if o.undecided:
        return f"{count(o.undecided, 'approval waits', 'approvals wait')} for a decision."
    if o.as_of is None:
        return "I have not looked at everybody yet; ask again in a minute."
    if now - o.as_of > STALE:
        return f"Nobody needed you {ago(o.as_of, now)}, when I last saw everybody."
    return "Nobody needs you right now."


def waiting(o: Overview) -> str | None:
    """How many growers have a link that they have not used."""
    if not o.waiting_for_consent:
        return None
    return f"{count(o.waiting_for_consent, 'link is', 'links are')} out and waiting for the grower."


def undecided(o: Overview) -> str | None:
    """How many growers have agreed, and the team has to say whether the FieldView account is right."""
    if not o.undecided:
        return None
    waits = count(o.undecided, "approval waits", "approvals wait")
    return f"{waits} for your team to say whether the FieldView account is right."


def silent(o: Overview) -> str | None:
    """How many are connected and well, as far as Leaf says, and yet bring nothing."""
    if not o.silent:
        return None
    return f"{count(len(o.silent), 'healthy connection brings', 'healthy connections bring')} no new data."


def snoozed(o: Overview) -> str | None:
    """How many alerts bother nobody for a while; the growers are among those who need someone."""
    return f"{count(len(o.snoozed), 'alert is', 'alerts are')} snoozed." if o.snoozed else None


def _silent(o: Overview, now: datetime) -> list[Block]:
    if not o.silent:
        return []
    lines = [silence_line(grower, silence, now) for grower, silence in o.silent[:SILENT]]
    more = len(o.silent) - SILENT
    unlisted = f"…and {count(more, 'more grower')}: *No new data* on my Home tab lists them." if more > 0 else None
    menu = grower_menu([grower for grower, _ in o.silent], "show-status", "Look at a silent one…")
    return [*paragraphs("*Connected, but nothing new comes in*", *lines, unlisted), actions(menu)]


def age(o: Overview, now: datetime) -> str:
    """How old the knowledge is."""
    if o.as_of is None:
        return "My first look at all growers is not finished."
    return f"I looked at everybody {moment(o.as_of)}."


def _table(o: Overview, now: datetime) -> TableBlock:
    rows = [["Grower", "What is wrong", "For", "Who must act"]]
    room = TABLE_TEXT
    names = Counter(grower.name for grower, _ in o.needing_someone)
    for grower, connection in o.needing_someone:
        snoozed = grower.id in o.snoozed
        who, _ = turn(cause_of(connection), grower, connection, o.consents.get(grower.id), now, unmarked=True)
        row = _row(grower, connection, who, now, has_namesake=names[grower.name] > 1, snoozed=snoozed)
        room -= sum(map(utf16, row))
        if room < 0 or len(rows) == TABLE_ROWS:
            break
        rows.append(row)
    return TableBlock(rows=[[RawTextObject(text=cell) for cell in row] for row in rows])


def _row(
    grower: Grower, connection: Connection, who: str, now: datetime, *, has_namesake: bool, snoozed: bool
) -> list[str]:
    words = cause_of(connection)
    apart = [literal(text, 40) for text in particulars(grower)] if has_namesake else []
    return [
        " · ".join([literal(grower.name, 40), *apart]),
        f"{words.short} · 💤 snoozed" if snoozed else words.short,
        lasting(now - connection.changed_at),
        who,
    ]


def connection_status(report: StatusReport, now: datetime, role: Role = Role.ADMIN) -> Message:
    """Everything known of one grower's connection, in plain words, and the buttons that this role may press."""
    status = report.connection.status if report.connection else CredentialStatus.ABSENT
    name, who = called(report.grower), _who(report, now, unmarked=True)
    lines = [*_state(report, status, now), *_particulars(report, status, now)]
    blocks = (
        section(named(report.grower)),
        section(*lines),
        quiet(_age(report, now)),
        _next_buttons(report, status, now, role),
    )
    return Message(f"{name}: {_means(report, status)}{f' Who must act: {who}.' if who else ''}", blocks)


def _sign(report: StatusReport, status: CredentialStatus) -> str:
    if not report.live and status is CredentialStatus.HEALTHY:
        return "⚪"
    return SIGNS[status]


def _means(report: StatusReport, status: CredentialStatus) -> str:
    if report.connection is None and not report.live:
        return "I do not know yet how this connection is."
    connection = report.connection
    if not report.live and status is CredentialStatus.HEALTHY:
        return "FieldView was connected and worked when I last looked."
    if _stays_pending(report):
        return "Leaf does not finish checking this connection, so I do not count it as working."
    if status is CredentialStatus.BROKEN and connection and connection.cause is Cause.REMOVED_AT_LEAF:
        return "FieldView is no longer connected: no new data arrives."
    return STATE_MEANS[status]


def _stays_pending(report: StatusReport) -> bool:
    """Whether Leaf has been checking for so long that there is an alert about it."""
    incident, connection = report.incident, report.connection
    if incident is None or incident.recovered_at is not None or connection is None:
        return False
    return incident.cause is Cause.STAYS_PENDING and connection.status is CredentialStatus.PENDING


def _words(report: StatusReport, connection: Connection) -> CauseWords:
    return CAUSES[Cause.STAYS_PENDING] if _stays_pending(report) else cause_of(connection)


def _who(report: StatusReport, now: datetime, *, unmarked: bool = False) -> str:
    """Who must act; empty when there is nothing to be done."""
    connection = report.connection
    quiet_ones = (CredentialStatus.HEALTHY, CredentialStatus.PENDING, CredentialStatus.ABSENT)
    if connection is None or (connection.status in quiet_ones and not _stays_pending(report)):
        return ""
    return _turn(report, connection, now, unmarked=unmarked)[0]


def _state(report: StatusReport, status: CredentialStatus, now: datetime) -> list[str]:
    connection = report.connection
    lines = [f"{_sign(report, status)} *{_means(report, status)}*"]
    if connection is None:
        return lines
    if connection.changed_at <= now and not (status is CredentialStatus.ABSENT and connection.connected_at is None):
        lines.append(f"{capital(since(connection.changed_at, now))}.")
    if not _who(report, now):
        return lines
    who, then = _turn(report, connection, now)
    words = _words(report, connection)
    cause = connection.cause or Cause.UNKNOWN_STATUS
    why = explained(cause, connection.raw_status, connection.missing_scopes) if connection.cause else words.what
    many = [ONE_OF_MANY] if report.storm else []
    return [*lines, f"*Why:* {why}", *many, f"*Who must act:* {who}", f"*Next step:* {then}"]


def _turn(report: StatusReport, connection: Connection, now: datetime, *, unmarked: bool = False) -> Turn:
    """Who must act and the next step."""
    words, consent = _words(report, connection), report.consent
    return _before_any_link(report, now) or turn(words, report.grower, connection, consent, now, unmarked=unmarked)


def _before_any_link(report: StatusReport, now: datetime) -> Turn | None:
    """What the message for all who broke together says, unless this grower's repair has a next step of its own."""
    connection, consent = report.connection, report.consent
    if report.storm is None or connection is None or not cause_of(connection).asks_grower or report.grower.gone_at:
        return None
    if is_through(consent, connection):
        return None
    if consent and next_repair(consent, report.grower, now, in_vain=did_not_help(consent, connection)):
        return None
    return before_any_link(report.storm, report.ill, where="in the channel")


def _particulars(report: StatusReport, status: CredentialStatus, now: datetime) -> list[str]:
    connection, consent = report.connection, report.consent
    lines = []
    if connection and (connection.account_email or connection.connected_at) and status is not CredentialStatus.ABSENT:
        was_asked = connection.connected_at is not None
        lines.append(account_line(connection.account_email, report.grower, was_asked=was_asked))
    if connection and connection.missing_scopes and connection.cause is not Cause.SCOPE_MISSING:
        lines.append(missing_parts(connection.missing_scopes))
    if report.data:
        lines.append(data_line(report.data))
    if report.first and report.first.came_at is None and status is CredentialStatus.HEALTHY:
        again = consent is not None and is_again(consent)
        lines.append(first_data_status(report.first, again=again))
    if report.silence and status is CredentialStatus.HEALTHY:
        lines += silence_of(report.silence, now)
    if consent and still_matters(consent, status, now):
        lines.append(standing(consent, now, report.grower))
    if report.incident and report.incident.recovered_at is None:
        lines += care_lines(report.incident, report.grower, now)
    elif report.grower.owner:
        lines.append(owner_line(report.grower))
    if report.tags:
        lines.append(tags_line(report.tags))
    if report.grower.gone_at:
        lines.append("Leaf no longer has this grower, so nothing can be connected.")
    return lines


def still_matters(consent: Consent, status: CredentialStatus, now: datetime) -> bool:
    """Whether how this consent stands is worth a line where a connection stands so."""
    if consent.state in (*UNDER_WAY, ConsentState.HELD) or is_waiting(consent, now):
        return True
    return status is not CredentialStatus.HEALTHY and consent.state not in (
        ConsentState.CONNECTED,
        ConsentState.REVOKED,
    )


def _age(report: StatusReport, now: datetime) -> str:
    if report.live and report.connection and report.connection.status is CredentialStatus.HEALTHY:
        asked = f"I asked Leaf {moment(now)}."
        return f"{asked} Leaf notices a withdrawn permission only when it next reads from FieldView."
    if report.live:
        return f"I asked Leaf {moment(now)}."
    known = f"This is what I knew {moment(report.as_of)}." if report.as_of else "I know nothing older."
    return f"Leaf could not be asked {moment(now)}: {sentence(report.why_not_live or 'no reason was given')} {known}"


def _next_buttons(report: StatusReport, status: CredentialStatus, now: datetime, role: Role) -> ActionsBlock:
    grower = report.grower.id
    present = status is not CredentialStatus.ABSENT and not report.grower.gone_at
    return actions(
        *(_deciding(report) if role.covers(Role.OPERATOR) else ()),
        _send_button(report, status, now) if role.covers(Role.OPERATOR) else None,
        button("Check now", "check-now", grower),
        button("What happened", "show-events", grower),
        button("Disconnect…", "disconnect", grower, style="danger") if present and role.covers(Role.ADMIN) else None,
    )


def _deciding(report: StatusReport) -> list[ButtonElement]:
    consent = report.consent
    return decision(consent) if consent and consent.state is ConsentState.HELD else []


def _send_button(report: StatusReport, status: CredentialStatus, now: datetime) -> ButtonElement | None:
    connection, consent = report.connection, report.consent
    if report.grower.gone_at or (consent and (consent.state in UNDER_WAY or needs_operator(consent))):
        return None
    if status is CredentialStatus.HEALTHY and report.silence and report.silence.kind is SilenceKind.LAPSING:
        return button("Send a link anyway", "connect-anyway", report.grower.id)
    connect = status is CredentialStatus.ABSENT and not (connection and connection.cause)
    if not connect and not (connection and _who(report, now) and cause_of(connection).asks_grower):
        return None
    if consent and (consent.state is ConsentState.HELD or is_waiting(consent, now)):
        return button("Send a new link", "send-link", report.grower.id)
    style = None if _before_any_link(report, now) else "primary"
    return button("Send link" if connect else "Send reconnect link", "send-link", report.grower.id, style=style)
