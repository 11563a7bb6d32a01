"""What a person does in Slack's own window: type, click, fill in, submit, close."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .block_kit import MODAL, check_options
from .core import Core
from .delivery import Answer, EventDelivery
from .dialogs import View
from .elements import HOLDS, Place, action_for, chosen, content_of_click, find_place, held, places, state_values
from .errors import SlackError, bad_arguments
from .methods.chat import message_json
from .methods.files import file_json
from .methods.views import checked_view, view_json
from .responses import respond
from .typing_text import with_links, with_mentions
from .web_api import Args
from .workspace import Channel, Json, Message

REQUIRED = "Please complete this required field."


@dataclass(frozen=True)
class Outcome:
    """What the person is told: nothing went wrong, or Slack's word for it, or what is wrong with each input."""

    ok: bool
    error: str | None = None
    errors: dict[str, str] | None = None

    def to_json(self) -> Json:
        return {name: value for name, value in asdict(self).items() if value is not None}


DONE = Outcome(True)


class People(Core):
    """Each verb delivers to the app and waits for its acknowledgement.

    Raises LookupError when there is no such person, place or thing to act on.
    """

    async def command(self, user: str, channel: str, text: str, *, thread_ts: str | None = None) -> Outcome:
        """Type a slash command. An answer in the acknowledgement itself is shown to the person."""
        typist, where = self.user(user), self.channel(channel)
        name, _, rest = text.partition(" ")
        if refusal := self._no_command(name, where, typist.id, thread_ts):
            return Outcome(False, refusal)
        response_url = self.tickets.response_url(typist.id, where.id)
        answer = await self.delivery.command(self._command_fields(name, rest, where, typist.id, response_url))
        if answer.error:
            return Outcome(False, answer.error)
        return self._show_answer(answer, response_url)

    def _no_command(self, name: str, where: Channel, user: str, thread_ts: str | None) -> str | None:
        if name not in self.commands or self.user(user).stranger:
            return "unknown_command"
        if thread_ts is not None:
            return "not_supported_in_threads"
        if where.is_archived:
            return "is_archived"
        return None if user in where.members else "not_in_channel"

    def _command_fields(self, name: str, rest: str, where: Channel, user: str, response_url: str) -> dict[str, str]:
        space = self.workspace
        text = with_mentions(rest.strip(), space, labelled=True)
        return {
            "token": "sandbox",
            "team_id": space.team["id"],
            "team_domain": space.team["domain"],
            "channel_id": where.id,
            "channel_name": self._channel_name(where),
            "user_id": user,
            "user_name": self.user(user).name,
            "command": name,
            "text": with_links(text) if self.escapes_links else text,
            "api_app_id": space.app_id,
            "is_enterprise_install": "false",
            "response_url": self._response_url(response_url),
            "trigger_id": self.tickets.trigger(user),
        }

    def _channel_name(self, channel: Channel) -> str:
        return "directmessage" if channel.is_im else "privategroup" if channel.is_private else channel.name

    def _response_url(self, secret: str) -> str:
        return f"{self.url}/response/{secret}"

    def _show_answer(self, answer: Answer, response_url: str) -> Outcome:
        said = {"text": answer.body} if isinstance(answer.body, str) else answer.body
        if said:
            try:
                respond(self, self.tickets.response_urls[response_url], said)
            except SlackError:
                return Outcome(False, "dispatch_failed")
        return DONE

    async def click(
        self,
        user: str,
        channel: str | None = None,
        ts: str | None = None,
        action_id: str = "",
        *,
        view_id: str | None = None,
        block_id: str | None = None,
        value: Any = None,
        selected: Any = None,
    ) -> Outcome:
        """Press a button or choose in a menu, in a message or (`view_id`) in a modal or Home.

        With `value` instead of a block id, the button of that value is pressed. Whoever clicks has confirmed.
        """
        surface = self._surface(user, channel, ts, view_id)
        place = self._place(surface, action_id, block_id, value)
        picked = value if selected is None else selected
        content = content_of_click(place, picked, surface.suggested.get(place.key, []))
        if place.element["type"] in HOLDS:
            surface.filled[place.key] = content
        payload = self._block_actions(self.user(user).id, surface)
        payload["actions"] = [action_for(place, content, self.workspace.new_ts())]
        return self._told(await self.delivery.interaction(payload))

    def _place(self, surface: Message | View, action_id: str, block_id: str | None, value: Any) -> Place:
        same = [
            each
            for each in places(surface.blocks)
            if (each.element["action_id"], each.element.get("value")) == (action_id, value)
        ]
        if block_id is None and value is not None and len(same) == 1:
            return same[0]
        return find_place(surface.blocks, action_id, block_id)

    def _surface(self, user: str, channel: str | None, ts: str | None, view_id: str | None) -> Message | View:
        person = self.user(user)
        if view_id is not None:
            return self._view(person.id, view_id)
        message = self.message(channel or "", ts or "", person.id)
        if not message.bot:
            raise LookupError("only an app's messages have anything to click")
        return message

    def _view(self, user: str, view_id: str) -> View:
        view = next((each for each in self.dialogs.all() if each.id == view_id and each.user == user), None)
        if view is None:
            raise LookupError(f"{user} has no view {view_id} open")
        return view

    def _told(self, answer: Answer) -> Outcome:
        return Outcome(False, answer.error) if answer.error else DONE

    def _payload(self, kind: str, user: str, **more: Any) -> Json:
        space, person = self.workspace, self.user(user)
        team = {"id": space.team["id"], "domain": space.team["domain"]}
        who = {"id": person.id, "username": person.name, "name": person.name, "team_id": team["id"]}
        return {
            "type": kind,
            "team": team,
            "user": who,
            "api_app_id": space.app_id,
            "token": "sandbox",
            "enterprise": None,
            "is_enterprise_install": False,
            **more,
        }

    def _block_actions(self, user: str, surface: Message | View) -> Json:
        payload = self._payload("block_actions", user, trigger_id=self.tickets.trigger(user))
        if isinstance(surface, View):
            return payload | {"container": {"type": "view", "view_id": surface.id}, "view": view_json(self, surface)}
        channel = self.workspace.channels[surface.channel]
        ephemeral = surface.ephemeral_to is not None
        container = {"type": "message", "message_ts": surface.ts, "channel_id": channel.id, "is_ephemeral": ephemeral}
        shown = {} if ephemeral else {"message": message_json(self, surface)}
        return (
            payload
            | shown
            | {
                "container": container,
                "channel": {"id": channel.id, "name": self._channel_name(channel)},
                "state": {"values": state_values(surface.blocks, surface.filled)},
                "response_url": self._response_url(self.tickets.response_url(user, channel.id, surface)),
            }
        )

    async def options(
        self,
        user: str,
        action_id: str,
        value: str = "",
        *,
        block_id: str | None = None,
        view_id: str | None = None,
        channel: str | None = None,
        ts: str | None = None,
    ) -> list[Json]:
        """Type into an external select; the options (or groups) the app suggests. Raises SlackError when it fails."""
        surface = self._surface(user, channel, ts, view_id)
        place = find_place(surface.blocks, action_id, block_id)
        payload = self._block_actions(self.user(user).id, surface) | {
            "type": "block_suggestion",
            "action_id": action_id,
            "block_id": place.block["block_id"],
            "value": value,
        }
        for unknown in ("trigger_id", "response_url", "state"):
            payload.pop(unknown, None)
        answer = await self.delivery.interaction(payload)
        if answer.error:
            raise SlackError(answer.error)
        body = answer.body if isinstance(answer.body, dict) else {}
        suggested: list[Json] = body.get("options") or body.get("option_groups") or []
        if problems := check_options(suggested):
            raise bad_arguments(*problems, error="invalid_options")
        surface.suggested[place.key] = suggested
        return suggested

    async def submit(self, user: str, view_id: str, values: dict[str, dict[str, Any]] | None = None) -> Outcome:
        """Fill in inputs and press the submit button; `errors` are what stands under the inputs then."""
        view = self._view(self.user(user).id, view_id)
        self._fill(view, values or {})
        if missing := _missing(view):
            return Outcome(False, errors=missing)
        payload = self._payload(
            "view_submission",
            view.user,
            trigger_id=self.tickets.trigger(view.user),
            view=view_json(self, view),
            response_urls=self._asked_response_urls(view),
        )
        answer = await self.delivery.interaction(payload)
        if answer.error:
            return Outcome(False, answer.error)
        return self._after_submission(view, answer.body)

    def _fill(self, view: View, values: dict[str, dict[str, Any]]) -> None:
        for block_id, inputs in values.items():
            for action_id, value in inputs.items():
                place = find_place(view.blocks, action_id, block_id)
                content = chosen(place.element, value, view.suggested.get(place.key, []))
                is_file = place.element["type"] == "file_input"
                view.filled[place.key] = self._chosen_files(view.user, place.element, content) if is_file else content

    def add_file(self, user: str, name: str, content: bytes) -> str:
        """Choose a file in a form: Slack takes it at once. Its id is the value with which the form is sent."""
        return self.new_file(self.user(user).id, name, len(content), content).id

    def _chosen_files(self, user: str, element: Json, ids: list[str] | None) -> list[Json]:
        """What stands in `state.values`; Slack's own window offers no other kind of file, and no more than allowed."""
        files = [self.files.get(each) for each in ids or []]
        kinds, most = element.get("filetypes"), element.get("max_files", 10)
        for file in files:
            if file is None or file.user != user:
                raise LookupError("no such file was chosen by this person")
            if kinds and file.name.rpartition(".")[2].lower() not in kinds:
                raise LookupError(f"{file.name} is not of the kinds {kinds}")
        if len(files) > most:
            raise LookupError(f"at most {most} files may be chosen")
        return [file_json(self, file) for file in files if file is not None]

    def _asked_response_urls(self, view: View) -> list[Json]:
        urls = []
        for place in places(view.blocks):
            content = held(place, view.filled) or {}
            channel = content.get("selected_conversation") or content.get("selected_channel")
            if place.element.get("response_url_enabled") and channel:
                address = self._response_url(self.tickets.response_url(view.user, channel))
                block_id, action_id = place.key
                urls.append(
                    {"block_id": block_id, "action_id": action_id, "channel_id": channel, "response_url": address}
                )
        return urls

    def _after_submission(self, view: View, body: Any) -> Outcome:
        """Do what the acknowledgement says: nothing closes the modal."""
        said = body if isinstance(body, dict) else {}
        action = said.get("response_action")
        if action == "errors":
            known = {block["block_id"] for block in view.blocks if block["type"] == "input"}
            errors = said.get("errors") or {}
            return (
                Outcome(False, errors=errors) if errors and set(errors) <= known else Outcome(False, "dispatch_failed")
            )
        try:
            self._follow(view, action, said)
        except SlackError as refused:
            return Outcome(False, refused.error)
        self.changes.ring([view.user])
        return DONE

    def _follow(self, view: View, action: str | None, said: Json) -> None:
        if action in ("update", "push"):
            definition = checked_view(Args(said), MODAL)
            if action == "update":
                self.dialogs.update(view, definition, None)
            else:
                self.dialogs.push(view.user, definition)
        elif action == "clear":
            self._close_all(self.dialogs.close(self.dialogs.stacks[view.user][0]), is_cleared=True, except_for=view)
        else:
            self.dialogs.close(view)

    async def close(self, user: str, view_id: str) -> Outcome:
        """Dismiss a modal; `clear_on_close` takes the whole stack along. The app hears of it if it asked to."""
        view = self._view(self.user(user).id, view_id)
        stack = self.dialogs.stacks[view.user]
        clears = bool(view.definition.get("clear_on_close"))
        self._close_all(self.dialogs.close(stack[0] if clears else view), is_cleared=clears)
        self.changes.ring([view.user])
        await self.settled()
        return DONE

    def _close_all(self, views: list[View], *, is_cleared: bool, except_for: View | None = None) -> None:
        for view in views:
            if view.definition.get("notify_on_close") and view is not except_for:
                payload = self._payload("view_closed", view.user, view=view_json(self, view), is_cleared=is_cleared)
                self.later(self.delivery.interaction(payload))

    async def shortcut(self, user: str, callback_id: str, channel: str | None = None, ts: str | None = None) -> Outcome:
        """Use a global shortcut, or with a message its message shortcut."""
        person = self.user(user)
        more: Json = {
            "callback_id": callback_id,
            "action_ts": self.workspace.new_ts(),
            "trigger_id": self.tickets.trigger(person.id),
        }
        if channel is None or ts is None:
            return self._told(await self.delivery.interaction(self._payload("shortcut", person.id, **more)))
        where, message = self.channel(channel), self.message(channel, ts, person.id)
        more |= {
            "channel": {"id": where.id, "name": self._channel_name(where)},
            "message": message_json(self, message),
            "message_ts": message.ts,
            "response_url": self._response_url(self.tickets.response_url(person.id, where.id, message)),
        }
        return self._told(await self.delivery.interaction(self._payload("message_action", person.id, **more)))

    async def say(self, user: str, channel: str, text: str, *, thread_ts: str | None = None) -> Message:
        """Write a message; the app hears of it if it subscribed to `message.*` or `app_mention`."""
        person, where = self.user(user), self.channel(channel)
        if person.id not in where.members or where.is_archived:
            raise LookupError(f"{person.name} cannot write in {channel}")
        version = self.workspace.version(with_mentions(text, self.workspace, labelled=False), [])
        message = self.workspace.post(where, person.id, version, thread_ts=thread_ts, sent={"text": text})
        kind = "im" if where.is_im else "group" if where.is_private else "channel"
        event = message_json(self, message) | {"channel": where.id}
        if self.bot.id in where.members:
            self.announce("message.im" if where.is_im else f"message.{kind}s", event | {"channel_type": kind})
            if f"<@{self.bot.id}>" in message.text:
                self.announce("app_mention", event | {"type": "app_mention"})
        await self.settled()
        return message

    async def event(self, event: Json) -> EventDelivery:
        """Deliver any event, subscribed or not, with Slack's retries."""
        return await self.delivery.event(self.event_envelope(event))

    async def home(self, user: str, *, tells_app: bool = True) -> Json | None:
        """Open the app's Home; what is published for this person after the app has heard of it."""
        person = self.user(user)
        if tells_app and "app_home_opened" in self.subscriptions:
            await self.event(self._home_opened(person.id))
        published = self.dialogs.homes.get(person.id)
        return view_json(self, published) if published else None

    def _home_opened(self, user: str) -> Json:
        event: Json = {
            "type": "app_home_opened",
            "user": user,
            "tab": "home",
            "channel": self.workspace.direct_messages(user).id,
        }
        if published := self.dialogs.homes.get(user):
            event["view"] = view_json(self, published)
        return event


def _missing(view: View) -> dict[str, str]:
    """Inputs that must be filled in and are not; Slack itself refuses those."""
    errors = {}
    for place in places(view.blocks):
        if place.block["type"] != "input":
            continue
        value = list((held(place, view.filled) or {"": ""}).values())[-1]
        if value in (None, [], "") and not place.block.get("optional"):
            errors[place.block["block_id"]] = REQUIRED
        elif isinstance(value, str) and (wrong := _wrong_length(place.element, value)):
            errors[place.block["block_id"]] = wrong
    return errors


def _wrong_length(element: Json, value: str) -> str | None:
    shortest, longest = element.get("min_length", 0), element.get("max_length", 3000)
    if value and len(value) < shortest:
        return f"Must be at least {shortest} characters."
    return f"Must be at most {longest} characters." if len(value) > longest else None
