"""The only module that knows Bolt: what is registered, and the edge where errors become replies and audit rows."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from rapidfuzz import fuzz, process
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot import messages
from bot.background import Background
from bot.bot import Bot
from bot.errors import (
    AmbiguousGrower,
    BotError,
    ChannelUnreachable,
    NotAllowed,
    ProviderError,
    UnknownGrower,
    UsageError,
)
from bot.messages import Message
from bot.slack.client import Workspace
from handlers.actions import ACTIONS
from handlers.call import Call, Click, Reply, Submission, tidy
from handlers.commands import COMMAND, COMMANDS
from handlers.commands.help import overview
from handlers.views import FORMS

log = structlog.get_logger(__name__)

_ANY = re.compile(r".*")

PATIENCE = 2.5
"""Seconds after which somebody who waits is told that work goes on."""


@dataclass(frozen=True)
class Asked:
    """Who asked for what, from where: the part of every request that the audit trail and the answer need."""

    user: str
    team: str | None
    channel: str | None
    via: str
    action: str
    command: str
    text: str
    request_id: str
    answer_at: str | None
    by_grower: bool = False


class SlackEdge:
    """Takes what Slack sends, answers at once, does the work behind, and leaves one audit row for each request."""

    def __init__(self, bot: Bot, workspace: Workspace, background: Background) -> None:
        self._bot = bot
        self._workspace = workspace
        self._background = background

    async def command(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A slash command."""
        await ack()
        self._background.spawn(self._run_command(body))

    async def click(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A button or menu."""
        await ack()
        for action in body.get("actions") or ():
            self._background.spawn(self._run_click(body, action))

    async def submission(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A modal sent in; faults go back into it."""
        view: Mapping[str, Any] = body["view"]
        form = FORMS.get(str(view.get("callback_id")))
        sent = Submission(
            user=str(body["user"]["id"]),
            team=_team(body),
            view=str(view.get("callback_id")),
            values=_values(view.get("state", {}).get("values", {})),
            private_metadata=str(view.get("private_metadata") or ""),
            request_id=_request_id(),
        )
        faults = form.faults(sent) if form else {}
        if faults:
            await ack(response_action="errors", errors=dict(faults))
            return
        await ack()
        self._background.spawn(self._run_submission(sent))

    async def home(self, body: Mapping[str, Any]) -> None:
        """Somebody opened the bot's own page."""
        event: Mapping[str, Any] = body["event"]
        if event.get("tab", "home") == "home":
            self._background.spawn(self._show_home(str(event["user"]), _team(body)))

    async def _run_command(self, body: Mapping[str, Any]) -> None:
        text = str(body.get("text") or "").replace("\u00a0", " ").strip()
        word, _, rest = text.partition(" ")
        name = word.lower() or "help"
        asked = Asked(
            user=str(body["user_id"]),
            team=body.get("team_id"),
            channel=body.get("channel_id"),
            via="command",
            action=name if name in COMMANDS else "unknown-command",
            command=name,
            text=tidy(rest),
            request_id=_request_id(),
            answer_at=body.get("response_url"),
        )

        async def work() -> Reply:
            command = COMMANDS.get(name)
            if command is None:
                return _unknown_command(word)
            call = Call(asked.user, asked.team, asked.channel or "", asked.text, asked.request_id)
            return await command.run(call, self._bot)

        await self._carry_out(asked, work)

    async def _run_click(self, body: Mapping[str, Any], pressed: Mapping[str, Any]) -> None:
        action = ACTIONS.get(str(pressed.get("action_id")))
        channel = (body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id")
        asked = Asked(
            user=str(body["user"]["id"]),
            team=_team(body),
            channel=channel,
            via="button",
            action=action.name if action else "unknown-button",
            command="",
            text="",
            request_id=_request_id(),
            answer_at=body.get("response_url"),
            by_grower=action is not None and action.for_growers,
        )
        click = Click(
            user=asked.user,
            team=asked.team,
            channel=channel,
            action=str(pressed.get("action_id")),
            block=str(pressed.get("block_id") or ""),
            value=_chosen(pressed),
            request_id=asked.request_id,
            trigger_id=str(body.get("trigger_id") or ""),
            is_ephemeral=bool((body.get("container") or {}).get("is_ephemeral")),
        )

        async def work() -> Reply:
            if action is None:
                raise UsageError("This button is from an older version of me.", f"{COMMAND} help")
            reply = await action.run(click, self._bot)
            if reply.modal is not None:
                await self._bot.slack.open_view(click.trigger_id, reply.modal)
            return reply

        await self._carry_out(asked, work)

    async def _run_submission(self, sent: Submission) -> None:
        form = FORMS.get(sent.view)
        asked = Asked(
            user=sent.user,
            team=sent.team,
            channel=sent.private_metadata or None,
            via="form",
            action=form.name if form else "unknown-form",
            command="",
            text="",
            request_id=sent.request_id,
            answer_at=None,
        )

        async def work() -> Reply:
            if form is None:
                raise UsageError("This form is from an older version of me.", f"{COMMAND} help")
            return await form.run(sent, self._bot)

        await self._carry_out(asked, work)

    async def _show_home(self, user: str, team: str | None) -> None:
        try:
            person = await self._bot.access.admit(user, team, self._workspace.team_id)
            overview_now = await self._bot.health.overview()
            await self._bot.slack.publish_home(
                user, messages.home(overview_now, is_admin=person.is_admin, now=self._bot.clock())
            )
        except NotAllowed:
            log.info("home refused")
        except BotError as failure:
            log.warning("home could not be shown", detail=str(failure))
        except Exception:
            log.exception("home crashed")

    async def _carry_out(self, asked: Asked, work: Callable[[], Awaitable[Reply]]) -> None:
        """Gate, work, one audit row, answer: the row is there before the answer is."""
        structlog.contextvars.bind_contextvars(request_id=asked.request_id, action=asked.action)
        waiting = self._background.spawn(self._say_it_takes_time(asked))
        reply, outcome = await self._worked(asked, work)
        waiting.cancel()
        try:
            await self._audit(asked, reply, outcome)
            await self._answer(asked, reply)
        except Exception:
            # The database or Slack is ill: whoever waits gets at least a sentence, if that can be had.
            log.exception("an answer was not completed")
            await self._try_to_answer(asked, Reply(messages.crash(asked.request_id)))

    async def _worked(self, asked: Asked, work: Callable[[], Awaitable[Reply]]) -> tuple[Reply, str]:
        try:
            if not asked.by_grower:
                await self._bot.access.admit(asked.user, asked.team, self._workspace.team_id)
            reply = await work()
        except NotAllowed as refused:
            return Reply(messages.problem(refused)), "refused"
        except BotError as problem:
            log.info("not done", reason=type(problem).__name__)
            failed = isinstance(problem, ProviderError | ChannelUnreachable)
            return Reply(_explained(problem, asked)), "failed" if failed else "refused"
        except Exception:
            log.exception("crash")
            return Reply(messages.crash(asked.request_id)), "crashed"
        return reply, "refused" if asked.action.startswith("unknown-") else "done"

    async def _audit(self, asked: Asked, reply: Reply, outcome: str) -> None:
        detail = dict(reply.detail) if reply.detail else None
        if reply.about is None and asked.text:
            detail = {**(detail or {}), "typed": asked.text[:200]}
        await self._bot.journal.write(
            asked.user,
            asked.via,
            asked.action,
            outcome,
            asked.request_id,
            channel=asked.channel,
            target=reply.about.id if reply.about else None,
            target_name=reply.about.name if reply.about else None,
            detail=detail,
        )

    async def _answer(self, asked: Asked, reply: Reply) -> None:
        if reply.message is not None:
            await self._say(asked, reply.message, replace=reply.replace)
        if reply.public is not None and reply.public_channel is not None:
            await self._bot.slack.post(reply.public_channel, reply.public.payload())

    async def _say(self, asked: Asked, message: Message, *, replace: bool = False) -> None:
        """Privately: at the response_url, in the channel for this person only, or in their direct messages."""
        payload = message.payload()
        if asked.answer_at:
            try:
                await self._bot.slack.respond(asked.answer_at, payload, replace=replace)
            except ProviderError as failure:
                log.warning("the response address did not work", detail=failure.detail)
            else:
                return
        if asked.channel:
            try:
                await self._bot.slack.post_ephemeral(asked.channel, asked.user, payload)
            except BotError as failure:
                log.warning("the channel did not take a private answer", reason=str(failure))
            else:
                return
        await self._bot.slack.post(asked.user, payload)

    async def _try_to_answer(self, asked: Asked, reply: Reply) -> None:
        try:
            await self._answer(asked, reply)
        except Exception:
            log.exception("not even the apology could be said")

    async def _say_it_takes_time(self, asked: Asked) -> None:
        await asyncio.sleep(PATIENCE)
        if asked.answer_at:
            await self._try_to_answer(asked, Reply(messages.working()))


def bolt_app(bot: Bot, workspace: Workspace, background: Background, signing_secret: str | None) -> AsyncApp:
    """Bolt, with everything this program listens to. Without a signing secret only Socket Mode can be served."""
    edge = SlackEdge(bot, workspace, background)

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """There is one workspace and one token: nobody has to be asked."""
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=workspace.team_id,
            bot_token=bot.slack.web.token,
            bot_user_id=workspace.bot_user,
            bot_scopes=sorted(workspace.scopes),
        )

    app = AsyncApp(
        signing_secret=signing_secret,
        authorize=authorize,
        client=AsyncWebClient(base_url=bot.slack.web.base_url),
        # Listeners only acknowledge and hand over, so nothing is gained by Bolt running them as tasks of its own.
        process_before_response=True,
        request_verification_enabled=signing_secret is not None,
        logger=None,
    )
    app.command(COMMAND)(edge.command)
    app.action({"type": "block_actions", "action_id": _ANY})(edge.click)
    app.view(_ANY)(edge.submission)
    app.event("app_home_opened")(edge.home)
    app.event(_ANY)(_nothing_to_do)
    return app


async def _nothing_to_do() -> None:
    """An event we did not ask for."""


def _explained(problem: BotError, asked: Asked) -> Message:
    match problem:
        case AmbiguousGrower():
            return messages.choose_grower(problem.typed, problem.matches, asked.command, _rest(asked, problem.typed))
        case UnknownGrower() if asked.command in COMMANDS:
            may_create = asked.command == "connect"
            return messages.unknown_grower(problem.typed, problem.similar, asked.command, may_create=may_create)
        case _:
            return messages.problem(problem)


def _rest(asked: Asked, typed: str) -> str:
    """What was typed behind the grower, as the number of days of `events`."""
    return asked.text[len(typed) :].strip() if asked.text.startswith(typed) else ""


def _unknown_command(word: str) -> Reply:
    close = process.extractOne(word.lower(), list(COMMANDS), scorer=fuzz.ratio, score_cutoff=60)
    hint = f"{COMMAND} {close[0]}" if close else None
    return Reply(messages.help_text(overview(), unknown=word, hint=hint), detail={"typed": word[:80]})


def _chosen(pressed: Mapping[str, Any]) -> str:
    """The value of a button, or of what was chosen in a menu."""
    option = pressed.get("selected_option")
    if isinstance(option, Mapping):
        return str(option.get("value") or "")
    for key in ("value", "selected_user", "selected_channel", "selected_conversation"):
        if pressed.get(key):
            return str(pressed[key])
    return ""


def _values(blocks: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, str]:
    """What was filled in, by block id."""
    return {block: _chosen(element) for block, elements in blocks.items() for element in elements.values()}


def _team(body: Mapping[str, Any]) -> str | None:
    """The workspace the acting person belongs to."""
    user = body.get("user")
    if isinstance(user, Mapping) and user.get("team_id"):
        return str(user["team_id"])
    team = body.get("team")
    if isinstance(team, Mapping) and team.get("id"):
        return str(team["id"])
    return str(body["team_id"]) if body.get("team_id") else None


def _request_id() -> str:
    return uuid.uuid4().hex[:12]
