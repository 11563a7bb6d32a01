"""Many links in one file, from the list to the end: they are sought wherever something is written."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import httpx

from bot.sandbox.slack.workspace import File, Message
from tests.program import Outside, outside
from tests.security.test_canaries import (
    CLI,
    Canaries,
    Story,
    bytes_of,
    engine_arguments,
    opened_with_the_keys,
    says,
    settings_of,
)
from tests.stage import ADA, buttons_of

BOB, CARLA = "bob@farms.example", "carla@dairy.example"
LIST = f"name,email,notes\nAda Lovelace Farms,{ADA},in our Slack\nBob's Barn,{BOB},\n,{CARLA},only a phone\nNobody,,\n"
TOKEN = re.compile(r"/connect/([\w-]{43})")


async def runs_a_list(out: Outside) -> None:
    """From the file that Grace chooses to the two that she gets; Slack fails once, and the program is killed."""
    slack, leaf = out.world.slack, out.world.leaf
    leaf.add_user(name="Bob's Barn", email=BOB)
    leaf.add_user(name="Carla's Dairy", email=CARLA)
    for name in ("Ada Lovelace Farms", "Bob's Barn", "Carla's Dairy"):
        await says(out, f"/fieldview status {name}")
    await out.types("/fieldview bulk")
    view = await slack.until(lambda: slack.view(out.grace), timeout=60)
    assert view is not None
    chosen = slack.add_file(out.grace, "growers.csv", LIST.encode())
    assert (await slack.submit(out.grace, view["id"], {"file": {"file": [chosen]}})).ok
    slack.faults.outage("files.completeUploadExternal", times=1)
    await press(out, "bulk-start")
    await slack.until(lambda: lists_sent(out), timeout=60)
    await out.program.is_killed()
    await out.program.starts()
    await press(out, "bulk-list")
    await slack.until(lambda: len(lists_sent(out)) >= 2, timeout=60)


def lists_sent(out: Outside) -> list[File]:
    """The files that the bot sent, wherever."""
    slack = out.world.slack
    return [file for file in slack.files.values() if file.user != out.grace and file.channels and file.content]


async def press(out: Outside, action: str) -> None:
    """The button in the one message about the list."""
    slack = out.world.slack

    def offered() -> list[Message]:
        return [each for each in slack.posted(slack.dm(out.grace)) if action in buttons_of(each)]

    await slack.until(offered, timeout=60)
    [message] = offered()
    assert (await slack.click(out.grace, message.channel, message.ts, action)).ok


async def uses(out: Outside, link: str) -> list[str]:
    """A grower opens a link and says no; the pages they see."""
    async with httpx.AsyncClient(trust_env=False, timeout=60, follow_redirects=True) as browser:
        return [(await browser.get(link)).text, (await browser.post(f"{link}/decline")).text]


async def test_the_links_of_a_list_are_in_the_files_of_who_asked_and_nowhere_else(
    database_url: str, tmp_path: Path
) -> None:
    form = "console" if database_url.startswith("sqlite") else "json"
    folder = tmp_path / "program"
    folder.mkdir()
    async with outside(database_url, folder, LOG_LEVEL="debug", LOG_FORMAT=form) as out:
        slack, canaries = out.world.slack, Canaries(settings_of(out))
        canaries.values["key"] = canaries.values.pop("ENCRYPTION_KEYS")
        story = Story(out, canaries)
        await runs_a_list(out)

        sent = lists_sent(out)
        assert {tuple(file.channels) for file in sent} == {(slack.dm(out.grace),)}, (
            "whoever made the list, and nobody else"
        )
        rows = [row for file in sent for row in csv.DictReader(io.StringIO((file.content or b"").decode("utf-8-sig")))]
        listed = {token for row in rows for token in TOKEN.findall(" ".join(row.values()))}
        assert len(listed) == 3 * len(sent), "three growers, and each file has links of its own"
        messages = {
            place: [
                repr((version.text, version.blocks)) for message in channel.messages for version in message.versions
            ]
            for place, channel in slack.workspace.channels.items()
        }
        own = {token for said in messages[slack.dm(out.ada)] for token in TOKEN.findall(said)}
        assert own, "Ada has hers by direct message"
        for place, said in messages.items():
            written = "".join(said)
            assert place == slack.dm(out.ada) or not TOKEN.findall(written), "no message to anybody else has a link"
            assert not any(token in written for token in listed), "nor one that stands in a file"
        canaries.links |= {f"link {number}": token for number, token in enumerate(sorted(listed | own))}
        canaries.values |= {f"response_url {n}": secret for n, secret in enumerate(slack.tickets.response_urls)}

        link = next(row["link"] for row in rows if row["link"] and "Bob" in row["given"])
        found = [hit for page in await uses(out, link) for hit in Canaries(canaries.values).found_in("a page", page)]
        found += canaries.found_in("the engine's jobs", await engine_arguments(story))
        live = bytes_of(database_url, folder)
        found += canaries.links_in("what the keys open", opened_with_the_keys(story, live))
        async with httpx.AsyncClient(base_url=out.program.url, trust_env=False) as operator:
            for path in ("/readyz", "/metrics", "/healthz"):
                found += canaries.found_in(path, (await operator.get(path)).text)
        await out.program.is_killed()
        for name, content in (live | bytes_of(database_url, folder)).items():
            found += canaries.found_in(f"database {name}", content)
        for arguments in CLI:
            code, told, complained = await out.program.runs(*arguments)
            found += canaries.found_in(f"{' '.join(arguments)}, exit {code}", told + complained)
        # Growers are in the log by their ids alone.
        log = Canaries({"Bob's e-mail": BOB, "Carla's e-mail": CARLA, "Bob's name": "Bob's Barn"})
        found += [*canaries.found_in("the log", out.program.output), *log.found_in("the log", out.program.output)]
        assert found == []
        assert "growers.csv" not in out.program.output
