"""While the bot is updated replica by replica, the old and the new version work side by side on new tables."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from bot.sandbox.slack.workspace import Message
from storage.database import SchemaState, alembic_config, schema_state
from tests.databases import execute
from tests.program import ROOT, Outside, Program, free_port, outside, second
from tests.stage import ADA, eventually, text_of

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "of_tomorrow"
down_revision = "{head}"


def upgrade() -> None:
    op.add_column("growers", sa.Column("of_tomorrow", sa.Text(), nullable=True))
    op.add_column("announcements", sa.Column("of_tomorrow", sa.Integer(), nullable=False, server_default="0"))
    op.create_table("of_tomorrow", sa.Column("id", sa.Text(), primary_key=True))
"""


@pytest.fixture
async def story(postgresql_url: str, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside(postgresql_url, tmp_path, SWEEP_INTERVAL="2") as ready:
        ready.world.leaf.connect(ADA)
        await eventually(lambda: is_known_to_be_well(ready), within=60)
        yield ready


@pytest.fixture
def tomorrows(story: Outside, tmp_path: Path) -> Program:
    """The next version, not started yet: this one, and a migration that adds."""
    for package in ("bot", "handlers", "storage"):
        shutil.copytree(ROOT / package, tmp_path / "next" / package, ignore=shutil.ignore_patterns("__pycache__"))
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    versions = tmp_path / "next" / "storage" / "migrations" / "versions"
    (versions / "of_tomorrow.py").write_text(MIGRATION.format(head=head))
    (folder := tmp_path / "second").mkdir()
    elsewhere = {"PYTHONPATH": str(tmp_path / "next"), "PORT": str(free_port())}
    return Program({**story.program.environment, **elsewhere}, folder)


async def is_known_to_be_well(story: Outside) -> bool:
    return await story.rows("SELECT 1 FROM connections WHERE status = 'healthy'") != []


async def answer_of(story: Outside, program: Program) -> str:
    """Grace asks how Ada's farm does, and that process is the one that hears it."""
    slack = story.world.slack
    slack.deliver_to = f"{program.url}/slack/events"

    def answers() -> list[Message]:
        return [each for each in slack.whispered(story.grace) if "Ada Lovelace Farms" in text_of(each)]

    seen = len(answers())
    await story.types("/fieldview status Ada Lovelace Farms")
    await slack.until(lambda: len(answers()) > seen, timeout=60)
    return text_of(answers()[-1])


async def card_of(story: Outside) -> Message:
    """What stands in the alert channel about Ada's farm."""
    slack = story.world.slack
    await slack.until(lambda: bool(slack.posted(story.alerts)), timeout=60)
    [card] = slack.posted(story.alerts)
    return card


async def test_the_old_version_keeps_answering_until_the_new_one_has_taken_over(
    story: Outside, tomorrows: Program, postgresql_url: str
) -> None:
    code, _, told = await tomorrows.runs("migrate")
    assert code == 0, told
    assert schema_state(postgresql_url) is SchemaState.NEWER
    assert await answer_of(story, story.program)
    await story.world.leaf.revoke(ADA)
    card = await card_of(story)
    assert "Ada Lovelace Farms" in text_of(card)
    try:
        await tomorrows.starts()
        assert await answer_of(story, tomorrows)
        assert await answer_of(story, story.program)
        story.program.is_told_to_stop()
        assert await story.program.exit_code() == 0
        story.world.leaf.restore(ADA)
        await story.world.slack.until(lambda: "works again" in text_of(card), timeout=60)
        assert await answer_of(story, tomorrows)
    finally:
        if tomorrows.process is not None and tomorrows.process.returncode is None:
            await tomorrows.is_killed()
    assert "Traceback" not in story.program.output + tomorrows.output


async def test_an_old_version_that_starts_again_works_on_the_new_tables_and_leaves_new_kinds_alone(
    story: Outside, tomorrows: Program, postgresql_url: str, tmp_path: Path
) -> None:
    await tomorrows.runs("migrate")
    execute(
        postgresql_url,
        "INSERT INTO announcements (id, kind, subject, channel, wanted, shown, failures, reposts, created_at) "
        "VALUES ('theirs', 'of-tomorrow', 's', 'C0', 1, 0, 0, 0, now() - interval '1 hour')",
    )
    await story.program.is_killed()
    (folder := tmp_path / "again").mkdir()
    async with second(story, folder) as again:
        assert await answer_of(story, again)
        await story.world.leaf.revoke(ADA)
        assert "Ada Lovelace Farms" in text_of(await card_of(story))
        query = "SELECT shown, claimed_by, gave_up_reason FROM announcements WHERE id = 'theirs'"
        assert await story.rows(query) == [(0, None, None)]
        assert "Traceback" not in again.output
    assert schema_state(postgresql_url) is SchemaState.NEWER
