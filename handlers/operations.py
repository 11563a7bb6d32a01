"""`/healthz`, `/readyz`, `/metrics`: for operators and their machines."""

from __future__ import annotations

from dataclasses import asdict

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.readiness import Figures, Readiness
from storage.records import CredentialStatus


class Operations:
    """Alive, able to work, and in numbers."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def alive(self, request: Request) -> Response:
        """200 as long as the process answers."""
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """200 when everything the bot needs is well, 503 with the reasons when not."""
        parts = await self._readiness.parts()
        ready = all(part.ok for part in parts.values())
        figures = await self._readiness.recent_figures()
        names = ("sweep_age", "leaf_success_age", "outbox_depth") if figures else ()
        shown = {name: getattr(figures, name) for name in names}
        body = {"figures": shown, "ready": ready, "parts": {name: asdict(part) for name, part in parts.items()}}
        return JSONResponse(body, 200 if ready else 503, {"Cache-Control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """Prometheus text."""
        figures = await self._readiness.recent_figures()
        if figures is None:
            return Response("# the database does not answer\n", 503, media_type="text/plain")
        return Response(generate_latest(_registry(figures)), media_type=CONTENT_TYPE_LATEST)


def _registry(figures: Figures) -> CollectorRegistry:
    registry = CollectorRegistry()

    def gauge(name: str, meaning: str, value: float | None) -> None:
        Gauge(name, meaning, registry=registry).set(float("nan") if value is None else value)

    gauge("fieldview_sweep_age_seconds", "Seconds since the last complete look at all credentials", figures.sweep_age)
    gauge("fieldview_leaf_success_age_seconds", "Seconds since Leaf last answered sensibly", figures.leaf_success_age)
    gauge("fieldview_outbox_depth", "Messages owed to Slack", figures.outbox_depth)
    gauge("fieldview_open_incidents", "Connections that stopped working and do not work again", figures.open_incidents)
    growers = Gauge("fieldview_connections", "Growers by the state of their connection", ["status"], registry=registry)
    for status in CredentialStatus:
        growers.labels(status.value).set(figures.connections.get(status, 0))
    return registry
