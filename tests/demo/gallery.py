"""Block Kit of every kind, as a bot for growers would send it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from bot.demo.stage import CommandHint, GrowerTruth

if TYPE_CHECKING:
    from tests.demo.theatre import Play

Block = dict[str, Any]

COMMANDS = [
    CommandHint("connect", "<grower>", "Send a grower the link that connects FieldView"),
    CommandHint("status", "[grower]", "How is a grower's connection, or everybody's?"),
    CommandHint("events", "<grower> [days]", "What happened, newest first"),
    CommandHint("disconnect", "<grower>", "Remove the credential at Leaf"),
    CommandHint("subscribe", "[#channel]", "Post alerts here"),
    CommandHint("unsubscribe", "[#channel]", "Stop posting alerts"),
    CommandHint("history", "[grower]", "Who did what"),
    CommandHint("help", "", "Everything the bot understands"),
]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": True}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def section(text: str, **more: Any) -> Block:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(text: str, action: str, **more: Any) -> Block:
    return {"type": "button", "text": plain(text), "action_id": action, **more}


def option(text: str, value: str, **more: Any) -> Block:
    return {"text": plain(text), "value": value, **more}


def link_sent(grower: str) -> list[Block]:
    return [section(f":incoming_envelope: I sent <@{grower}> a link. Code word: *amber-harrow*.")]


def invitation(agent: str, link: str) -> list[Block]:
    return [
        {"type": "header", "text": plain("Connect your FieldView account")},
        section(
            f"<@{agent}> from *Green Acres* asks to read the field data of *Analytical Acres*.\n"
            "• what you planted, applied and harvested\n• your fields and farms\n"
            "Nothing is changed in FieldView, and you may stop it at any time."
        ),
        {
            "type": "actions",
            "elements": [
                button("Connect FieldView", "open_link", url=link, style="primary"),
                button("Not now", "decline"),
            ],
        },
        {
            "type": "context",
            "elements": [
                mrkdwn(
                    ":lock: The page shows the code word *amber-harrow*. This link works until <!date^"
                    + str(int(time.time()) + 604800)
                    + "^{date_short_pretty} at {time}|next week>."
                )
            ],
        },
    ]


def incident(who: str, *, healed: bool = False) -> list[Block]:
    if healed:
        return [
            {
                "type": "card",
                "title": mrkdwn(f":large_green_circle: {who} is connected again"),
                "subtitle": mrkdwn("after 42 minutes"),
                "body": mrkdwn("New data arrives; nothing is left to do."),
            },
            {
                "type": "context",
                "elements": [mrkdwn("Cause: access revoked in FieldView. Repaired by *Grace Hopper*.")],
            },
        ]
    return [
        {"type": "header", "text": plain(f":red_circle: {who}: FieldView no longer accepts the credential")},
        section(
            "Most likely the grower took the permission back in FieldView. "
            "New data will not arrive until they allow it again.",
            fields=[
                mrkdwn("*Since*\n09:41, 4 minutes ago"),
                mrkdwn("*Last data*\nYesterday 18:20"),
                mrkdwn("*Owner*\nnobody yet"),
                mrkdwn("*Leaf says*\n`UNAUTHENTICATED`"),
            ],
        ),
        {
            "type": "actions",
            "elements": [
                button("Send a new link", "reconnect", value="ada", style="primary"),
                button("Assign to me", "own", value="ada"),
                {
                    "type": "overflow",
                    "action_id": "more",
                    "options": [option("Show events", "events"), option("Snooze for a day", "snooze")],
                },
                button(
                    "Disconnect",
                    "disconnect",
                    style="danger",
                    value="ada",
                    confirm={
                        "title": plain("Disconnect Ada?"),
                        "text": mrkdwn(
                            "Leaf forgets the credential and its events. FieldView itself must be told *separately*."
                        ),
                        "confirm": plain("Disconnect"),
                        "deny": plain("Keep it"),
                        "style": "danger",
                    },
                ),
            ],
        },
    ]


def overview() -> list[Block]:
    def cell(text: str) -> Block:
        return {"type": "raw_text", "text": text}

    def rich(*parts: Block) -> Block:
        return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(parts)}]}

    rows = [
        [cell("Grower"), cell("State"), cell("Since"), cell("Calls today")],
        [
            cell("Ada Lovelace"),
            rich({"type": "emoji", "name": "large_green_circle"}, {"type": "text", "text": " healthy"}),
            cell("08:00"),
            {"type": "raw_number", "value": 1204, "text": "1,204"},
        ],
        [
            cell("Seán O’Brien"),
            rich({"type": "emoji", "name": "white_circle"}, {"type": "text", "text": " never asked"}),
            cell("–"),
            {"type": "raw_number", "value": 0, "text": "0"},
        ],
        [
            cell("María José Núñez"),
            rich({"type": "emoji", "name": "red_circle"}, {"type": "text", "text": " broken", "style": {"bold": True}}),
            cell("yesterday"),
            {"type": "raw_number", "value": 87, "text": "87"},
        ],
    ]
    return [
        {"type": "header", "text": plain("FieldView connections")},
        section(":large_green_circle: *1* healthy   :red_circle: *1* broken   :white_circle: *1* never asked"),
        {"type": "table", "rows": rows, "column_settings": [{"is_wrapped": True}, {}, {}, {"align": "right"}]},
        {
            "type": "context",
            "elements": [mrkdwn("Leaf was asked 40 seconds ago. `/fieldview status <grower>` tells more.")],
        },
    ]


def week() -> list[Block]:
    """A week in numbers: two counts for each day."""
    days = ["Mon 16 Nov", "Tue 17 Nov", "Wed 18 Nov", "Thu 19 Nov", "Fri 20 Nov", "Sat 21 Nov", "Sun 22 Nov"]
    counts = {"not well": [0, 2, 3, 3, 1, 1, 2], "repaired": [0, 0, 1, 0, 2, 0, 12]}
    series = [
        {"name": name, "data": [{"label": day, "value": number} for day, number in zip(days, numbers, strict=True)]}
        for name, numbers in counts.items()
    ]
    chart = {"type": "bar", "series": series, "axis_config": {"categories": days}}
    return [{"type": "data_visualization", "title": "Growers whose connection was not well", "chart": chart}]


def words() -> list[Block]:
    """Every way of writing."""
    return [
        section(
            "*bold* _italic_ ~struck~ `code` <https://withleaf.io|a link> :seedling: &lt;not a tag&gt; "
            "a*b*c 2 * 3 * 4\n"
            "> a quote, with *weight*\n> on two lines\n• first\n• second\n"
            '```\n/fieldview connect "O\'Brien"\n```'
        ),
        {
            "type": "markdown",
            "text": "### Why it broke\n\n1. The grower **revoked** the grant\n"
            "2. Leaf noticed at *09:41*\n   - status `UNAUTHENTICATED`\n\n"
            "| Scope | Granted |\n|---|---|\n| fields:read | yes |\n| asPlanted:read | ~~no~~ |\n\n"
            "> Ask again, politely.",
        },
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "Rich", "style": {"bold": True, "italic": True}},
                        {"type": "text", "text": " text with "},
                        {"type": "link", "url": "https://withleaf.io", "text": "a link"},
                        {"type": "text", "text": " and "},
                        {"type": "emoji", "name": "tractor"},
                    ],
                },
                {
                    "type": "rich_text_list",
                    "style": "ordered",
                    "indent": 0,
                    "elements": [
                        {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
                        {
                            "type": "rich_text_section",
                            "elements": [{"type": "text", "text": "two", "style": {"code": True}}],
                        },
                    ],
                },
                {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "GET /users?page=0\n200 OK"}]},
            ],
        },
    ]


def cards() -> list[Block]:
    def card(name: str, state: str, body: str) -> Block:
        return {
            "type": "card",
            "title": mrkdwn(name),
            "subtitle": mrkdwn(state),
            "body": mrkdwn(body),
            "actions": [button("Open", "open_card", value=name)],
        }

    return [
        {
            "type": "carousel",
            "elements": [
                card("*Ada Lovelace*", ":large_green_circle: healthy", "1,204 calls today, last data 4 minutes ago."),
                card(
                    "*María José Núñez*", ":red_circle: broken since yesterday", "Access was taken back in FieldView."
                ),
                card("*Seán O’Brien*", ":white_circle: never asked", "No link was sent so far."),
            ],
        }
    ]


def controls() -> list[Block]:
    """One of each control that may stand in a message."""
    return [
        section(
            "Which grower did you mean?",
            accessory={
                "type": "static_select",
                "action_id": "which",
                "placeholder": plain("Choose a grower"),
                "options": [option("Ada Lovelace", "ada"), option("Ada Byron", "byron")],
            },
        ),
        {
            "type": "actions",
            "elements": [
                {"type": "users_select", "action_id": "owner", "placeholder": plain("Assign to")},
                {"type": "channels_select", "action_id": "where", "placeholder": plain("Channel")},
                {
                    "type": "external_select",
                    "action_id": "search",
                    "placeholder": plain("Find a grower"),
                    "min_query_length": 2,
                },
                {"type": "datepicker", "action_id": "until", "initial_date": "2026-12-01"},
            ],
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "radio_buttons",
                    "action_id": "how",
                    "initial_option": option("By message", "dm"),
                    "options": [
                        option("By message", "dm"),
                        option("By a link to share", "link", description=plain("for growers outside Slack")),
                    ],
                },
                {"type": "checkboxes", "action_id": "also", "options": [option("Tell me when done", "tell")]},
            ],
        },
    ]


def modal() -> Block:
    return {
        "type": "modal",
        "callback_id": "new_grower",
        "title": plain("New grower"),
        "submit": plain("Create"),
        "close": plain("Cancel"),
        "blocks": [
            {"type": "alert", "level": "warning", "text": mrkdwn("Two growers are called *Ada* already.")},
            section("Leaf knows nobody called *Ada Byron*. Create the grower here and send the link at once."),
            {
                "type": "input",
                "block_id": "name",
                "label": plain("Name"),
                "element": {"type": "plain_text_input", "action_id": "value", "initial_value": "Ada Byron"},
            },
            {
                "type": "input",
                "block_id": "mail",
                "label": plain("E-mail"),
                "hint": plain("Where Leaf reaches the grower."),
                "element": {
                    "type": "email_text_input",
                    "action_id": "value",
                    "placeholder": plain("name@farm.example"),
                },
            },
            {
                "type": "input",
                "block_id": "owner",
                "optional": True,
                "label": plain("Who looks after them"),
                "element": {"type": "users_select", "action_id": "value"},
            },
            {
                "type": "input",
                "block_id": "how",
                "label": plain("Send the link"),
                "element": {
                    "type": "radio_buttons",
                    "action_id": "value",
                    "initial_option": option("By message in Slack", "dm"),
                    "options": [option("By message in Slack", "dm"), option("Give me a link to share", "link")],
                },
            },
            {
                "type": "input",
                "block_id": "note",
                "optional": True,
                "label": plain("A word to the grower"),
                "element": {"type": "plain_text_input", "action_id": "value", "multiline": True},
            },
        ],
    }


def home() -> Block:
    return {
        "type": "home",
        "blocks": [
            {"type": "header", "text": plain("Good morning, Grace")},
            section(":large_green_circle: 1 healthy   :red_circle: 1 broken", accessory=button("Refresh", "refresh")),
            {"type": "divider"},
            *incident("María José Núñez"),
        ],
    }


async def hang(play: Play) -> None:
    """Fill the workspace with the gallery, and let its buttons and commands answer."""
    growers, slack, app = play.growers_channel, play.slack, play.app
    play.command_works()
    await slack.say(play.linus, growers, "Morning! @grace could you connect Ada today? :seedling:")
    await slack.say(play.grace, growers, "On it. Their *autumn* data is due on Friday.")
    await app.say(growers, overview(), "Connections")
    await app.say(growers, words(), "Words")
    await app.say(growers, cards(), "Cards")
    await app.say(growers, controls(), "Controls")
    ts = await app.say(growers, incident("Ada Lovelace"), "Ada broke")
    await app.say(growers, text=f"<@{play.grace}> sent a new link.", thread_ts=ts)
    await app.client().chat_postEphemeral(channel=growers, user=play.grace, text="ok", blocks=link_sent(play.ada))
    await app.client().views_publish(user_id=play.grace, view=home())
    for what in ("connect", "consent", "credential healthy", "alert posted", "refused: not allowed"):
        play.backstage.record(
            play.grace, what, "Ada Lovelace", "failed: Leaf refused us" if "refused" in what else "ok"
        )

    async def clicked(payload: dict[str, Any]) -> Response:
        action = payload["actions"][0]
        if action["action_id"] == "reconnect":
            await app.client().views_open(trigger_id=payload["trigger_id"], view=modal())
        if action["action_id"] == "own":
            await app.client().chat_update(
                channel=growers, ts=payload["message"]["ts"], text="x", blocks=incident("Ada Lovelace", healed=True)
            )
        return Response(status_code=500 if action["action_id"] == "decline" else 200)

    async def submitted(payload: dict[str, Any]) -> Response:
        return JSONResponse(
            {"response_action": "errors", "errors": {"mail": "Leaf has another grower with this address."}}
        )

    async def suggested(payload: dict[str, Any]) -> Response:
        names = [option("Ada Lovelace", "ada"), option("Ada Byron", "byron"), option("Seán O’Brien", "sean")]
        return JSONResponse(
            {"options": [one for one in names if payload["value"].lower() in one["text"]["text"].lower()]}
        )

    app.answers |= {"block_actions": clicked, "view_submission": submitted, "block_suggestion": suggested}


def never_asked(grower: GrowerTruth) -> GrowerTruth:
    return replace(grower, fieldview="never", leaf_status=None, bot_status=None, since=None)


def believed(grower: GrowerTruth, status: str) -> GrowerTruth:
    """The same grower, of whom the bot now holds this to be true."""
    return replace(grower, fieldview="granted" if status == "healthy" else "revoked", bot_status=status)
