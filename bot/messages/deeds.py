"""Who did what, in words, from the audit trail; and the list of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block

from bot.messages.access import whom
from bot.messages.pieces import Message, button, called, paragraphs, quiet, section
from bot.messages.pieces import actions as buttons
from bot.messages.text import channel, code, count, listing, mention, unmarked
from bot.messages.times import in_utc, moment
from bot.messages.vocabulary import CAUSES, trouble
from bot.reports import History
from storage.records import AuditEntry, Grower

Detail = Mapping[str, Any]

_MENTION = re.compile(r"<@\w+\|([^<>|]+)>")

LISTED = 100
"""Entries that fit into Slack's fifty blocks however long they are."""

_ACTORS = {
    "grower": "the grower",
    "leaf": "Leaf",
    "cli": "an operator on the command line",
    "job:sweep": "the regular check",
    "job:alert": "an alert from Leaf",
    "job:snooze": "the time that was set",
    "job:reminder": "the clock",
    "job:people": "the look at who is still here",
    "job:escalation": "the clock",
    "job:bulk": "the work on a list",
    "job:digest": "the clock",
    "job:silence": "the look at new data",
    "job:first-data": "the look at new data",
}

_OUTCOMES = {
    "refused": "but that was refused",
    "failed": "but that failed",
    "crashed": "but something broke on my side",
}


_NOT_DONE = {
    "not-understood": "but something was missing or not understood",
    "several": "and was asked which one of several",
    "nobody": "but I know nobody of that name",
    "over": "but it was over already",
    "second": "but somebody had been first",
    "changed": "but the account had changed since it was shown",
    "pressed-again": "by a second click, which did nothing",
    "foreign-answer": "and it was not taken",
}
"""Why it was not done though nobody refused it."""


def history(page: History, now: datetime) -> Message:
    """One page of the audit trail: of one grower or of all, narrowed to what was asked for."""
    turning = _turning(page)
    without = None if page.looks or page.action else _WITHOUT_LOOKS
    if not page.entries:
        head = _nothing(page)
        return Message(unmarked(head), (section(head), *turning, *([quiet(without)] if without else [])))
    shown = page.entries[:LISTED]
    what = f"`{page.action}` " if page.action else ""
    one, several = f"{what}entry", f"{'The next' if page.page_on else 'The last'} {len(shown):,} {what}entries"
    head = f"{several if len(shown) > 1 else f'One {one}'}{_around(page)}"
    blocks: list[Block] = [
        section(f"*{head}*{_by_and_since(page)}{', newest first' if len(shown) > 1 else ''}"),
        *paragraphs(*(f"{moment(entry.at)} · {told(entry, page.known.get(entry.target or ''))}" for entry in shown)),
        *turning,
    ]
    sealed = "This list cannot be rewritten unnoticed: every entry is sealed with the one before it."
    blocks.append(quiet(without, sealed))
    return Message(unmarked(f"Who did what: {head[0].lower()}{head[1:]}."), tuple(blocks))


OWN = "own"
"""In the audit trail: the growers of whoever asked."""

_WITHOUT_LOOKS = "Who only looked is left out: `with looks` at the end of the command shows that, too."


def actions() -> tuple[str, ...]:
    """Every action the trail may hold, by the name it has there."""
    return tuple(_DEEDS)


def _nothing(page: History) -> str:
    where = f"{_around(page)}{_by_and_since(page)}"
    if page.action or page.page_on:
        older, what = "older " if page.page_on else "", f"`{page.action}` " if page.action else ""
        return f"There is no {older}{what}entry{where}."
    return f"Nothing has been done{where}{'' if page.actor or page.since else ' yet'}."


def _around(page: History) -> str:
    return f" around {called(page.grower)}" if page.grower else ""


def _by_and_since(page: History) -> str:
    by = f" by {actor(page.actor)}" if page.actor else ""
    return f"{by} since {in_utc(page.since)}" if page.since else by


def _turning(page: History) -> list[Block]:
    if page.older is None and not page.page_on:
        return []
    wanted = {
        "grower": page.grower.id if page.grower else None,
        "actor": page.actor,
        "action": page.action,
        "since": page.since.isoformat() if page.since else None,
        "looks": page.looks,
    }
    newest = button("Newest", "history-newest", json.dumps(wanted)) if page.page_on else None
    older = button("Older", "history-older", json.dumps(wanted | {"before": page.older})) if page.older else None
    return [buttons(newest, older)]


def told(entry: AuditEntry, grower: Grower | None = None) -> str:
    """Who did what to whom, and how it ended; a `grower` who is given is told apart from others of the name."""
    detail = _detail(entry.detail)
    name = called(grower, entry.target_name) if entry.target_name else None
    who = actor(entry.actor, name)
    action = _chosen_for(entry.action, detail)
    deed = _DEEDS.get(action)
    whom = name or _whom(entry)
    words = deed(whom, detail) if deed else _unknown(action, whom)
    ending = "" if action in _OWN_ENDING else _ending(entry.outcome, detail)
    if action in _WANTED and ending == _OUTCOMES["refused"]:
        return f"{who} wanted to {_WANTED[action]} {whom or 'a grower'}, and was refused"
    if ending and action in _TRIED:
        words = f"{_TRIED[action]}: {whom}" if whom else _TRIED[action]
    elif ending and action in _WANTED and entry.outcome in _OUTCOMES:
        words = f"tried to {_WANTED[action]} {whom or 'a grower'}"
    return f"{who} {words}{', ' if ending else ''}{ending}"


def _chosen_for(action: str, detail: Detail) -> str:
    """A choice in a menu is the command that asked for it."""
    return str(detail["command"]) if action == "choose-grower" and detail.get("command") in _DEEDS else action


def _whom(entry: AuditEntry) -> str:
    """A grower without a name, or what was typed when nobody answered to it."""
    if entry.target:
        return "a grower"
    return code(_MENTION.sub(r"@\1", entry.typed), 40) if entry.typed else ""


def actor(name: str, grower: str | None = None) -> str:
    """Who acted: a person in Slack, the grower (escaped), or one of the bot's own jobs."""
    if name == "grower" and grower:
        return grower
    if name in _ACTORS:
        return _ACTORS[name]
    return "the bot" if name.startswith("job") else mention(name)


def _ending(outcome: str, detail: Detail) -> str:
    """How it ended, where that is not as one would think. "refused" in the trail is whatever was not done."""
    if outcome == "refused":
        if detail.get("faults"):
            return _NOT_DONE["not-understood"]
        if detail.get("pressed") == "again":
            return _NOT_DONE["pressed-again"]
        return _NOT_DONE.get(str(detail.get("because")), _OUTCOMES[outcome])
    return _OUTCOMES.get(outcome, _odd_ending(outcome))


def _odd_ending(outcome: str) -> str:
    return "" if outcome == "done" else f"which ended as {code(outcome, 40)}"


def _unknown(action: str, whom: str) -> str:
    return f"did {code(action, 60)}" + (f" for {whom}" if whom else "")


def _detail(text: str | None) -> Detail:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(detail: Detail, key: str) -> int:
    value = detail.get(key)
    return value if isinstance(value, int) else 0


def _asked(whom: str, detail: Detail) -> str:
    whom = whom or "a grower"
    if detail.get("link") == "sent before":
        return f"asked to connect {whom}, who had just got a link"
    if detail.get("link") == "not needed":
        return f"asked to connect {whom}, who is connected already"
    if detail.get("link") == "undecided":
        return f"was told, before asking {whom}, that an approval waits for a decision"
    if detail.get("link") == "held back":
        return f"was warned before asking {whom}: FieldView or Leaf was ill"
    if detail.get("to"):
        return f"made a link for {whom}, to go out by direct message"
    return f"made a link for {whom} to be passed on" if detail.get("consent") else f"asked to connect {whom}"


def _listed(whom: str, detail: Detail) -> str:
    if detail.get("planned"):
        return "had a list of growers read"
    if detail.get("begun"):
        return "let the links of a list be made"
    if detail.get("listed"):
        return "asked for a list with its links"
    if detail.get("state"):
        return "stopped a list of growers"
    return "wanted to make links for a list of growers"


def _disconnected(whom: str, detail: Detail) -> str:
    whom = whom or "a grower"
    if detail.get("asked"):
        return f"was asked whether to disconnect {whom}"
    if detail.get("cancelled"):
        return f"kept {whom} connected"
    if detail.get("disconnection"):
        return f"wanted {whom} disconnected"
    if detail.get("removed") is False:
        return f"disconnected {whom}, where no connection was left"
    return f"disconnected {whom}"


_KEPT = {
    "undone": "it was undone in time",
    "lapsed": "nobody else agreed in time",
    "superseded": "the grower had connected anew",
    "failed": "Leaf did not do it for a whole day",
}


def _disconnect_ended(whom: str, detail: Detail) -> str:
    whom = whom or "a grower"
    if detail.get("state") == "done":
        return f"disconnected {whom}"
    why = _KEPT.get(str(detail.get("state")), code(str(detail.get("state"))))
    return f"kept {whom} connected: {why}"


def _looked(what: str) -> Callable[[str, Detail], str]:
    return lambda whom, detail: f"looked at {what} of {whom}" if whom else f"looked at {what} of all growers"


def _status(whom: str, detail: Detail) -> str:
    """Of one grower, of all, or of those that were asked for: `whose` is a colleague's id, or OWN."""
    if detail.get("tag"):
        return f"looked at the status of the growers with the {_tags([detail['tag']])}"
    if detail.get("whose") == OWN:
        return "looked at the status of their own growers"
    if detail.get("whose"):
        return f"looked at the status of {mention(str(detail['whose']))}’s growers"
    return _looked("the status")(whom, detail)


def _in_channel(verb: str) -> Callable[[str, Detail], str]:
    return lambda whom, detail: (
        f"{verb} {channel(str(detail['channel']))}" if detail.get("channel") else f"{verb} a channel"
    )


def _subscribed(whom: str, detail: Detail) -> str:
    if detail.get("asked"):
        return "was asked what a channel shall hear"
    if detail.get("wishes"):
        return f"chose what {channel(str(detail['channel']))} hears" if detail.get("channel") else "chose for a channel"
    return _in_channel("subscribed")(whom, detail)


def _unsubscribed(whom: str, detail: Detail) -> str:
    if detail.get("before") is False:
        return _in_channel("wanted to unsubscribe")(whom, detail) + ", which was not subscribed"
    return _in_channel("unsubscribed")(whom, detail)


def _permitted(whom_: str, detail: Detail) -> str:
    if not detail.get("subject"):
        return "looked at who may do what"
    was, now = (str(detail.get(key) or "no rule") for key in ("before", "after"))
    return f"changed who may do what: {whom(str(detail['subject']))}, {code(was)} → {code(now)}"


def _plain(words: str, *, whom: str = "") -> Callable[[str, Detail], str]:
    return lambda name, detail: f"{words} {name or whom}".strip()


def _created(whom: str, detail: Detail) -> str:
    if detail.get("found"):
        # Somebody else may have made them meanwhile: Leaf does not say.
        return f"found at Leaf whom an attempt before was about to create: {whom or 'name not kept'}"
    return f"created a grower at Leaf: {whom or 'name not kept'}"


def _typed(words: str) -> Callable[[str, Detail], str]:
    return lambda whom, detail: f"{words} {whom}" if whom else words.rstrip(":")


def _owner(whom: str, detail: Detail) -> str:
    after = detail.get("after")
    if not isinstance(after, dict):
        return f"asked who looks after {whom or 'a grower'}"
    to = mention(after["owner"]) if after.get("owner") else "nobody"
    where = f", with the channel {channel(str(after['channel']))}" if after.get("channel") else ""
    return f"gave {whom or 'a grower'} to {to}{where}"


def _tagged(whom: str, detail: Detail) -> str:
    before, after = detail.get("before"), detail.get("after")
    if not isinstance(before, list) or not isinstance(after, list):
        return f"looked at the tags of {whom or 'all growers'}"
    parts = (
        ("gave {} {}", [tag for tag in after if tag not in before]),
        ("took {1} from {0}", [tag for tag in before if tag not in after]),
    )
    whom = whom or "a grower"
    told = [words.format(whom, f"the {_tags(changed)}") for words, changed in parts if changed]
    return " and ".join(told) or f"changed no tag of {whom}"


def _tags(changed: Sequence[Any]) -> str:
    return f"{'tag' if len(changed) == 1 else 'tags'} {listing([code(str(tag), 40) for tag in changed])}"


def _handed_over(whom: str, detail: Detail) -> str:
    if not detail.get("giver"):
        return "wanted to hand over what somebody looks after"
    return f"gave everything of {mention(str(detail['giver']))} to {mention(str(detail.get('taker') or ''))}"


def _escalation(whom: str, detail: Detail) -> str:
    if not detail.get("of"):
        return "asked whom alerts are escalated to"
    where, after = channel(str(detail["of"])), detail.get("after")
    if not isinstance(after, dict):
        return f"ended escalation for {where}"
    return f"set that alerts nobody takes up in {where} go to {mention(str(after.get('lead') or ''))}"


def _assigned(whom: str, detail: Detail) -> str:
    whom = f"the alert about {whom or 'a grower'}"
    if detail.get("asked"):
        return f"was asked to whom {whom} goes"
    return f"gave {whom} to {mention(str(detail.get('to') or ''))}"


def _snoozed(whom: str, detail: Detail) -> str:
    whom = f"the alert about {whom or 'a grower'}"
    return f"was asked how long to snooze {whom}" if detail.get("asked") else f"snoozed {whom}"


def _opened(whom: str, detail: Detail) -> str:
    causes = {cause.value: words.short for cause, words in CAUSES.items()}
    why = causes.get(str(detail.get("cause")))
    return f"found a broken connection: {whom or 'a grower'}" + (f" ({why})" if why else "")


def _storm(words: str) -> Callable[[str, Detail], str]:
    whose = {"fieldview": "FieldView is ill", "leaf": "Leaf is ill"}
    return lambda whom, detail: f"{words} {whose.get(str(detail.get('kind')), 'many connections broke at once')}"


def _consent_failed(whom: str, detail: Detail) -> str:
    why = detail.get("trouble")
    return f"could not finish connecting {whom or 'a grower'}" + (f": {trouble(str(why))}" if why else "")


def _first_data(whom: str, detail: Detail) -> str:
    holds = f"{count(int(detail.get('farms') or 0), 'farm')} and {count(int(detail.get('fields') or 0), 'field')}"
    what = "data again" if detail.get("again") else "the first data"
    return f"saw {what} of {whom or 'a grower'}: {holds}"


def _silence_told(whom: str, detail: Detail) -> str:
    stale, lapsing = int(detail.get("stale") or 0), int(detail.get("lapsing") or 0)
    silent = f"{count(stale, 'grower')} without new data" if stale else ""
    may_lapse = f"{count(lapsing, 'permission')} that may run out" if lapsing else ""
    told = " and ".join(filter(None, (silent, may_lapse)))
    return f"told of {told}" if told else "looked for growers without new data"


def _silence_over(whom: str, detail: Detail) -> str:
    return f"took back what was said of {count(int(detail.get('growers') or 0), 'grower')} without new data"


def _returned(whom: str, detail: Detail) -> str:
    if detail.get("because") == "foreign-answer":
        return "had an answer from FieldView that came in another browser, too late or once more"
    return "agreed at FieldView"


_DEEDS: Mapping[str, Callable[[str, Detail], str]] = {
    "connect": _asked,
    "disconnect": _disconnected,
    "bulk": _listed,
    "bulk-planned": lambda whom, detail: "said what would become of a list that had waited for the growers at Leaf",
    "bulk-done": lambda whom, detail: "finished the links of a list",
    "bulk-abandoned": lambda whom, detail: (
        "stopped a list whose maker is no operator any more"
        if detail.get("why") == "role lost"
        else "stopped a list whose maker has left Slack or is a guest now"
    ),
    "bulk-listed": lambda whom, detail: (
        f"sent a list with {count(_number(detail, 'links'), 'link')} to who asked for it"
    ),
    "disconnect-agree": _plain("agreed to disconnect", whom="a grower"),
    "disconnect-undo": _plain("undid the disconnecting of", whom="a grower"),
    "disconnect-ended": _disconnect_ended,
    "status": _status,
    "events": _looked("the events"),
    "history": _looked("the history"),
    "storm": lambda whom, detail: "looked at the list of those broken together",
    "owner": _owner,
    "tag": _tagged,
    "leave-channel": _plain("took away the channel of", whom="a grower"),
    "handover": _handed_over,
    "escalate": _escalation,
    "escalated": lambda whom, detail: f"told {mention(str(detail.get('lead') or ''))} about {whom or 'a grower'}",
    "alert-let-go": lambda whom, detail: (
        f"freed the alert about {whom or 'a grower'}, which {mention(str(detail.get('of') or ''))} had before they left"
    ),
    "alert-reminded": _plain("brought to mind the alert about", whom="a grower"),
    "claim": _plain("claimed", whom="a grower"),
    "release": _plain("no longer looks after", whom="a grower"),
    "acknowledge": _plain("acknowledged the alert about", whom="a grower"),
    "assign": _assigned,
    "snooze": _snoozed,
    "end-snooze": _plain("ended the snooze of", whom="a grower"),
    "snoozes": lambda whom, detail: "looked at what is snoozed",
    "access": _permitted,
    "home": lambda whom, detail: "opened my page",
    "find-grower": lambda whom, detail: "looked for a grower in a menu",
    "help": lambda whom, detail: "asked what I can do",
    "health": lambda whom, detail: "looked at how I am doing",
    "subscribe": _subscribed,
    "subscriptions": lambda whom, detail: "looked at which channels are subscribed",
    "unsubscribe": _unsubscribed,
    "create-grower": lambda whom, detail: "used the form for a new grower" + (f": {whom}" if whom else ""),
    "grower-created": _created,
    "choose-grower": _plain("chose", whom="a grower from a menu"),
    "open-consent-link": lambda whom, detail: "pressed the link in the direct message",
    "unknown-command": _typed("typed something I do not know:"),
    "unknown-button": lambda whom, detail: "pressed a button I no longer know",
    "unknown-form": lambda whom, detail: "sent a form I no longer know",
    "links": _looked("the links"),
    "show-link": _plain("looked at the link of", whom="a grower"),
    "revoke-link": _plain("took back the link of", whom="a grower"),
    "choose-language": _plain("chose the language for", whom="a grower"),
    "stop-reminders": lambda whom, detail: "asked not to be reminded",
    "use-account": _plain("accepted the FieldView account of", whom="a grower"),
    "refuse-account": _plain("refused the FieldView account of", whom="a grower"),
    "consent-opened": lambda whom, detail: "opened the link, as far as a browser tells",
    "consent-reminded": lambda whom, detail: (
        f"asked {mention(str(detail['through']))} to remind {whom or 'a grower'}"
        if detail.get("through")
        else f"reminded {whom or 'a grower'}"
    ),
    "consent-expired": lambda whom, detail: f"found that the unused link of {whom or 'a grower'} had run out",
    "consent-withdrawn": lambda whom, detail: (
        f"ended the link of {whom or 'a grower'}, as {trouble(str(detail.get('why')))}"
    ),
    "consent-replaced": lambda whom, detail: f"ended the link of {whom or 'a grower'} that a newer one had replaced",
    "consent-renewal-asked": lambda whom, detail: "asked for a new link",
    "consent-held": lambda whom, detail: (
        f"held the approval of {whom or 'a grower'} until somebody says whether the FieldView account is right"
    ),
    "consent-hold-ended": lambda whom, detail: (
        f"forgot the approval of {whom or 'a grower'}, as nobody had decided about the FieldView account"
    ),
    "consent-begun": lambda whom, detail: "opened the link and went on to FieldView",
    "consent-returned": _returned,
    "consent-denied": lambda whom, detail: "came back from FieldView without agreeing",
    "consent-declined": lambda whom, detail: "said no",
    "consent-completed": _plain("gave Leaf the connection of", whom="a grower"),
    "consent-failed": _consent_failed,
    "alert-received": _plain("warned of a connection", whom=""),
    "incident-opened": _opened,
    "incident-flapping": _plain("found a connection that comes and goes:", whom="a grower"),
    "incident-recovered": _plain("closed the alert about", whom="a grower"),
    "first-data": _first_data,
    "first-data-missing": _plain("found that no data has come in yet from", whom="a grower"),
    "digest": _in_channel("sent the digest of the day to"),
    "silence-told": _silence_told,
    "silence-over": _silence_over,
    "keys-rotate": lambda whom, detail: "encrypted what is stored with a new key",
    "storm-began": _storm("told the channels, in one message, that"),
    "storm-escalated": lambda whom, detail: (
        f"told {mention(str(detail.get('lead') or ''))} about "
        f"{count(_number(detail, 'growers'), 'grower')} that broke together"
    ),
    "storm-reminded": lambda whom, detail: (
        f"brought {count(_number(detail, 'growers'), 'grower')} to mind that broke together"
    ),
    "storm-over": _storm("told the channels that this is over:"),
    "audit-export": lambda whom, detail: "exported the audit trail",
    "audit-retention": lambda whom, detail: f"removed old entries of this list: {detail.get('entries', 'some')}",
    "erase-grower": lambda whom, detail: "erased a grower's name and particulars on request",
}

_WANTED: Mapping[str, str] = {
    "disconnect": "disconnect",
    "disconnect-agree": "agree to disconnect",
    "disconnect-undo": "undo the disconnecting of",
    "choose-language": "choose the language for",
    "leave-channel": "take away the channel of",
    "claim": "claim",
    "release": "give up looking after",
    "tag": "change the tags of",
    "acknowledge": "acknowledge the alert about",
    "assign": "assign the alert about",
    "snooze": "snooze the alert about",
    "end-snooze": "end the snooze of",
    "show-link": "look at the link of",
    "revoke-link": "take back the link of",
    "use-account": "accept the FieldView account of",
    "refuse-account": "refuse the FieldView account of",
}
"""What was not done, because somebody may not or for another reason: the words of the deed would say that it was."""

_TRIED: Mapping[str, str] = {
    "tag": "asked about tags",
    "subscribe": "wanted to subscribe a channel",
    "unsubscribe": "wanted to unsubscribe a channel",
}
"""What was not done for whatever reason, where the deed would say that it was, or that somebody only looked."""

_OWN_ENDING = {"consent-failed", "consent-denied", "unknown-command", "unknown-button", "unknown-form"}
