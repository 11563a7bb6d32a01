"""A modal that redraws itself at each choice: of two made quickly the later one is what it shows."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

MODALS = 1000
"""Modals remembered at once: a choice in one that fell out is drawn whenever it was made."""


class Redraws:
    """Draws what each choice leads to in the order in which people chose, whichever was worked out first.

    Slack has no order for updates of one view, and its `hash` would refuse the later choice as readily as the earlier
    one. Only this process is kept in order; what is sent in is what stands in the form, however it was drawn.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[str, _Turn] = OrderedDict()

    async def draw(self, modal: str, chosen_at: str, drawing: Callable[[], Awaitable[None]]) -> None:
        """Draw, unless a later choice in this modal is drawn already; `chosen_at` is Slack's `action_ts`."""
        turn = self._turns.setdefault(modal, _Turn())
        self._turns.move_to_end(modal)
        while len(self._turns) > MODALS:
            self._turns.popitem(last=False)
        async with turn.lock:
            if chosen_at < turn.drawn:
                return
            turn.drawn = chosen_at
            await drawing()


class _Turn:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.drawn = ""
