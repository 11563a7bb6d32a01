"""The only module that knows Bolt: what is registered, and the edge where errors become replies and audit rows."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse
from slack_sdk.models.views import View
from slack_sdk.web.async_client import AsyncWebClient

from bot import messages
from bot.access import TRY_AGAIN, Admitted
from bot.background import Background
from bot.bot import Bot
from bot.errors import (
    AlertOver,
    AmbiguousGrower,
    BotError,
    ChannelUnreachable,
    ConsentError,
    NotAllowed,
    OtherAccountHeld,
    ProviderError,
    ProviderRejected,
    SomebodyWasFirst,
    UnknownGrower,
    UsageError,
)
from bot.journal import Deed, Errand
from bot.messages import Message
from bot.redaction import redact
from bot.reports import Look
from bot.slack.client import Workspace
from handlers import payloads
from handlers.actions import ACTIONS
from handlers.call import Call, Click, Opened, Reply, Request, Shortcut, Submission
from handlers.commands import COMMAND, COMMANDS
from handlers.commands.help import asks_for_help, nearest, overview
from handlers.menus import MENUS
from handlers.precedence import Precedence
from handlers.redrawing import Redraws
from handlers.refusals import Refusals
from handlers.shortcuts import SHORTCUTS
from handlers.views import FORMS, Form
from storage.records import Role

log = structlog.get_logger(__name__)

_ANY = re.compile(r".*", re.DOTALL)

PATIENCE = 2.5
"""Seconds after which somebody who waits is told that work goes on."""

GATE_WITHIN = 2.0
"""Seconds that the gate may take before a form is sent back with what is wrong in it: Slack waits for three."""

TYPED = 200
"""Characters of what was typed that the audit trail keeps when nobody was found by it."""

_BECAUSE: Mapping[type[BotError], str] = {
    UsageError: "not-understood",
    AmbiguousGrower: "several",
    UnknownGrower: "nobody",
    AlertOver: "over",
    SomebodyWasFirst: "second",
    OtherAccountHeld: "changed",
    ConsentError: "over",
}
"""Why something was not done though nobody refused it, for the audit trail."""

Pressed = tuple[str, str, str, str, str]


@dataclass
class Window:
    """The modal that answers a click in a view, where no message can stand: opened once, then filled anew."""

    trigger_id: str
    modal: str


@dataclass(frozen=True)
class Asked:
    """A request on its way: the part of it that the edge needs for its gate, its answer and the audit trail.

    `command` is the slash command's name, empty for clicks and forms; `role` is what the gate asks for.
    """

    request: Request
    via: str
    action: str
    answer_at: str | None = None
    command: str = ""
    typed: str = ""
    role: Role = Role.VIEWER
    window: Window | None = None
    in_form: bool = False

    def errand(self) -> Errand:
        """What the audit trail will say of it, whoever writes the row."""
        request = self.request
        deed = Deed(request.user, self.via, self.action, request.request_id, request.channel)
        return Errand(deed, lambda: request.subject.grower)


class SlackEdge:
    """Takes what Slack sends, answers at once, does the work behind, and leaves one audit row for each request."""

    def __init__(self, bot: Bot, workspace: Workspace, background: Background, precedence: Precedence) -> None:
        self._bot = bot
        self._workspace = workspace
        self._background = background
        self._under_way: set[Pressed] = set()
        self._precedence = precedence
        self._redraws = Redraws()
        self._refusals = Refusals(bot.clock)

    async def command(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A slash command. Raises Malformed."""
        self._precedence.request()
        call, answer_at = payloads.typed_command(body), payloads.answer_address(body)
        await ack()
        self._background.spawn(self._run_command(call, answer_at))

    async def click(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A button or menu. Raises Malformed."""
        self._precedence.request()
        pressed, answer_at = list(payloads.clicks(body)), payloads.answer_address(body)
        await ack()
        for click in pressed:
            self._background.spawn(self._run_click(click, answer_at))

    async def submission(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A modal sent in; faults go back into it. Raises Malformed."""
        self._precedence.request()
        sent = payloads.submission(body)
        form = FORMS.get(sent.view)
        asked = Asked(sent, "form", form.name if form else "unknown-form", role=form.role if form else Role.VIEWER)
        faults = dict(form.faults(sent)) if form else {}
        refused = await self._refusal_in_time(asked) if faults else None
        if faults and refused is None:
            await ack(response_action="errors", errors=faults)
            self._background.spawn(
                self._audit(asked, asked.errand(), Reply(detail={"faults": sorted(faults)}), "refused")
            )
            return
        # A form laid over another one is not gone back from: what it was opened for is done.
        await ack(response_action="clear")
        self._background.spawn(self._run_submission(asked, sent, form, refused))

    async def shortcut(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A shortcut of the workspace or of a message. Raises Malformed."""
        self._precedence.request()
        used, answer_at = payloads.shortcut(body), payloads.answer_address(body)
        await ack()
        self._background.spawn(self._run_shortcut(used, answer_at))

    async def typing(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        """A menu to be filled: the one thing that is answered in the acknowledgement. Raises Malformed, NotAllowed."""
        self._precedence.request()
        typing = payloads.typing(body)
        menu = MENUS.get(typing.action)
        if menu is None:
            await ack(options=[])
            return
        try:
            await self._bot.access.admit(typing.user, typing.team, self._workspace.team_id, menu.role, typing.channel)
        except NotAllowed:
            self._refused(Asked(typing, typing.via, typing.action))
            raise
        await ack(options=[option.to_dict() for option in await menu.offer(typing, self._bot)])

    async def home(self, body: Mapping[str, Any]) -> None:
        """Somebody opened the bot's own page. Raises Malformed."""
        self._precedence.request()
        opened, tab = payloads.opened_home(body)
        if tab == "home":
            self._background.spawn(self._show_home(opened, opened.home or ""))

    async def _run_command(self, call: Call, answer_at: str | None) -> None:
        name = call.word.lower() or "help"
        if name in COMMANDS and asks_for_help(call.text):
            # Also for whoever may not use the command: to read about it takes no role of its own.
            name, call = "help", replace(call, word="help", text=name)
        command = COMMANDS.get(name)
        typed = call.text if command else f"{call.word} {call.text}"
        action, role = (name, command.role) if command else ("unknown-command", Role.VIEWER)
        asked = Asked(call, "command", action, answer_at, name, typed.strip(), role)

        async def work() -> Reply:
            return await self._opened(call, await command.run(call, self._bot)) if command else _unknown_command(call)

        await self._carry_out(asked, work)

    async def _run_click(self, click: Click, answer_at: str | None) -> None:
        action = ACTIONS.get(click.action)
        name, role = (action.name_for(click), action.role_for(click)) if action else ("unknown-button", Role.VIEWER)
        in_form = action is not None and action.in_form
        has_window = not in_form and (click.modal or click.home is not None)
        window = Window(click.trigger_id, click.modal) if has_window else None
        asked = Asked(click, "button", name, answer_at, role=role, window=window, in_form=in_form)

        async def work() -> Reply:
            if action is None:
                raise UsageError("This button is from an older version of me.", f"{COMMAND} help")
            return await self._opened(click, await action.run(click, self._bot))

        pressed = (click.user, click.message, click.action, click.block, click.value)
        if pressed in self._under_way:
            # A double click: whoever pressed gets the answer to the first one.
            if not in_form:
                await self._audit(asked, asked.errand(), Reply(detail={"pressed": "again"}), "refused")
            return
        self._under_way.add(pressed)
        try:
            await self._carry_out(asked, work)
        finally:
            self._under_way.discard(pressed)

    async def _run_shortcut(self, used: Shortcut, answer_at: str | None) -> None:
        offer = SHORTCUTS.get(used.shortcut)
        name, role = (offer.name, offer.role) if offer else ("unknown-shortcut", Role.VIEWER)

        async def work() -> Reply:
            if offer is None:
                raise UsageError("This shortcut is from another version of me.", f"{COMMAND} help")
            return await self._opened(used, await offer.run(used, self._bot))

        await self._carry_out(Asked(used, used.via, name, answer_at, role=role), work)

    async def _refusal_in_time(self, asked: Asked) -> NotAllowed | None:
        """Why the gate does not let somebody pass, for an answer that Slack waits three seconds for: what takes longer
        to find out is a refusal, too."""
        try:
            async with asyncio.timeout(GATE_WITHIN):
                await self._admitted(asked)
        except NotAllowed as refused:
            return refused
        except TimeoutError:
            return NotAllowed("do this", why=f"Slack does not tell me who you are. {TRY_AGAIN}")
        return None

    async def _admitted(self, asked: Asked) -> Admitted:
        request = asked.request
        return await self._bot.access.admit(
            request.user, request.team, self._workspace.team_id, asked.role, request.channel
        )

    async def _run_submission(
        self, asked: Asked, sent: Submission, form: Form | None, refused: NotAllowed | None
    ) -> None:
        async def work() -> Reply:
            if refused is not None:
                raise refused
            if form is None:
                raise UsageError("This form is from an older version of me.", f"{COMMAND} help")
            return await form.run(sent, self._bot)

        await self._carry_out(asked, work)

    async def _show_home(self, request: Request, look: str) -> None:
        await self._precedence.turn()
        try:
            await self._bot.slack.publish_home(request.user, await self._home_for(request, look))
        except BotError as failure:
            log.warning("home could not be shown", detail=str(failure))
        except Exception:
            log.exception("home crashed")

    async def _home_for(self, request: Request, look: str) -> View:
        """The page; for whoever may not look a closed one, as Slack goes on showing what was published before."""
        try:
            person = await self._bot.access.admit(request.user, request.team, self._workspace.team_id, Role.VIEWER)
        except NotAllowed as refused:
            log.info("home refused")
            if isinstance(request, Opened):
                self._refused(Asked(request, request.via, "home"))
            return messages.closed_home(messages.problem(refused))
        desk = await self._bot.desks.of(request.user, Look.read(look))
        return messages.home(desk, is_admin=person.role is Role.ADMIN, now=self._bot.clock())

    async def _carry_out(self, asked: Asked, work: Callable[[], Awaitable[Reply]]) -> None:
        """Gate, work, one audit row, answer: the row is there before the answer is, and with any change it tells of."""
        structlog.contextvars.bind_contextvars(request_id=asked.request.request_id, action=asked.action)
        waiting = self._background.spawn(self._say_it_takes_time(asked))
        await self._precedence.turn()
        errand = asked.errand()
        with self._bot.journal.errand(errand):
            reply, outcome = await self._worked(asked, work)
        waiting.cancel()
        try:
            # What is only tried in a form has no effect before the form is sent, like what a menu offers.
            if not asked.in_form or outcome != "done":
                await self._audit(asked, errand, reply, outcome)
            await self._answer(asked, reply)
        except Exception:
            # The database or Slack is ill: whoever waits gets at least a sentence, if that can be had.
            log.exception("an answer was not completed", actor=asked.request.user, outcome=outcome)
            await self._try_to_answer(asked, Reply(messages.crash(asked.request.request_id)))
        if asked.request.home is not None and reply.modal is None and not asked.in_form:
            look = reply.home or asked.request.home
            await self._show_home(asked.request, look)

    async def _worked(self, asked: Asked, work: Callable[[], Awaitable[Reply]]) -> tuple[Reply, str]:
        request = asked.request
        try:
            request.asker.role = (await self._admitted(asked)).role
            reply = await work()
        except BotError as problem:
            log.info("not done", reason=type(problem).__name__)
            if isinstance(problem, AlertOver | SomebodyWasFirst):
                request.about(problem.grower)
            failed = isinstance(problem, ProviderError | ChannelUnreachable)
            because = next((word for kind, word in _BECAUSE.items() if isinstance(problem, kind)), None)
            detail = {"because": because} if because else None
            return Reply(_explained(problem, asked), detail=detail), "failed" if failed else "refused"
        except asyncio.CancelledError:
            # The program stops and could not wait any longer. This is the last thing the task does.
            log.warning("stopped before it was done")
            return Reply(messages.crash(request.request_id), detail={"stopped": True}), "crashed"
        except Exception:
            log.exception("crash")
            return Reply(messages.crash(request.request_id)), "crashed"
        return reply, "refused" if asked.action == "unknown-command" else "done"

    async def _opened(self, request: Call | Click | Shortcut, reply: Reply) -> Reply:
        """The reply, with the form it asks for on the screen: over the one that was pressed in, if there was one."""
        if reply.modal is not None:
            pressed_in = request.modal if isinstance(request, Click) else ""
            show = self._bot.slack.push_view if pressed_in else self._bot.slack.open_view
            opened = await show(request.trigger_id, reply.modal)
            if reply.filled is not None:
                await self._refreshed(opened, await reply.filled())
        if reply.refresh is not None and isinstance(request, Click) and request.modal:
            drawing = partial(self._refreshed, request.modal, reply.refresh)
            await self._redraws.draw(request.modal, request.chosen_at, drawing)
        return reply

    async def _refreshed(self, modal: str, view: View) -> None:
        try:
            await self._bot.slack.update_view(modal, view)
        except ProviderRejected as rejected:
            if rejected.code != "not_found":
                raise
            # Whoever chose has closed it meanwhile, and waits for nothing.

    async def _audit(self, asked: Asked, errand: Errand, reply: Reply, outcome: str) -> None:
        typed = redact(asked.typed)[:TYPED] if asked.typed and asked.request.subject.grower is None else None
        await self._bot.journal.settle(errand, outcome, reply.detail, typed)

    def _refused(self, asked: Asked) -> None:
        """The row of a refusal that comes again with every letter, or whenever somebody looks: one for a while."""
        if self._refusals.is_news(asked.request.user, asked.action):
            self._background.spawn(self._write_refusal(asked))

    async def _write_refusal(self, asked: Asked) -> None:
        try:
            await self._audit(asked, asked.errand(), Reply(), "refused")
        except Exception:
            self._refusals.forget(asked.request.user, asked.action)
            raise

    async def _answer(self, asked: Asked, reply: Reply) -> None:
        if reply.message is not None and not (reply.shows and asked.request.home is not None):
            await self._say(asked, reply.message, replace=reply.replace)
        if reply.public is not None and reply.public_channel is not None:
            try:
                await self._bot.slack.post(reply.public_channel, reply.public.payload())
            except BotError as failure:
                log.warning("the channel was not told", reason=str(failure))

    async def _say(self, asked: Asked, message: Message, *, replace: bool = False) -> None:
        """Privately: at the response_url, in the channel for this person only, or in their direct messages."""
        payload, request = message.payload(), asked.request
        if asked.window and await self._shown(asked.window, message, request.origin):
            return
        if asked.answer_at:
            try:
                await self._bot.slack.respond(asked.answer_at, payload, replace=replace)
            except ProviderError as failure:
                log.warning("the response address did not work", detail=failure.detail)
            else:
                return
        if request.channel:
            try:
                await self._bot.slack.post_ephemeral(request.channel, request.user, payload)
            except BotError as failure:
                log.warning("the channel did not take a private answer", reason=str(failure))
            else:
                return
        await self._bot.slack.post(request.user, payload)

    async def _shown(self, window: Window, message: Message, origin: str) -> bool:
        """Whether the answer stands in the window now; Slack opens none later than three seconds after the click."""
        view = messages.answer_modal(message, private_metadata=origin)
        try:
            if window.modal:
                await self._bot.slack.update_view(window.modal, view)
            else:
                window.modal = await self._bot.slack.open_view(window.trigger_id, view)
        except BotError as failure:
            log.info("the answer goes where messages stand", reason=type(failure).__name__)
            return False
        return True

    async def _try_to_answer(self, asked: Asked, reply: Reply) -> None:
        try:
            await self._answer(asked, reply)
        except Exception:
            log.exception("not even the apology could be said")

    async def _say_it_takes_time(self, asked: Asked) -> None:
        await asyncio.sleep(PATIENCE)
        if not asked.in_form:
            await self._try_to_answer(asked, Reply(messages.working()))


def bolt_app(bot: Bot, workspace: Workspace, background: Background, signing_secret: str | None) -> AsyncApp:
    """Bolt, with everything this program listens to. Without a signing secret only Socket Mode can be served."""
    edge = SlackEdge(bot, workspace, background, Precedence())

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """There is one workspace and one token: nobody has to be asked."""
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=workspace.team_id,
            bot_token=bot.slack.web.token,
            bot_user_id=workspace.bot_user,
            bot_scopes=sorted(workspace.scopes),
        )

    with _no_settings_of_bolts_own():
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
    app.shortcut(_ANY)(edge.shortcut)
    app.options({"action_id": _ANY})(edge.typing)
    app.event("app_home_opened")(edge.home)
    app.event(_ANY)(_nothing_to_do)
    app.error(_refuse)
    return app


@contextmanager
def _no_settings_of_bolts_own() -> Iterator[None]:
    """Bolt looks into the environment for a token, of which it then warns, and for an OAuth app that it would begin."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(hidden)


async def _nothing_to_do() -> None:
    """An event we did not ask for."""


async def _refuse(error: Exception) -> BoltResponse:
    """A request got no acknowledgement: it is not as Slack writes, which Bolt takes for granted, or we crashed."""
    if isinstance(error, AttributeError | LookupError | TypeError | ValueError):
        part = str(error) if isinstance(error, payloads.Malformed) else ""
        log.warning("signed, but not as Slack writes", reason=type(error).__name__, part=part)
        return BoltResponse(status=400)
    if isinstance(error, NotAllowed):
        log.info("a menu stayed empty for somebody who may not look", reason=error.why)
        return BoltResponse(status=403)
    log.error("a listener crashed", exc_info=error)
    return BoltResponse(status=500)


def _explained(problem: BotError, asked: Asked) -> Message:
    match problem:
        case AmbiguousGrower():
            return messages.choose_grower(problem.typed, problem.matches, asked.command, problem.rest)
        case UnknownGrower() if asked.command in COMMANDS:
            may_create = asked.command == "connect"
            return messages.unknown_grower(
                problem.typed,
                problem.similar,
                asked.command,
                problem.rest,
                may_create=may_create,
                left_over=problem.left_over,
            )
        case _:
            return messages.problem(problem, might_change=asked.role is not Role.VIEWER)


def _unknown_command(call: Call) -> Reply:
    """A slip of the keyboard; or else a grower's name, of whom somebody wants to know the status."""
    close = nearest(call.word)
    meant = (COMMAND, close, call.text) if close else (COMMAND, "status", call.word, call.text)
    return Reply(messages.help_text(overview(), unknown=call.word, hint=" ".join(meant).strip()))
