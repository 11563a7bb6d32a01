"""Links for a whole list: the form, the plan that becomes progress and then the end of it, and the list as a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from slack_sdk.models.blocks import Block, InputBlock, PlainTextInputElement, PlainTextObject
from slack_sdk.models.blocks.block_elements import FileInputElement
from slack_sdk.models.views import View

from bot.messages.letters import to_paste
from bot.messages.pieces import Message, actions, button, called, paragraphs, quiet, section
from bot.messages.text import code, count, escape, listing, literal
from bot.messages.times import in_utc
from bot.messages.vocabulary import unreachable
from bot.reports import BulkReport, Letter, StormBulk
from storage.records import Bulk, BulkLine, BulkState, Consent, ConsentState, Grower, LineFate, StormKind

LISTED = 25
"""Lines that the plan names one by one; all of them are in the file."""

SHOWN = 10
"""Columns that are not understood and named all the same."""

BAR = 20
"""Letters of the progress bar."""

PASTED = "pasted list"
"""The name of a list that came without a file's."""

TOGETHER = "list of growers who broke together"
"""The name of a list that was made of a storm."""

_UNREAD = "I am still reading your growers from Leaf for the first time."

BULK_COLUMNS = ("line", "given", "grower", "email", "leaf_id", "state", "link", "works_until", "message", "tags")

_PLANS = {
    LineFate.TO_INVITE: ("gets a link", "get a link"),
    LineFate.HAS_LINK: ("has a link that works, and keeps it", "have a link that works, and keep it"),
    LineFate.CONNECTED: ("is connected already, and is left alone", "are connected already, and are left alone"),
}
_FAULTS = {
    LineFate.TWICE: ("names a grower for the second time", "name a grower for the second time"),
    LineFate.AMBIGUOUS: ("fits several growers", "fit several growers"),
    LineFate.UNKNOWN: ("fits nobody at Leaf", "fit nobody at Leaf"),
    LineFate.UNREADABLE: ("cannot be read", "cannot be read"),
}
_STATES = {
    LineFate.UNPLANNED: "not looked up yet",
    LineFate.TO_INVITE: "no link yet",
    LineFate.SENT: "sent by direct message",
    LineFate.TO_SHARE: "for you to pass on",
    LineFate.HAS_LINK: "had a link already",
    LineFate.CONNECTED: "connected already",
    LineFate.TWICE: "same grower as another line",
    LineFate.AMBIGUOUS: "fits several growers",
    LineFate.UNKNOWN: "fits nobody at Leaf",
    LineFate.UNREADABLE: "cannot be read",
}
_MAY_NOT = "NotAllowed"
"""The trouble of a list whose maker may not make links any more."""

_ANSWERS = {
    ConsentState.CONNECTED: "connected",
    ConsentState.EXCHANGING: "agreed, Leaf is being told",
    ConsentState.DELIVERING: "agreed, Leaf is being told",
    ConsentState.HELD: "agreed, the FieldView account is to be confirmed",
    ConsentState.DECLINED: "said no",
    ConsentState.REVOKED: "link ended",
    ConsentState.FAILED: "did not go through",
}


def bulk_modal(*, private_metadata: str = "") -> View:
    """Where the list comes from: a file, or pasted."""
    file = FileInputElement(action_id="file", filetypes=["csv", "txt", "tsv"], max_files=1)
    lines = PlainTextInputElement(action_id="lines", multiline=True, max_length=3000)
    return View(
        type="modal",
        callback_id="bulk",
        private_metadata=private_metadata,
        title=PlainTextObject(text="Links for many growers"),
        submit=PlainTextObject(text="Check the list"),
        close=PlainTextObject(text="Cancel"),
        blocks=[
            section(
                "I read the list and tell you what would happen with each line. No link is made before you say so.",
                "A grower is a name, an e-mail address, an external id or a Leaf id; one on each line.",
                "In a file, what stands in a column *tags* is given to the grower as tags.",
            ),
            _input("file", "A CSV file", file, "Up to 1,000 lines. Headings such as name and e-mail are understood."),
            _input("lines", "Or paste the lines here", lines, None),
        ],
    )


def _input(
    block_id: str, label: str, element: FileInputElement | PlainTextInputElement, hint: str | None
) -> InputBlock:
    return InputBlock(
        label=PlainTextObject(text=label),
        block_id=block_id,
        optional=True,
        element=element,
        hint=PlainTextObject(text=hint) if hint else None,
    )


def bulk_planned(bulk: Bulk) -> Message:
    """To whoever sent the form: where to look."""
    head = f"I have read {_named(bulk)}."
    if bulk.state is BulkState.WAITING:
        then = f"{_UNREAD} What would happen with each line will stand in our direct messages. No link has been made."
        return Message(f"{head} {then}", (section(f"*{head}*", then),))
    then = "What would happen with each line stands in our direct messages. No link has been made yet."
    return Message(f"{head} {then}", (section(f"*{head}*", then),))


def storm_bulk_planned(made: StormBulk) -> Message:
    """To whoever asked for links for all whom a storm broke: where to look."""
    head = f"I made a list of {count(made.growers, 'grower')} who need a link."
    lines = ["What would happen with each of them stands in our direct messages. No link has been made yet."]
    if made.left:
        lines.append(f"A list takes no more: once these have their links, press again for the other {made.left:,}.")
    return Message(" ".join((head, *lines)), (section(f"*{head}*", *lines),))


def bulk_list_coming(bulk: Bulk) -> Message:
    """The button for the file was pressed."""
    head = f"The file with every line of {_named(bulk)} is on its way."
    return Message(head, (section(head, "You find it in our direct messages in a moment."),))


def bulk(report: BulkReport, now: datetime) -> Message:
    """The one message about a list: the plan, then how far it has come, then how it ended."""
    fates = Counter(line.fate for line in report.lines)
    match report.bulk.state:
        case BulkState.WAITING:
            return _waiting(report)
        case BulkState.PLANNED:
            return _plan(report, fates)
        case BulkState.RUNNING:
            return _progress(report, fates)
        case BulkState.CANCELLED:
            head = f"{_heading(report.bulk)} was cancelled: no link was made."
            return Message(head, (section(f"*{head}*"),))
        case BulkState.DONE | BulkState.STOPPED:
            return _ended(report, fates)


def _waiting(report: BulkReport) -> Message:
    head = f"{_heading(report.bulk)}: {count(len(report.lines), 'line')}, none looked up yet."
    then = "As soon as I know them all, this message tells you what would happen with each line. You need do nothing."
    return Message(
        f"{head} {_UNREAD}",
        (
            section(f"*{head}* {_UNREAD}", then, "No link is made before you say so."),
            actions(button("Cancel", "bulk-stop", report.bulk.id)),
        ),
    )


def _plan(report: BulkReport, fates: Counter[LineFate]) -> Message:
    name, todo = _heading(report.bulk), fates[LineFate.TO_INVITE]
    growers = count(todo, "grower")
    tagged = _tags(report.lines, tagged=False)
    head = f"{name}: {growers} would get a link." if todo else f"{name}: there is nobody to make a link for."
    sums = [f"• {_many(fates[fate], *words)}" for fate, words in _PLANS.items() if fates[fate]]
    sums += [f"• {_many(fates[fate], *words, of='line')}" for fate, words in _FAULTS.items() if fates[fate]]
    blocks: list[Block] = [
        section(
            f"*{head}* Nothing has been done yet.", *sums, tagged and f"• {tagged}", _left_out(report.bulk.left_out)
        ),
        *paragraphs(*_one_by_one(report)),
    ]
    if todo:
        blocks.append(section(_ill(report), _how_they_get_it()))
    blocks.append(
        actions(
            button(_start(todo, tagged), "bulk-start", report.bulk.id, style="primary") if todo or tagged else None,
            button("Every line as a file", "bulk-list", report.bulk.id),
            button("Cancel", "bulk-stop", report.bulk.id),
        )
    )
    return Message(f"{head} Nothing has been done yet.", tuple(blocks))


def _start(links: int, tagged: str | None) -> str:
    if not links:
        return "Give the tags"
    return f"Make {count(links, 'link')}{' and give the tags' if tagged else ''}"


def _tags(lines: Sequence[BulkLine], *, tagged: bool) -> str | None:
    """Which tags growers get, or have got."""
    meant = [line for line in lines if line.tags and line.grower_id and line.tagged is tagged]
    if not meant:
        return None
    numbers = sorted(Counter(tag for tag, _ in {(tag, line.grower_id) for line in meant for tag in line.tags}).items())
    named = [f"{code(tag)} ({number:,})" for tag, number in numbers[:SHOWN]]
    if len(numbers) > SHOWN:
        named.append(f"{len(numbers) - SHOWN:,} more")
    growers = len({line.grower_id for line in meant})
    gets = "got" if tagged else "gets" if growers == 1 else "get"
    return f"{count(growers, 'grower')} {gets} new tags: {listing(named)}"


def _gets(line: BulkLine) -> str:
    return f"; new tags: {', '.join(map(code, line.tags))}" if line.tags and line.grower_id else ""


def _many(number: int, one: str, several: str, of: str = "grower") -> str:
    return f"{count(number, of)} {one if number == 1 else several}"


def _how_they_get_it() -> str:
    return (
        "Growers who are in this Slack get theirs from me by direct message. All the others’ are for you to pass on: "
        "you get a file with every link, which nobody else sees. Growers who have no owner yet become yours, so that "
        "alerts about them mention you."
    )


def _named(bulk: Bulk) -> str:
    """The list in the middle of a sentence."""
    return f"the {bulk.name}" if bulk.name in (PASTED, TOGETHER) else escape(bulk.name)


def _heading(bulk: Bulk) -> str:
    """The list at the head of a sentence."""
    return f"The {bulk.name}" if bulk.name in (PASTED, TOGETHER) else escape(bulk.name)


def _left_out(columns: Sequence[str]) -> str | None:
    if not columns:
        return None
    names = [code(name, 40) for name in columns[:SHOWN]]
    if len(columns) > SHOWN:
        names.append(f"{len(columns) - SHOWN} more")
    if len(columns) == 1:
        return f"⚠ I do not know the column {names[0]} and left it out."
    return f"⚠ I do not know these columns and left them out: {listing(names)}."


def _ill(report: BulkReport) -> str | None:
    if not report.ill:
        return None
    who = "FieldView" if StormKind.FIELDVIEW in report.ill else "Leaf"
    return f"🟡 *{who} is ill right now:* whoever opens a link may not get through. Better wait until that is over."


def _one_by_one(report: BulkReport) -> list[str]:
    """Lines one by one: first those with which something is the matter."""
    lines = report.lines
    ordered = sorted(lines, key=lambda line: (line.fate not in _FAULTS, line.note is None, line.number))
    shown = [_told(line, report.known.get(line.grower_id or "")) for line in ordered[:LISTED]]
    if len(lines) > LISTED:
        shown.append(f"…and {count(len(lines) - LISTED, 'more line', 'more lines')}, all in the file.")
    return shown


def _told(line: BulkLine, grower: Grower | None) -> str:
    if line.fate in _FAULTS:
        why = line.note.rstrip(".") if line.note else _FAULTS[line.fate][0]
        return f"Line {line.number} {code(line.typed, 60)}: ⚠ {escape(why, 200)}{_gets(line)}"
    if line.fate not in _PLANS:
        return ""
    doubt = f". ⚠ {escape(line.note.rstrip('.'), 200)}" if line.note else ""
    return f"Line {line.number} *{called(grower, line.grower_name)}*: {_PLANS[line.fate][0]}{_gets(line)}{doubt}"


def _progress(report: BulkReport, fates: Counter[LineFate]) -> Message:
    left = fates[LineFate.TO_INVITE]
    done = fates[LineFate.SENT] + fates[LineFate.TO_SHARE]
    filled = BAR * done // max(1, done + left)
    head = f"{_heading(report.bulk)}: {done:,} of {count(done + left, 'link')} made."
    if not done + left:
        head = f"{_heading(report.bulk)}: the tags are being given."
        then = "This message says when all have them."
        return Message(head, (section(f"*{head}*", then), actions(button("Stop", "bulk-stop", report.bulk.id))))
    bar = "▓" * filled + "░" * (BAR - filled)
    blocks = (
        section(f"*{head}*", bar, "This message changes as they are made. The file with every link comes at the end."),
        actions(button("Stop", "bulk-stop", report.bulk.id)),
    )
    return Message(head, blocks)


def _ended(report: BulkReport, fates: Counter[LineFate]) -> Message:
    sent, to_pass_on, left = fates[LineFate.SENT], fates[LineFate.TO_SHARE], fates[LineFate.TO_INVITE]
    made = sent + to_pass_on
    name = _heading(report.bulk)
    given = _given(report.lines)
    head = f"{name}: {count(made, 'link')} made." if made or not given else f"{name}: the tags are given."
    if report.bulk.state is BulkState.STOPPED:
        head = f"{name} was stopped: {count(made, 'link')} made{f', {left:,} not' if left else ''}."
    may_not = report.bulk.trouble == _MAY_NOT
    ways = [
        "Making links takes the role of an operator, and you do not have it any more." if may_not else None,
        f"• {_many(sent, 'has theirs', 'have theirs')} from me, by direct message" if sent else None,
        f"• {count(to_pass_on, 'link is', 'links are')} {'still' if may_not else 'for you'} to pass on"
        if to_pass_on
        else None,
        _without(fates),
        *given,
    ]
    blocks = (
        section(f"{'✅ ' if report.bulk.state is BulkState.DONE else ''}*{head}*", *ways, _answered(report)),
        section(_about_the_file(report, made + fates[LineFate.HAS_LINK])),
        actions(button("Send me the list as it is now", "bulk-list", report.bulk.id)),
        quiet("I keep this list for 30 days. A new list has new links; those sent before go on working."),
    )
    return Message(head, blocks)


def _given(lines: Sequence[BulkLine]) -> list[str]:
    left = len({line.grower_id for line in lines if line.tags and not line.tagged})
    got = _tags(lines, tagged=True)
    return [
        *([f"• {got}"] if got else []),
        *([f"• {count(left, 'grower')} did not get their new tags"] if left else []),
    ]


def _without(fates: Counter[LineFate]) -> str | None:
    others = [
        f"{fates[fate]:,} {words}"
        for fate, words in (
            (LineFate.HAS_LINK, "had a link already"),
            (LineFate.CONNECTED, "connected already"),
            (LineFate.AMBIGUOUS, "unclear"),
            (LineFate.UNKNOWN, "unknown"),
            (LineFate.TWICE, "named twice"),
            (LineFate.UNREADABLE, "not readable"),
        )
        if fates[fate]
    ]
    made = fates[LineFate.SENT] + fates[LineFate.TO_SHARE]
    return f"• No new link{' for the other lines' if made else ''}: {listing(others)}" if others else None


def _answered(report: BulkReport) -> str | None:
    """What has come of the links; counts only, as this message is edited for each of them."""
    told = [
        (report.answers.get(ConsentState.CONNECTED, 0), "connected"),
        (report.answers.get(ConsentState.DECLINED, 0), "said no"),
    ]
    words = [f"{number:,} {what}" for number, what in told if number]
    return f"Answers so far: {listing(words)}." if words else None


def _about_the_file(report: BulkReport, links: int) -> str:
    if report.bulk.trouble == _MAY_NOT:
        return (
            "So I send you no file either: `/fieldview links` shows each link to whoever has the role. Once you have "
            "it again, the button brings you the file, and a new list makes the links that are missing."
        )
    if report.bulk.trouble == "ProviderUnavailable":
        return (
            "⚠ *I could not send you the file with the links.* Slack did not answer for two hours. Press the button "
            "again once Slack is well. `/fieldview links` shows each link too."
        )
    if report.bulk.trouble:
        return (
            "⚠ *I could not send you the file with the links.* Slack did not take it: an admin should see whether the "
            "app has the permission `files:write`. Then press the button again. `/fieldview links` shows each link too."
        )
    if not links:
        return "The file below tells of every line."
    return (
        "The file below has every link, with words to send it with. Whoever has a link can connect a FieldView "
        "account: give each to its grower only, and delete the file when you are done."
    )


def bulk_list_words(bulk: Bulk, links: int) -> str:
    """What stands above the file."""
    of = f"every line of {_named(bulk)}"
    if not links:
        return f"Here is {of}, and what is to become of it."
    work = "works" if links == 1 else "work"
    return f"Here is {of}, with {count(links, 'link')} that {work}. Only you and I see this file."


def bulk_list_name(bulk: Bulk) -> str:
    """What the file is called."""
    stem = "".join(letter if letter.isalnum() or letter in "-_ " else "-" for letter in literal(bulk.name, 60))
    return f"{stem.removesuffix('-csv') or 'growers'} with links.csv"


def bulk_list_row(
    line: BulkLine, grower: Grower | None, consent: Consent | None, letter: Letter | None, now: datetime
) -> tuple[object, ...]:
    """One line of the file; a link only where pressing it leads somewhere."""
    url = letter.url if letter else None
    return (
        line.number,
        line.typed,
        line.grower_name or "",
        (grower.email if grower else None) or "",
        line.grower_id or "",
        _state(line, consent, now),
        url or "",
        in_utc(consent.expires_at) if consent and url else "",
        to_paste(letter, now) if letter and url else "",
        "; ".join(line.tags),
    )


def _state(line: BulkLine, consent: Consent | None, now: datetime) -> str:
    state = _STATES[line.fate]
    if line.note and line.fate in _FAULTS:
        state = line.note.rstrip(".")
    elif line.note:
        # Slack's word for why a message did not arrive, or what was doubtful in the plan already.
        is_doubt = " " in line.note
        state = f"{state}: {line.note.rstrip('.') if is_doubt else unreachable(line.note)}"
    if consent is None:
        return state
    if consent.state in _ANSWERS:
        return f"{state}; {_ANSWERS[consent.state]}"
    if now >= consent.expires_at:
        return f"{state}; ran out"
    return f"{state}; opened" if consent.opened_at else state
