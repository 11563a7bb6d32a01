"""`POST /leaf/alerts`: Leaf says that a credential may have died."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.alerts import Alerts, Reception

WORDS = {Reception.UNREADABLE: "malformed", Reception.UNSIGNED: "not signed by Leaf"}


class LeafAlerts:
    """Answers as soon as the alert is safe; the asking happens behind."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts

    async def receive(self, request: Request) -> Response:
        """200 when the alert is noted, 401 for what Leaf did not sign, 400 for what cannot be read."""
        reception = await self._alerts.receive(await request.body(), request.headers.get("x-leaf-signature", ""))
        if reception is Reception.NOTED:
            return JSONResponse({"ok": True})
        return JSONResponse({"error": WORDS[reception]}, reception.value)
