"""The program as an operator runs it: `python -m bot serve` in a process of its own, over HTTP, on both databases."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.program import Program, free_port, outside
from tests.stage import ADA, link_in


async def test_the_whole_story_against_the_real_process(database_url: str, tmp_path: Path) -> None:
    async with outside(database_url, tmp_path) as story:
        slack = story.world.slack
        place = slack.dm(story.ada)
        await story.types("/fieldview connect Ada Lovelace Farms")
        await slack.until(lambda: slack.posted(place))
        async with httpx.AsyncClient(trust_env=False) as ada:
            left = await ada.post(link_in(slack.posted(place)[-1]))
            await ada.get(story.world.fieldview.approve(left.headers["location"], ADA))
            page = await ada.get(f"{story.program.url}/oauth/fieldview/done")
        assert "connected" in page.text
        await slack.until(lambda: slack.posted(story.alerts), timeout=60)
        assert "server" not in page.headers
        async with httpx.AsyncClient(trust_env=False) as operator:
            assert (await operator.get(f"{story.program.url}/readyz")).status_code == 200
        code, out, err = await story.program.runs("audit", "verify")
        assert (code, err) == (0, "")
        assert out.startswith("The audit trail is whole: 4 entries")
        story.program.is_told_to_stop()
        assert await story.program.exit_code() == 0
        assert "Traceback" not in story.program.output
        assert "connect/" not in story.program.output, "no address is logged"


async def test_an_empty_folder_is_enough(tmp_path: Path) -> None:
    async with outside(f"sqlite:///{tmp_path / 'new.db'}", tmp_path, LOG_FORMAT="json") as story:
        assert (tmp_path / "new.db").exists()
        assert '"event": "serving"' in story.program.output
        assert '"level": "warning"' not in story.program.output


async def test_the_library_for_slack_takes_no_settings_from_the_environment(sqlite_url: str, tmp_path: Path) -> None:
    """It would warn of the token, and begin to serve an OAuth app's installation, had it that app's id and secret."""
    more = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "secret", "LOG_LEVEL": "info"}
    async with outside(sqlite_url, tmp_path, **more) as story:
        assert "serving" in story.program.output
        assert "unused" not in story.program.output
        assert "oauth" not in story.program.output.lower()


async def test_the_settings_may_stand_in_a_dotenv_file(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path) as story:
        await story.program.is_killed()
        own = {name: value for name, value in story.program.environment.items() if name.startswith(("PATH", "PYTHON"))}
        settings = {name: value for name, value in story.program.environment.items() if name not in own}
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        again = Program({**own, "PUBLIC_URL": story.program.url}, tmp_path)
        await again.starts()
        again.is_told_to_stop()
        assert await again.exit_code() == 0


async def test_two_replicas_share_one_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    async with outside(postgresql_url, tmp_path) as story:
        port = free_port()
        second = Program({**story.program.environment, "PORT": str(port)}, tmp_path)
        await second.starts()
        async with httpx.AsyncClient(trust_env=False) as client:
            for url in (story.program.url, f"http://127.0.0.1:{port}"):
                assert (await client.get(f"{url}/healthz")).status_code == 200
        await story.program.is_killed()
        slack = story.world.slack
        slack.deliver_to = f"http://127.0.0.1:{port}/slack/events"
        await story.types("/fieldview connect Ada Lovelace Farms")
        await slack.until(lambda: slack.posted(slack.dm(story.ada)))
        second.is_told_to_stop()
        assert await second.exit_code() == 0


async def test_a_database_that_is_not_there_is_a_sentence(sqlite_url: str, tmp_path: Path) -> None:
    async with outside(sqlite_url, tmp_path) as story:
        for url in (
            f"postgresql://bot:hunter2@127.0.0.1:{free_port()}/nowhere",
            f"sqlite:///{tmp_path}/no/such/folder/x.db",
        ):
            code, out, err = await story.program.runs("serve", DATABASE_URL=url, PORT=str(free_port()))
            assert code == 1, err
            assert out == ""
            assert "database" in err.lower()
            assert "Traceback" not in err
            assert "hunter2" not in err
