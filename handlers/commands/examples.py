"""What `/fieldview help <command>` shows of each command: lines somebody may type, and what each of them does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Example = tuple[str, str]

EXAMPLES: Mapping[str, Sequence[Example]] = {
    "connect": (
        ("connect Sato Family Orchards", "Sends them a link by direct message, or gives you one to pass on."),
        ("connect hana@sato.example", "An e-mail address, an external id, a Leaf id or an @mention will do as well."),
        ("connect", "Opens a form that finds growers while you type."),
    ),
    "bulk": (
        (
            "bulk",
            "Opens a form for a CSV file or a pasted list. First you see what would happen with each line, then come "
            "the links, and a file with all of them for you alone. A column `tags` gives growers tags.",
        ),
    ),
    "links": (
        ("links", "Shows every link that works, with buttons to renew, show and take back each."),
        ("links Sato Family Orchards", "Shows only the links of this grower."),
    ),
    "status": (
        ("status Sato Family Orchards", "Tells everything about one grower, with the buttons to act."),
        ("status @mia", "Shows the growers a colleague looks after; `--mine` in place of the name shows your own."),
        ("status tag:north", "Shows the growers with a tag."),
        ("status", "Shows how everybody is doing."),
    ),
    "events": (
        ("events Sato Family Orchards", "Tells what happened in the last 30 days, newest first."),
        ("events Sato Family Orchards 90", "Goes 90 days back; 400 at most."),
    ),
    "disconnect": (
        ("disconnect Sato Family Orchards", "Shows what would be lost and asks. After that there is time to undo it."),
        ("disconnect", "Opens a form that finds growers while you type."),
    ),
    "subscribe": (
        ("subscribe", "Brings every alert to this channel at once."),
        ("subscribe #north tag:north", "Brings another channel the alerts about growers with a tag."),
        ("subscribe @mia", "Brings the alerts about the growers a colleague looks after."),
        (
            "subscribe options",
            "Opens a form: which alerts, about whom, and whether at once, in a daily digest or both.",
        ),
    ),
    "unsubscribe": (
        ("unsubscribe", "Stops the alerts in this channel."),
        ("unsubscribe #north", "Stops them in another one."),
    ),
    "subscriptions": (
        (
            "subscriptions",
            "Lists the channels with who subscribed them, whether that works, and a button to change it. Of a private "
            "channel only its members hear.",
        ),
    ),
    "escalate": (
        (
            "escalate #north @mia 4h",
            "Tells Mia of each alert in that channel that nobody has taken up for four working hours. Those go from "
            "Monday to Friday, 8:00 to 17:00, in your own time zone.",
        ),
        ("escalate #north @mia 8h Europe/Berlin", "Counts the hours in the time zone you name."),
        ("escalate #north off", "Ends it."),
        ("escalate", "Shows how it is set in each channel."),
    ),
    "snoozes": (("snoozes", "Lists the alerts that are snoozed, each with a button to end that now."),),
    "owner": (
        ("owner Sato Family Orchards", "Tells who looks after them."),
        ("owner Sato Family Orchards @mia", "Makes Mia the one who is called when their connection breaks."),
        ("owner Sato Family Orchards @mia #north", "Brings their alerts to that channel as well."),
    ),
    "tag": (
        ("tag Sato Family Orchards add north, organic", "Gives them two tags; `remove` takes them away."),
        ("tag Sato Family Orchards", "Tells which tags they have."),
        ("tag", "Lists all tags, and how many growers have each."),
    ),
    "handover": (
        (
            "handover @mia @grace",
            "Gives Grace everything of Mia’s: growers, open links, alerts, snoozes, subscriptions and escalations. "
            "Both read what it was. For somebody who cannot be mentioned any more write their Slack id.",
        ),
    ),
    "history": (
        ("history Sato Family Orchards since 7d", "Tells who did what around one grower in the last seven days."),
        ("history by @mia did connect", "Tells whom Mia asked to connect; any other action can stand behind `did`."),
        ("history since 2026-11-01 with looks", "Shows those who only looked as well."),
    ),
    "access": (
        ("access", "Lists the rules, each with a button to take it back."),
        (
            "access @mia operator",
            "Gives somebody a role: `viewer`, `operator`, `admin`, or `none` to take it back. A user group or a "
            "private channel can have one, too.",
        ),
        ("access members viewer", "Lets all full members look, and no more."),
    ),
    "health": (("health", "Tells how I am doing myself, and what to do about what is not well."),),
    "help": (
        ("help", "Lists everything I can do."),
        ("help connect", "Tells more about one command; `/fieldview connect help` does the same."),
    ),
}
