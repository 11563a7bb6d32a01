"""Socket Mode: envelopes over websockets, each to one random connection."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from .changes import Changes
from .workspace import Json

MOST_CONNECTIONS = 10
NORMAL_CLOSURE, POLICY_VIOLATION = 1000, 1008


@dataclass(eq=False)
class Sockets:
    """The open connections of the app, and the envelopes that wait for their acknowledgement."""

    app_id: str
    changes: Changes
    connected: list[WebSocket] = field(default_factory=list)
    _tickets: set[str] = field(default_factory=set)
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)

    def ticket(self) -> str:
        """Permission to connect once."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    async def endpoint(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self._tickets:
            return await socket.close(POLICY_VIOLATION)
        self._tickets.remove(ticket)
        await socket.accept()
        if len(self.connected) >= MOST_CONNECTIONS:
            await self._say_goodbye(socket, "too_many_websockets")
            return await socket.close(NORMAL_CLOSURE)
        self.connected.append(socket)
        self.changes.wake()
        try:
            await socket.send_json(self._hello())
            await self._read(socket)
        except WebSocketDisconnect:
            return None
        finally:
            if socket in self.connected:
                self.connected.remove(socket)
            self.changes.wake()

    def _hello(self) -> Json:
        debug = {"host": "applink-sandbox", "build_number": 1, "approximate_connection_time": 18060}
        connection = {"app_id": self.app_id}
        return {
            "type": "hello",
            "num_connections": len(self.connected),
            "debug_info": debug,
            "connection_info": connection,
        }

    async def _read(self, socket: WebSocket) -> None:
        while True:
            acknowledgement = json.loads(await socket.receive_text())
            waiting = self._waiting.get(acknowledgement.get("envelope_id"))
            if waiting is not None and not waiting.done():
                waiting.set_result(acknowledgement.get("payload"))

    async def ask(
        self, kind: str, payload: Any, patience: float, *, accepts: bool, retry: int = 0, reason: str | None = None
    ) -> Any:
        """Send an envelope to one connection; the payload of its acknowledgement. Raises TimeoutError."""
        envelope_id = secrets.token_hex(16)
        envelope = {"envelope_id": envelope_id, "type": kind, "payload": payload, "accepts_response_payload": accepts}
        if kind == "events_api":
            envelope |= {"retry_attempt": retry, "retry_reason": reason or ""}
        self._waiting[envelope_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(patience):
                await secrets.choice(self.connected).send_json(envelope)
                return await self._waiting[envelope_id]
        except WebSocketDisconnect as gone:
            raise TimeoutError("the connection went away") from gone
        finally:
            del self._waiting[envelope_id]

    async def _say_goodbye(self, socket: WebSocket, reason: str) -> None:
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-sandbox"}})

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to come back anew, as Slack does every few hours; nothing is sent over the old ones."""
        leaving, self.connected = self.connected, []
        for socket in leaving:
            await self._say_goodbye(socket, reason)
