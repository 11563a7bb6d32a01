"""Which channels hear of alerts, of which, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ConversationFilter,
    ConversationSelectElement,
    ExternalDataSelectElement,
    InputBlock,
    InputInteractiveElement,
    Option,
    PlainTextObject,
    UserSelectElement,
)
from slack_sdk.models.views import View

from bot.messages.pieces import Message, actions, button, menu, quiet, row, section
from bot.messages.text import channel as place
from bot.messages.text import code, count, escape, listing, literal, mention
from bot.messages.times import DAY, moment
from bot.reports import Draft, Rehearsed, Subscribed, Subscriptions
from storage.records import EVERYBODYS, EVERYTHING, Delivery, Subscription, Topic, Whose, Wishes

CHANGE = "subscribe-change"
"""The action of everything in the form that is read again while somebody chooses."""

FORM = "What a channel hears"

LISTED = 45

TOPICS: Mapping[Topic, tuple[str, str]] = {
    Topic.BROKEN: ("Stopped working", "Urgent: the grower or your team must act."),
    Topic.PARTLY: ("Shares only a part", "Soon: the grower must agree to the rest."),
    Topic.SILENT: ("No new data", "When you have time: one list a day at most."),
    Topic.ILL: ("FieldView or Leaf is ill", "To know: nobody can do anything but wait."),
    Topic.CONNECTED: ("New connections", "Good news."),
}
"""What each is called, and how urgent it is."""

TAG = "subscribe-tag"
"""The action of the menu of tags, which is filled while somebody types."""

WHOSE = {"all": "All growers", "one": "Only those of one colleague", "tag": "Only those with a tag"}

DELIVERIES: Mapping[str, str] = {
    Delivery.INSTANT: "At once",
    Delivery.DIGEST: "Once a day, in a digest",
    Delivery.BOTH: "At once, and a digest once a day",
}

FIRST_HOUR = 8
"""When a digest comes unless somebody says otherwise."""


def subscribed(done: Subscribed) -> Message:
    """To the person who asked for it."""
    where = place(done.channel)
    head = f"{where} gets alerts from now on." if done.newly else f"{where} gets alerts already; nothing had to change."
    if done.was is not None and not done.newly:
        head = f"{where} hears something else from now on."
    default = "It is also the alert channel of this bot’s settings, so it gets every alert at once whatever is chosen."
    usual = (
        "One message for each connection that breaks, kept up to date until it works again, "
        "and one for each new connection."
    )
    lines = [
        head,
        *([usual] if done.wishes == EVERYTHING else told(done.wishes)),
        _of_nobody(done.wishes.whose) if done.wishes.whose != EVERYBODYS and not done.growers else None,
        _before(done.was) if done.was is not None else None,
        default if done.by_default else None,
        _GUESTS_UNKNOWN if done.guests_unknown else None,
    ]
    choose = actions(button("Choose what it hears…", "subscribe-options", done.channel))
    return Message("This channel gets FieldView alerts.", (section(*lines), choose))


_GUESTS_UNKNOWN = "🟡 I could not see whether guests are in it: they would read growers’ names there. Have a look."


def subscription_greeting(by: str, wishes: Wishes = EVERYTHING) -> Message:
    """To the channel itself, so that everybody sees who subscribed it."""
    head = f"{mention(by)} subscribed this channel to FieldView alerts."
    usual = ["I write here when a grower’s connection breaks, works again, or is new."]
    what = usual if wishes == EVERYTHING else told(wishes)
    end = "`/fieldview unsubscribe` ends that."
    return Message("This channel gets FieldView alerts from now on.", (section(head, *what, end),))


def subscription_changed(by: str, wishes: Wishes, was: Wishes) -> Message:
    """To the channel itself, so that nobody wonders why it is quieter, or louder, and what it has lost can be read."""
    head = f"{mention(by)} changed what this channel hears of FieldView."
    lines = [head, *told(wishes), _before(was), "`/fieldview subscribe options` changes it."]
    return Message("This channel hears something else of FieldView from now on.", (section(*lines),))


def _before(was: Wishes) -> str:
    return f"*Before:* {in_short(was)}."


def unsubscribed(channel: str, *, was: bool) -> Message:
    """To the person who asked for it."""
    where = place(channel)
    head = f"{where} gets no more alerts." if was else f"{where} was not subscribed; nothing had to change."
    then = "Alerts that stand there already are kept up to date." if was else None
    text = "That channel gets no more alerts." if was else "That channel was not subscribed."
    return Message(text, (section(head, then),))


def subscriptions(all_of_them: Subscriptions) -> Message:
    """Every channel: what it hears, who made it so and when, and whether it works."""
    listed, default = all_of_them.listed, all_of_them.alert_channel
    usage = "`/fieldview subscribe` in a channel subscribes it; `/fieldview subscribe options` chooses what it hears."
    always = "is the alert channel of this bot’s settings: it gets every alert at once."
    lines = [f"{place(default)} {always}"] if default else []
    lines += [_GUESTS] if default in all_of_them.with_guests else []
    lines += _not_listed(all_of_them)
    if not listed:
        head = "No channel that you can see is subscribed."
        return Message(head, (section(f"*{head}*", *lines, usage),))
    head = f"{count(len(listed), 'channel is', 'channels are')} subscribed."
    blocks: list[Block] = [section(f"*{head}*", *lines)]
    for each in listed[:LISTED]:
        of_nobody = [_of_nobody(each.wishes.whose)] if each.wishes.whose in all_of_them.of_nobody else []
        guests = [_GUESTS] if each.channel in all_of_them.with_guests else []
        blocks.append(row(button("Change…", "subscribe-options", each.channel), *_listed(each), *guests, *of_nobody))
    if len(listed) > LISTED:
        blocks.append(quiet(f"…and {count(len(listed) - LISTED, 'more', 'more')}."))
    private = "A private channel is listed for its members only."
    return Message(head, (*blocks, quiet(f"A subscription goes on when whoever made it leaves. {private}", usage)))


def _not_listed(some: Subscriptions) -> list[str]:
    lines = []
    if some.hidden:
        names = listing([f"#{escape(name)}" for name in some.hidden[:LISTED]])
        lines.append(f"Subscribed too, and seen by their members only: {names}.")
    if some.in_doubt:
        number = count(some.in_doubt, "channel")
        lines.append(f"🟡 I left out {number}: Slack does not tell me who may see them. Try again in a minute.")
    return lines


_GUESTS = "🟡 Guests were in it when I looked last, and they read growers’ names there."

_MENDED = "Once that has changed, `/fieldview subscribe` there brings it back."


def _listed(each: Subscription) -> list[str]:
    by = f"By {mention(each.made_by)}, {moment(each.made_at)}"
    if each.changed_by and each.changed_at:
        by += f"; last changed by {mention(each.changed_by)}, {moment(each.changed_at)}"
    lines = [f"*{place(each.channel)}*: {in_short(each.wishes)}", f"{by}."]
    if each.broken_reason:
        lines.append(f"🔴 *Gets nothing:* {_lost(each.broken_reason)} {_MENDED}")
    return lines


def _of_nobody(whose: Whose) -> str:
    """Why nothing comes about any grower so far, and what changes that."""
    if whose.tag:
        add = code("/fieldview tag <grower> add north".replace("north", whose.tag))
        return f"⚠ No grower has the tag {code(whose.tag)} yet, so no alert about one comes there. {add} changes that."
    why = f"{mention(whose.owner)} looks after no grower yet, so no alert about one comes there until they do."
    return f"⚠ {why} {code('/fieldview owner <grower> @person')} gives them one."


_LOST = {
    "outsiders_read_it": "people from outside this workspace read it, so growers are not named there",
    "is_archived": "it is archived",
    "not_in_channel": "I am no member of it; /invite makes me one",
}


def _lost(reason: str) -> str:
    return f"{_LOST.get(reason) or f'Slack says {code(reason, 60)}'}."


def told(wishes: Wishes) -> list[str]:
    """What, whose and when, in a line each."""
    return [f"*What:* {_what(wishes)}", f"*Whose:* {whose(wishes)}", f"*When:* {_when(wishes)}"]


def in_short(wishes: Wishes) -> str:
    """The same in one line."""
    return f"{_what(wishes)} · {whose(wishes)} · {_when(wishes)}"


def _what(wishes: Wishes) -> str:
    if wishes.topics is None:
        return "everything"
    return ", ".join(_small(TOPICS[topic][0]) for topic in wishes.topics) or "nothing"


def _small(title: str) -> str:
    return title if title.startswith("FieldView") else title[0].lower() + title[1:]


def whose(wishes: Wishes) -> str:
    """Whose growers it is about."""
    tagged = f" with the tag {code(wishes.tag)}" if wishes.tag else ""
    if wishes.owner:
        return f"the growers of {mention(wishes.owner)}{tagged}"
    return f"growers{tagged}" if tagged else "all growers"


def _when(wishes: Wishes) -> str:
    digest = f"once a day at {hour(wishes.digest_hour)} ({_zone(wishes.zone)})"
    match wishes.delivery:
        case Delivery.INSTANT:
            return "at once"
        case Delivery.DIGEST:
            return digest
        case Delivery.BOTH:
            return f"at once, and {digest}"


def hour(at: int | None) -> str:
    """ "08:00"."""
    return f"{FIRST_HOUR if at is None else at:02}:00"


def _zone(zone: str | None) -> str:
    return escape((zone or "UTC").replace("_", " "))


# The form


def subscribe_modal_opening() -> View:
    """On the screen before anything is known: Slack waits three seconds for a form, whatever the database does."""
    return View(
        type="modal",
        title=PlainTextObject(text=FORM),
        close=PlainTextObject(text="Cancel"),
        blocks=[section("One moment: I look up what it hears now.")],
    )


def subscribe_modal(draft: Draft, *, private_metadata: str) -> View:
    """What a channel shall hear, with what that would have meant last month."""
    wishes = draft.wishes
    blocks: list[Block] = [
        _field("channel", "Channel", _channels(draft.channel)),
        *([quiet(f"It hears now: {in_short(draft.now.wishes)}. Saving replaces that.")] if draft.now else []),
        *([quiet("It hears something already, and only its members see what. Saving replaces that.")] * draft.hidden),
        _field("whose", "Whose", menu(CHANGE, "Choose…", WHOSE, chosen=_chosen(wishes))),
    ]
    if wishes.owner:
        blocks.append(
            _field("owner", "Which colleague", UserSelectElement(action_id=CHANGE, initial_user=wishes.owner))
        )
        blocks += [] if draft.growers else [quiet(_of_nobody(wishes.whose))]
    elif wishes.tag is not None:
        blocks.append(_field("tag", "Which tag", _tags(wishes.tag)))
        if wishes.tag:
            blocks.append(quiet(_has(draft.growers) if draft.growers else _of_nobody(wishes.whose)))
    blocks += [
        _field("topics", "What", _topics(wishes)),
        _field("delivery", "When", menu(CHANGE, "Choose…", DELIVERIES, chosen=wishes.delivery)),
    ]
    if wishes.has_digest:
        hours = {str(each): hour(each) for each in range(24)}
        chosen = str(FIRST_HOUR if wishes.digest_hour is None else wishes.digest_hour)
        at = menu(CHANGE, "Choose…", hours, chosen=chosen)
        blocks.append(_field("digest_hour", f"When the digest comes ({_zone(draft.zone)})", at))
    if wishes.tag != "":
        blocks.append(section(f"*{rehearsed(draft.rehearsed)}*", _of_which(draft.rehearsed)))
    if draft.by_default:
        always = "It is the alert channel of this bot’s settings: it gets every alert at once whatever you choose here."
        blocks.append(quiet(always))
    return View(
        type="modal",
        callback_id="subscribe",
        private_metadata=private_metadata,
        title=PlainTextObject(text=FORM),
        submit=PlainTextObject(text="Save"),
        close=PlainTextObject(text="Cancel"),
        blocks=blocks,
    )


def rehearsed(done: Rehearsed) -> str:
    """How many messages it would have been."""
    days = done.watched // DAY
    if days < 1:
        return "I have not watched long enough to say how many messages this channel would get."
    span = "last month" if days >= 30 else f"in the {count(days, 'day')} since I began to watch"
    return f"With these settings this channel would have got {count(done.total, 'message')} {span}."


def _of_which(done: Rehearsed) -> str | None:
    parts = (
        (done.alone, "about one grower", "about one grower each"),
        (done.together, "about many at once", "about many at once"),
        (done.silences, "list of growers without new data", "lists of growers without new data"),
        (done.connected, "about a new connection", "about new connections"),
        (done.digests, "digest", "digests"),
    )
    if not done.total:
        return None
    so_far = "So far: " if done.watched < DAY else ""
    return f"{so_far}{listing([count(number, one, many) for number, one, many in parts if number])}."


def _field(block: str, label: str, element: InputInteractiveElement) -> InputBlock:
    return InputBlock(label=PlainTextObject(text=label), block_id=block, element=element, dispatch_action=True)


def _chosen(wishes: Wishes) -> str:
    return "one" if wishes.owner else "all" if wishes.tag is None else "tag"


def _has(number: int) -> str:
    return f"{count(number, 'grower has', 'growers have')} it now."


def _tags(chosen: str) -> ExternalDataSelectElement:
    shown = PlainTextObject(text="Type a tag…")
    known = Option(value=chosen, text=PlainTextObject(text=literal(chosen))) if chosen else None
    return ExternalDataSelectElement(action_id=TAG, placeholder=shown, min_query_length=0, initial_option=known)


def tag_options(tags: Mapping[str, int]) -> list[Option]:
    """Tags to choose from, and how many growers have each."""
    return [
        Option(
            value=tag,
            text=PlainTextObject(text=literal(tag)),
            description=PlainTextObject(text=_has(number) if number else "No grower has it yet."),
        )
        for tag, number in tags.items()
    ]


def _channels(chosen: str | None) -> ConversationSelectElement:
    only = ConversationFilter(
        include=["public", "private"], exclude_external_shared_channels=True, exclude_bot_users=True
    )
    return ConversationSelectElement(action_id=CHANGE, initial_conversation=chosen, filter=only)


def _topics(wishes: Wishes) -> CheckboxesElement:
    options = {topic: _topic(topic) for topic in TOPICS}
    chosen: Sequence[Topic] = tuple(TOPICS) if wishes.topics is None else wishes.topics
    return CheckboxesElement(
        action_id=CHANGE,
        options=list(options.values()),
        initial_options=[options[topic] for topic in chosen] or None,
    )


def _topic(topic: Topic) -> Option:
    title, urgency = TOPICS[topic]
    return Option(value=topic, text=PlainTextObject(text=title), description=PlainTextObject(text=urgency))
