"""The smallest programs that do the same kind of work: `python -m benchmarks.bare slack|page --port N`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def slack() -> Starlette:
    """A bare slack-bolt application: one command, one `ack()`, nothing else."""
    from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
    from slack_bolt.app.async_app import AsyncApp
    from slack_bolt.context.ack.async_ack import AsyncAck
    from slack_sdk.web.async_client import AsyncWebClient

    token = os.environ["SLACK_BOT_TOKEN"]
    client = AsyncWebClient(token=token, base_url=os.environ["SLACK_API_URL"])
    app = AsyncApp(token=token, signing_secret=os.environ["SLACK_SIGNING_SECRET"], client=client)

    async def acknowledge(ack: AsyncAck) -> None:
        await ack()

    app.command("/fieldview")(acknowledge)
    handler = AsyncSlackRequestHandler(app)

    async def receive(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", receive, methods=["POST"])])


def page() -> Starlette:
    """A page whose bytes are ready: the file that BARE_PAGE names."""
    content = Path(os.environ["BARE_PAGE"]).read_bytes()

    async def show(request: Request) -> Response:
        return Response(content, media_type="text/html")

    return Starlette(routes=[Route("/", show)])


def main() -> None:
    """Serve with the bot's own server and its settings, as far as they bear on speed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare", description=__doc__)
    parser.add_argument("kind", choices=("slack", "page"))
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    app = {"slack": slack, "page": page}[options.kind]()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_keep_alive=15,
    )


if __name__ == "__main__":
    main()
