"""The digest: what is new, what still stands, what is over; on Mondays how the week went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block

from bot.messages.charts import Chart
from bot.messages.consents import account_kind
from bot.messages.pieces import Message, actions, grower_menu, named, paragraphs, quiet, section
from bot.messages.silences import silence_line
from bot.messages.subscriptions import whose
from bot.messages.text import count, listing, mention
from bot.messages.times import DAY, ago, lasting, moment
from bot.messages.vocabulary import CAUSES
from bot.reports import Case, DigestReport, Load, Week
from storage.records import Consent, ConsentState, Grower, StormKind

LISTED = 15
"""Growers under one heading."""

_ILL = {StormKind.FIELDVIEW: "FieldView has not answered Leaf", StormKind.LEAF: "Leaf has not answered"}


def digest(r: DigestReport, now: datetime) -> Message:
    """One channel's day. It is never edited, so that how long something has lasted may stand in it."""
    head = _head(r)
    sign = "✅" if r.is_all_well else "🟡" if not (r.fresh or r.standing) else "🔴"
    about = f"Of {whose(r.digest.wishes)}, since {moment(r.digest.since)}"
    blocks: list[Block] = [section(f"{sign} *{head}*"), quiet(f"{about}. {_connections(r)}")]
    if r.untold_since:
        blocks.append(section(_gap(r.digest.since, r.untold_since, r.digest.until)))
    for storm in r.ill:
        blocks.append(section(f"🟡 *{_ILL[storm.kind]}* since {moment(storm.began_at)}. Nobody must act."))
    blocks += _part("New", [_broken(case, now) for case in r.fresh])
    blocks += _part("Still broken", [_broken(case, now) for case in r.standing])
    blocks += _part("Works again", [_recovered(case) for case in r.recovered])
    blocks += _part("Newly connected", [f"• {named(grower)}" for grower in r.connected])
    held = [each for each in r.waiting if each[1].state is ConsentState.HELD]
    asked = [each for each in r.waiting if each[1].state is not ConsentState.HELD]
    blocks += _part("Waiting for your team to say whether the account is right", [_held(*each) for each in held])
    blocks += _part("Waiting for the grower’s consent", [_waiting(*each, now) for each in asked])
    blocks += _part("Connected, but nothing new comes in", [silence_line(*each, now) for each in r.silent])
    if r.digest.wishes.owner is None and r.loads:
        blocks += _part("By owner", [_load(load) for load in r.loads])
    if r.week:
        blocks += _week(r.week)
    if needing := [grower for _, grower in (*r.fresh, *r.standing)]:
        blocks.append(actions(grower_menu(needing, "show-status", "Look at a grower…")))
    blocks.append(quiet("`/fieldview subscribe options` changes this digest, or ends it."))
    return Message(f"FieldView digest: {head[0].lower()}{head[1:]}.", tuple(blocks))


def _head(r: DigestReport) -> str:
    ill, fresh = len(r.fresh) + len(r.standing), len(r.fresh)
    old, new = (
        ("for longer than a day", "new within a day") if r.is_first else ("as before", "new since the last digest")
    )
    news = old if not fresh else new if fresh == ill else f"{fresh} of them new"
    parts = [
        f"{count(ill, 'connection is', 'connections are')} not well, {news}" if ill else "",
        f"{count(len(r.silent), 'grower brings', 'growers bring')} no new data" if r.silent else "",
    ]
    told = ", and ".join(filter(None, parts))
    return told or ("Nobody needs you today" if r.ill else "All well")


def _gap(since: datetime, untold_since: datetime, until: datetime) -> str:
    """Why something that came and went may be missing: nobody should take a short list for a quiet time."""
    days = count(round((until - since) / DAY), "day")
    return (
        f"⚠ *This covers the last {days} only.* The digest before it ended {moment(untold_since)}. In between I was "
        "not running, could not write here, or was not asked to. What came and went before these days is not in it."
    )


def _connections(r: DigestReport) -> str:
    if not r.growers:
        return "No grower is connected yet."
    works = f"{r.healthy:,} of {count(r.growers, 'connection works', 'connections work')}"
    unheard = r.growers - r.healthy - len(r.fresh) - len(r.standing)
    if r.digest.wishes.topics is None or unheard < 1:
        return f"{works}."
    others = count(unheard, "other is", "others are")
    return f"{works}; {others} not named here, as this channel hears of some kinds only."


def _part(title: str, lines: Sequence[str]) -> list[Block]:
    if not lines:
        return []
    more = len(lines) - LISTED
    rest = f"…and {count(more, 'more', 'more')}." if more > 0 else None
    return [*paragraphs(f"*{title}* ({len(lines):,})", *lines[:LISTED], rest)]


def _broken(case: Case, now: datetime) -> str:
    incident, grower = case
    quietly = ", snoozed" if incident.care.is_snoozed(now) else ""
    return f"• {named(grower)}: {CAUSES[incident.cause].short}, for {lasting(now - incident.opened_at)}{quietly}"


def _recovered(case: Case) -> str:
    incident, grower = case
    lasted = lasting((incident.recovered_at or incident.opened_at) - incident.opened_at)
    return f"• {named(grower)}, after {lasted}"


def _waiting(grower: Grower, consent: Consent, now: datetime) -> str:
    seen = "begun" if consent.begun_at else "opened" if consent.opened_at else "not opened"
    return f"• {named(grower)}: asked {ago(consent.created_at, now)}, {seen}"


def _held(grower: Grower, consent: Consent) -> str:
    return f"• {named(grower)}: agreed with {account_kind(consent.trouble)}; asked by {mention(consent.asked_by)}"


def _load(load: Load) -> str:
    parts = (
        (load.broken, "not well"),
        (load.waiting, "waiting for an answer"),
        (load.silent, "without new data"),
    )
    has = listing([f"{number:,} {what}" for number, what in parts if number])
    return f"• {mention(load.owner) if load.owner else 'nobody yet'}: {has}"


def _week(week: Week) -> list[Block]:
    lines = [_repairs(week), _consents(week), _missing(week)]
    blocks: list[Block] = [section("*Last week*", *lines)]
    if any(number for _, number in week.days):
        bars = [(f"{day:%a} {day.day}", number) for day, number in week.days]
        blocks.append(Chart("Growers whose connection was not well", "growers", bars))
    return blocks


def _repairs(week: Week) -> str:
    if not week.repaired or week.median is None:
        return "• No connection was repaired."
    before = f" (the week before: {lasting(week.median_before)})" if week.median_before is not None else ""
    again = count(week.repaired, "connection works", "connections work")
    half = "half of them " if week.repaired > 1 else ""
    return f"• {again} again, {half}within {lasting(week.median)}{before}."


def _consents(week: Week) -> str:
    if not week.asked:
        return "• No grower was asked for consent."
    rest = week.asked - week.agreed - week.declined
    parts = [
        f"{week.agreed:,} agreed ({round(100 * week.agreed / week.asked)} %)",
        f"{week.declined:,} said no" if week.declined else "",
        f"{rest:,} not yet" if rest else "",
    ]
    asked = count(week.asked, "grower was", "growers were")
    return f"• {asked} asked for consent: {listing([part for part in parts if part])}."


def _missing(week: Week) -> str:
    if not week.missing:
        return "• No data was missing."
    return f"• Data was missing, in whole or in part, for {lasting(week.missing)}, all growers together."
