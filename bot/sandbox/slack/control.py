"""`/_sandbox/*`: the same verbs over HTTP, for a page in a browser."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..faults import Fault
from .errors import SlackError
from .workspace import Json

if TYPE_CHECKING:
    from .service import Slack

HEARTBEAT = 15.0
Handler = Callable[[Json], Awaitable[Any]]


class MissingArgument(Exception):
    """The page left something out."""


class Arguments(dict[str, Any]):
    """What a page sent. Raises MissingArgument for what it did not send."""

    def __missing__(self, name: str) -> Any:
        raise MissingArgument(name)


class Control:
    """Translates requests into calls of `Slack`; knows nothing itself."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    def routes(self) -> list[Route]:
        reads: dict[str, Handler] = {
            "state": self._state,
            "messages": self._messages,
            "view": self._view,
            "home": self._home,
        }
        acts: dict[str, Handler] = {
            "command": self._command,
            "click": self._click,
            "submit": self._submit,
            "close": self._close,
            "options": self._options,
            "shortcut": self._shortcut,
            "upload": self._upload,
            "say": self._say,
            "event": self._event,
            "faults": self._faults,
        }
        return [
            Route("/_sandbox/stream", self._stream),
            Route("/_sandbox/file", self._file),
            *(Route(f"/_sandbox/{name}", _reading(handler), methods=["GET"]) for name, handler in reads.items()),
            *(Route(f"/_sandbox/{name}", _acting(handler), methods=["POST"]) for name, handler in acts.items()),
        ]

    async def _state(self, query: Json) -> Json:
        return self._slack.state(query["user"])

    async def _messages(self, query: Json) -> Json:
        return {"messages": self._slack.messages(query["user"], query["channel"])}

    async def _view(self, query: Json) -> Json:
        return {"view": self._slack.view(query["user"])}

    async def _home(self, query: Json) -> Json:
        """With `open=0` the page only looks again and the app is not told."""
        return {"view": await self._slack.home(query["user"], tells_app=query.get("open") != "0")}

    async def _command(self, body: Json) -> Json:
        return (
            await self._slack.command(body["user"], body["channel"], body["text"], thread_ts=body.get("thread_ts"))
        ).to_json()

    async def _click(self, body: Json) -> Json:
        named = {name: body.get(name) for name in ("channel", "ts", "view_id", "block_id", "value", "selected")}
        return (await self._slack.click(body["user"], action_id=body["action_id"], **named)).to_json()

    async def _submit(self, body: Json) -> Json:
        return (await self._slack.submit(body["user"], body["view_id"], body.get("values"))).to_json()

    async def _close(self, body: Json) -> Json:
        return (await self._slack.close(body["user"], body["view_id"])).to_json()

    async def _options(self, body: Json) -> Json:
        named = {name: body.get(name) for name in ("channel", "ts", "view_id", "block_id")}
        return {"options": await self._slack.options(body["user"], body["action_id"], body.get("value") or "", **named)}

    async def _shortcut(self, body: Json) -> Json:
        return (
            await self._slack.shortcut(body["user"], body["callback_id"], body.get("channel"), body.get("ts"))
        ).to_json()

    async def _upload(self, body: Json) -> Json:
        """A file chosen in a form, in base 64."""
        return {"ok": True, "id": self._slack.add_file(body["user"], body["name"], b64decode(body["content"]))}

    async def _file(self, request: Request) -> Response:
        query = request.query_params
        try:
            file = self._slack.file(query.get("user", ""), query.get("id", ""))
        except LookupError as unknown:
            return JSONResponse({"ok": False, "error": str(unknown)}, 404)
        kept = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}", "Cache-Control": "no-store"}
        return Response(file.content or b"", media_type="application/octet-stream", headers=kept)

    async def _say(self, body: Json) -> Json:
        message = await self._slack.say(body["user"], body["channel"], body["text"], thread_ts=body.get("thread_ts"))
        return {"ok": True, "ts": message.ts}

    async def _event(self, body: Json) -> Json:
        delivery = await self._slack.event(body["event"])
        return {"ok": delivery.ok, "event_id": delivery.event_id, "attempts": list(delivery.attempts)}

    async def _faults(self, body: Json) -> Json:
        verb, arguments = body["verb"], {name: value for name, value in body.items() if name not in ("verb", "user")}
        if verb not in ("outage", "html", "forbid", "slow", "rate_limit", "lose_answer", "heal"):
            raise LookupError(f"no fault {verb!r}")
        owner = self._slack if verb in ("rate_limit", "heal") else self._slack.faults
        try:
            getattr(owner, verb)(**arguments)
        except TypeError as wrong:
            raise LookupError(f"{verb} does not go with {sorted(arguments)}") from wrong
        return {"active": [_described(fault) for fault in self._slack.faults.active] + self._rate_limits()}

    def _rate_limits(self) -> list[Json]:
        return [
            {
                "verb": "rate_limit",
                "method": limit.method,
                "retry_after": limit.retry_after,
                "times": limit.times,
                "hits": limit.hits,
            }
            for limit in self._slack.rate_limits
        ]

    async def _stream(self, request: Request) -> Response:
        try:
            user = self._slack.user(request.query_params.get("user", "")).id
        except LookupError as unknown:
            return JSONResponse({"ok": False, "error": str(unknown)}, 404)
        return StreamingResponse(
            self._versions(user), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _versions(self, user: str) -> AsyncIterator[str]:
        changes, told = self._slack.changes, -1
        while True:
            if (version := changes.version_for(user)) != told:
                told = version
                yield f'data: {{"version": {version}}}\n\n'
            elif not await changes.next(HEARTBEAT):
                yield ": still here\n\n"


def _described(fault: Fault) -> Json:
    verb = "slow" if fault.delay else "lose_answer" if fault.lose_answer else "answer"
    shown: Json = {"verb": verb, "on": fault.matches.pattern, "times": fault.times, "hits": fault.hits}
    if fault.response is not None:
        html = fault.response.media_type == "text/html"
        status = fault.response.status_code
        shown |= {"verb": "html" if html else "forbid" if status in (401, 403) else "outage", "status": status}
    return shown


async def _answered(handler: Handler, arguments: Json) -> Response:
    try:
        return JSONResponse(await handler(arguments))
    except MissingArgument as missing:
        return JSONResponse({"ok": False, "error": f"{missing} is missing"}, 400)
    except (LookupError, ValueError) as wrong:
        return JSONResponse({"ok": False, "error": str(wrong)}, 404)
    except SlackError as refused:
        return JSONResponse({"ok": False, "error": refused.error})


def _reading(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await _answered(handler, Arguments(request.query_params))

    return endpoint


def _acting(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await _answered(handler, Arguments(await request.json()))

    return endpoint
