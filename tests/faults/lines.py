"""A line that can be bad, kept by a thread of its own: the bot may hold up its event loop, when it starts for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.faults.proxy import Address, Fault, Proxy, proxying

Verb = Callable[[Proxy, bytes | None], Fault | Coroutine[Any, Any, None]]
"""What a bad day does to the line; the bytes are those of the request that matters most."""


@dataclass
class Line:
    """A proxy, and the loop that it works in."""

    proxy: Proxy
    loop: asyncio.AbstractEventLoop

    async def suffers(self, verb: Verb, deed: bytes | None) -> Fault | None:
        result = verb(self.proxy, deed)
        if isinstance(result, Fault):
            return result
        await self._there(result)
        return None

    async def heals(self) -> None:
        await self._there(self.proxy.heal())

    async def _there(self, deed: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(deed, self.loop))


@asynccontextmanager
async def line_to(address: Address) -> AsyncIterator[Line]:
    """The line, until the block ends."""
    ready: asyncio.Future[tuple[Line, asyncio.Event]] = asyncio.get_running_loop().create_future()
    here = asyncio.get_running_loop()

    async def hold() -> None:
        async with proxying(address) as proxy:
            line, over = Line(proxy, asyncio.get_running_loop()), asyncio.Event()
            here.call_soon_threadsafe(ready.set_result, (line, over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(hold(),), daemon=True)
    thread.start()
    line, over = await ready
    try:
        yield line
    finally:
        line.loop.call_soon_threadsafe(over.set)
        await asyncio.to_thread(thread.join)
