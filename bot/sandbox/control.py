"""Drive a stand-in from another process: its verbs, switches and faults as JSON under `/_sandbox`."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.sandbox.faults import Faults

Verb = Callable[..., Any]
FAULT_VERBS = frozenset({"outage", "html", "forbid", "slow", "lose_answer", "heal"})


def control_routes(verbs: Mapping[str, Verb], state: Callable[[], Any], faults: Callable[[], Faults]) -> list[Route]:
    """`POST /_sandbox/<verb>` with its arguments as a JSON object, `POST /_sandbox/faults`, `GET /_sandbox/state`.

    A verb's result comes back as `{"ok": true, "result": …}`; an unknown name is 404, a bad argument 400.
    """

    async def run_verb(request: Request) -> Response:
        verb = verbs.get(request.path_params["verb"])
        if verb is None:
            return _refusal(404, f"no verb {request.path_params['verb']}; there are: {', '.join(sorted(verbs))}")
        return await _run(verb, await _arguments(request))

    async def run_fault(request: Request) -> Response:
        arguments = await _arguments(request)
        name = arguments.pop("verb", "")
        if name == "answer":
            return await _run(_add_answer, {"faults": faults(), **arguments})
        if name not in FAULT_VERBS:
            return _refusal(400, f"verb must be answer, {', '.join(sorted(FAULT_VERBS))}")
        answer = await _run(getattr(faults(), name), arguments)
        return answer if answer.status_code != 200 else JSONResponse({"ok": True, "active": _active(faults())})

    async def show_state(request: Request) -> Response:
        return JSONResponse(state())

    return [
        Route("/_sandbox/state", show_state, methods=["GET"]),
        Route("/_sandbox/faults", run_fault, methods=["POST"]),
        Route("/_sandbox/{verb}", run_verb, methods=["POST"]),
    ]


async def _run(verb: Verb, arguments: dict[str, Any]) -> Response:
    try:
        inspect.signature(verb).bind(**arguments)
    except TypeError as error:
        return _refusal(400, str(error))
    try:
        result = verb(**arguments)
        if isinstance(result, Awaitable):
            result = await result
    except LookupError as error:
        return _refusal(404, str(error.args[0]) if error.args else "not found")
    except ValueError as error:
        return _refusal(400, str(error))
    return JSONResponse({"ok": True, "result": _plain(result)})


def _plain(result: Any) -> Any:
    if isinstance(result, list | tuple):
        return [_plain(item) for item in result]
    if result is None or isinstance(result, str | int | float | dict):
        return result
    describe = getattr(result, "described", None)
    return describe() if describe else None


def _add_answer(
    faults: Faults, status: int, body: str = "", content_type: str = "application/json", **where: Any
) -> None:
    faults.answer(Response(body, status, media_type=content_type), **where)


def _active(faults: Faults) -> list[dict[str, Any]]:
    return [
        {"on": fault.matches.pattern, "times": fault.times, "hits": fault.hits}
        for fault in faults.active
        if not fault.spent
    ]


async def _arguments(request: Request) -> dict[str, Any]:
    given = await request.json() if await request.body() else {}
    return given if isinstance(given, dict) else {}


def _refusal(status: int, error: str) -> JSONResponse:
    return JSONResponse({"ok": False, "error": error}, status)
