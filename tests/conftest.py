"""What every test may ask for."""

from __future__ import annotations

import asyncio
import logging

from dbos._event_loop import BackgroundEventLoop

# The engine would keep the stderr of the test that starts it first, which a captured test closes at its end.
logging.getLogger("dbos").addHandler(logging.NullHandler())

pytest_plugins = ["tests.databases", "tests.stage"]


def _the_bots_own_loop(engine: BackgroundEventLoop) -> asyncio.AbstractEventLoop | None:
    return engine._main_loop or engine._loop


# Between a fixture and its test nobody turns the loop, and the engine would run a job that comes due then on its own,
# with connections that nobody can close afterwards. The loop of a served bot never pauses; here the job waits.
BackgroundEventLoop.target_loop = _the_bots_own_loop  # type: ignore[assignment,method-assign]
