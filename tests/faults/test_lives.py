"""A message that stands twice is excused by one thing only: its sender was killed before the database knew of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.clock import Clock
from bot.sandbox.serving import serving
from bot.sandbox.slack.workspace import Message
from bot.sandbox.world import World
from tests.faults.lives import Lives
from tests.program import Program


@dataclass
class Scene:
    """Two processes, of which only their lives matter here, and a channel."""

    world: World
    lives: Lives
    url: str
    channel: str
    programs: tuple[Program, Program]

    async def posts(self, program: Program) -> Message:
        """A new life of this program posts a message."""
        slack = AsyncWebClient(self.world.slack.bot_token, base_url=self.lives.begins(program, self.url))
        await slack.chat_postMessage(channel=self.channel, text="It is broken.")
        return self.world.slack.posted(self.channel)[-1]

    def dies(self, program: Program, *knew: Message) -> None:
        self.lives.ends(program, self.world.clock(), frozenset((each.channel, each.ts) for each in knew))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with World.running(Clock()) as world:
        lives = Lives(world.slack.app)
        async with serving(lives) as url:
            programs = (Program({}, tmp_path), Program({}, tmp_path))
            yield Scene(world, lives, url, world.slack.add_channel("alerts"), programs)


async def test_a_kill_before_the_commit_excuses_what_comes_after_it(scene: Scene) -> None:
    one, other = scene.programs
    first = await scene.posts(one)
    # However long that took: it is not the time that counts.
    scene.world.clock.advance(timedelta(minutes=5))
    scene.dies(one)
    again = await scene.posts(other)
    excuse = scene.lives.excuse(first, again)
    assert excuse is scene.lives.sender_of(first)
    assert excuse is not None


async def test_a_kill_after_the_commit_excuses_nothing(scene: Scene) -> None:
    one, other = scene.programs
    first = await scene.posts(one)
    scene.dies(one, first)
    assert scene.lives.excuse(first, await scene.posts(other)) is None


async def test_the_kill_of_another_process_excuses_nothing(scene: Scene) -> None:
    one, other = scene.programs
    first = await scene.posts(one)
    await scene.posts(other)
    scene.dies(other)
    assert scene.lives.excuse(first, await scene.posts(other)) is None


async def test_a_kill_that_comes_after_the_second_post_excuses_nothing(scene: Scene) -> None:
    one, other = scene.programs
    first = await scene.posts(one)
    again = await scene.posts(other)
    scene.world.clock.advance(timedelta(seconds=1))
    scene.dies(one)
    assert scene.lives.excuse(first, again) is None
