"""Two quick choices in one modal: what it shows in the end is what the later one led to."""

from __future__ import annotations

import asyncio
from functools import partial

from handlers.redrawing import MODALS, Redraws


class Modal:
    """What is on the screen; an update waits on its way until it is let through."""

    def __init__(self) -> None:
        self.shows: list[str] = []
        self.road = asyncio.Event()

    async def update(self, view: str) -> None:
        await self.road.wait()
        self.shows.append(view)


async def test_a_choice_that_was_worked_out_late_does_not_cover_a_newer_one() -> None:
    redraws, modal = Redraws(), Modal()
    modal.road.set()
    await redraws.draw("V1", "1700000000.000002", partial(modal.update, "digest"))
    await redraws.draw("V1", "1700000000.000001", partial(modal.update, "at once"))
    assert modal.shows == ["digest"]


async def test_a_newer_choice_waits_for_the_update_that_is_on_its_way() -> None:
    redraws, modal = Redraws(), Modal()
    async with asyncio.TaskGroup() as both:
        both.create_task(redraws.draw("V1", "1700000000.000001", partial(modal.update, "at once")))
        await asyncio.sleep(0)
        both.create_task(redraws.draw("V1", "1700000000.000002", partial(_without_waiting, modal, "digest")))
        await asyncio.sleep(0)
        assert modal.shows == [], "the newer one went past the one under way, which would have covered it"
        modal.road.set()
    assert modal.shows == ["at once", "digest"]


async def test_one_modal_does_not_wait_for_another() -> None:
    redraws, slow, quick = Redraws(), Modal(), Modal()
    quick.road.set()
    async with asyncio.TaskGroup() as both:
        both.create_task(redraws.draw("V1", "1700000000.000009", partial(slow.update, "slow")))
        await asyncio.sleep(0)
        await redraws.draw("V2", "1700000000.000001", partial(quick.update, "quick"))
        assert quick.shows == ["quick"]
        slow.road.set()


async def test_modals_of_long_ago_are_forgotten() -> None:
    redraws, modal = Redraws(), Modal()
    modal.road.set()
    for number in range(MODALS + 1):
        await redraws.draw(f"V{number}", "1700000000.000002", partial(modal.update, "new"))
    await redraws.draw("V0", "1700000000.000001", partial(modal.update, "forgotten and drawn"))
    await redraws.draw(f"V{MODALS}", "1700000000.000001", partial(modal.update, "remembered and left"))
    assert modal.shows[-1] == "forgotten and drawn"


async def _without_waiting(modal: Modal, view: str) -> None:
    modal.shows.append(view)
