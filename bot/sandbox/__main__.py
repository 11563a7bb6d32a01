"""Run the outside world as a process of its own: `python -m bot.sandbox --port-base N [--growers N]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys

from bot.sandbox.world import World


def main() -> None:
    """Print one JSON line with URLs, settings and accounts when ready; run until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bot.sandbox", description=__doc__)
    parser.add_argument("--port-base", type=int, help="Leaf listens here, FieldView and Slack on the next two ports")
    parser.add_argument("--growers", type=int, default=0, help="create that many growers with healthy credentials")
    options = parser.parse_args()
    asyncio.run(_run(options.port_base, options.growers))


async def _run(port_base: int | None, growers: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with World.running(port_base=port_base, delivers_alerts=True) as world:
        world.leaf.populate(growers)
        world.fieldview.add_account("ada@example.com", "Ada", "Fields")
        agent = world.slack.add_user("grace", "Grace Okafor", "grace@greenacres.example")
        channel = world.slack.add_channel("growers", [agent])
        sys.stdout.write(json.dumps(_described(world) | {"agent": agent, "channel": channel}) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _described(world: World) -> dict[str, object]:
    return {
        "leaf_url": world.leaf_url,
        "fieldview_url": world.fieldview_url,
        "slack_url": world.slack_url,
        "growers": len(world.leaf.users),
        "team": world.slack.workspace.team["id"],
        "environment": world.environment(),
    }


if __name__ == "__main__":
    main()
