"""A small play for the page: the real Slack sandbox, an app that sends the gallery, a backstage made of plain data.

`python -m tests.demo.theatre` performs it on port 8123, to look at the page without the bot.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bot.demo.stage import Argument, AuditLine, CommandHint, GrowerTruth, NotPossible, Truth, stage
from bot.sandbox.clock import Clock
from bot.sandbox.serving import serving
from bot.sandbox.slack import Slack
from tests.demo import gallery

ADA_MAIL = "ada@lovelace.example"


@dataclass
class App:
    """The bot of the play: answers what it was told to answer, and keeps what it was sent."""

    slack: Slack
    answers: dict[str, Any] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)

    def client(self) -> AsyncWebClient:
        return AsyncWebClient(token=self.slack.bot_token, base_url=self.slack.api_url)

    async def say(self, channel: str, blocks: list[dict[str, Any]] | None = None, text: str = "", **more: Any) -> str:
        answer = await self.client().chat_postMessage(channel=channel, text=text or "…", blocks=blocks, **more)
        return str(answer["ts"])

    async def events(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode()))
        payload = json.loads(fields["payload"]) if "payload" in fields else fields or await request.json()
        self.heard.append(payload)
        if answer := self.answers.get(payload.get("type", payload.get("command", ""))):
            return await answer(payload) or Response()
        return Response()

    def actions(self) -> list[dict[str, Any]]:
        """Every action that a click sent, oldest first."""
        return [
            action for payload in self.heard if payload.get("type") == "block_actions" for action in payload["actions"]
        ]


@dataclass
class PlainBackstage:
    """A backstage whose world is a tuple of growers and a list of rows."""

    clock: Clock
    people: list[str]
    growers: tuple[GrowerTruth, ...] = ()
    rows: list[AuditLine] = field(default_factory=list)
    broken: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"leaf": (), "fieldview": (), "slack": ()})
    done: list[tuple[str, dict[str, Argument]]] = field(default_factory=list)

    async def cast(self) -> list[str]:
        return self.people

    async def commands(self) -> list[CommandHint]:
        return gallery.COMMANDS

    async def truth(self) -> Truth:
        return Truth(self.clock().isoformat(), self.growers, dict(self.broken))

    async def audit(self, after: int) -> list[AuditLine]:
        return [row for row in self.rows if row.seq > after]

    async def do(self, verb: str, arguments: Mapping[str, Argument]) -> str:
        self.done.append((verb, dict(arguments)))
        if "grower" in arguments:
            return self._change(verb, str(arguments["grower"]))
        if verb == "jump":
            self.clock.advance(timedelta(seconds=int(arguments["seconds"])))
        if verb == "break":
            self.broken[str(arguments["service"])] = (str(arguments["how"]),)
        if verb == "heal":
            self.broken = dict.fromkeys(self.broken, ())
        if verb == "sweep":
            self.growers = tuple(replace(one, bot_status=_belief(one)) for one in self.growers)
        self.record("demo operator", verb, " ".join(map(str, arguments.values())))
        return f"Done: {verb}."

    def _change(self, verb: str, grower: str) -> str:
        states = {
            "revoke": ("revoked", "UNAUTHENTICATED"),
            "restrict": ("restricted", "MISSING_PERMISSION"),
            "restore": ("granted", "OK"),
        }
        known = next((one for one in self.growers if one.id == grower), None)
        if known is None:
            raise NotPossible("No such grower.")
        fieldview, leaf = states[verb]
        self.growers = tuple(
            replace(one, fieldview=fieldview, leaf_status=leaf) if one is known else one for one in self.growers
        )
        self.record("demo operator", verb, known.name)
        return f"{known.name}: {fieldview} at FieldView."

    def record(self, who: str, what: str, target: str, outcome: str = "ok", at: datetime | None = None) -> None:
        self.rows.append(AuditLine(len(self.rows) + 1, (at or self.clock()).isoformat(), who, what, target, outcome))


def _belief(grower: GrowerTruth) -> str | None:
    return {"OK": "healthy", "UNAUTHENTICATED": "broken", "MISSING_PERMISSION": "limited"}.get(grower.leaf_status or "")


@dataclass
class Play:
    """Everything on one origin, `url`."""

    url: str
    slack: Slack
    app: App
    backstage: PlainBackstage
    bot_url: str
    grace: str
    linus: str
    ada: str
    growers_channel: str

    def command_works(self, line: str = "connect") -> None:
        """Let `/fieldview connect` send Ada a link and tell Grace in private."""

        async def answer(payload: dict[str, Any]) -> Response:
            await self.app.client().chat_postEphemeral(
                channel=payload["channel_id"], user=payload["user_id"], text="sent", blocks=gallery.link_sent(self.ada)
            )
            await self.app.say(
                self.slack.dm(self.ada),
                gallery.invitation(self.grace, f"{self.bot_url}/connect/abc123"),
                "Connect FieldView",
            )
            self.backstage.record(payload["user_id"], "connect", "Ada Lovelace", "link sent")
            return Response()

        self.app.answers["/fieldview"] = answer


def _people(slack: Slack) -> tuple[str, str, str, str]:
    grace = slack.add_user("grace", "Grace Hopper", "grace@green.example", title="Customer success agent")
    linus = slack.add_user("linus", "Linus Pauling", "linus@green.example", title="Success lead", admin=True)
    ada = slack.add_user("ada", "Ada Lovelace", ADA_MAIL, title="Grower, Analytical Acres", guest="multi")
    return grace, linus, ada, slack.add_channel("growers", [grace, linus])


def _growers(ada: str) -> tuple[GrowerTruth, ...]:
    return (
        GrowerTruth("leaf-ada", "Ada Lovelace", ADA_MAIL, ada, "granted", "OK", "healthy", "2026-11-24T08:00:00+00:00"),
        GrowerTruth("leaf-sean", "Seán O’Brien", "sean@obrien.example", None, "never", None, None, None),
        GrowerTruth("leaf-maria", "María José Núñez", "maria@lapampa.example", None, "revoked", "OK", "healthy", None),
    )


async def _consent_page(request: Request) -> Response:
    return HTMLResponse('<title>Connect</title><link rel="icon" href="data:,"><h1>Connect FieldView?</h1>')


@asynccontextmanager
async def performing(port: int = 0) -> AsyncIterator[Play]:
    """Serve the page with the play behind it until the block ends."""
    clock = Clock()
    slack = Slack(clock=clock, signing_secret="a-secret", bot_token="xoxb-play")
    grace, linus, ada, channel = _people(slack)
    backstage = PlainBackstage(clock, [grace, linus, ada], _growers(ada))
    app = App(slack)
    listening = Starlette(
        routes=[Route("/slack/events", app.events, methods=["POST"]), Route("/connect/{token}", _consent_page)]
    )
    async with slack.running(), serving(listening) as bot_url, serving(stage(backstage, slack.app), port) as url:
        slack.deliver_to = f"{bot_url}/slack/events"
        yield Play(url, slack, app, backstage, bot_url, grace, linus, ada, channel)


async def _perform_for_ever() -> None:
    async with performing(8123) as play:
        await gallery.hang(play)
        sys.stdout.write(f"{play.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_perform_for_ever())
