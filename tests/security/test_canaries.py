"""Every secret of a whole story, with failures, crashes and a kill in it, is sought wherever something is written."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from sqlalchemy import NullPool, create_engine, text

from bot.__main__ import _parser
from bot.sandbox.leaf.alerts import signature
from bot.vault import Unreadable, Vault
from storage import sealed_columns
from storage.database import Database, sync_url
from tests.consenting import code_of, state_of
from tests.program import Outside, outside
from tests.stage import ADA, eventually, link_in

GIVE = "POST /services/usermanagement/api/users/.*credentials"
EXCHANGE = "POST /api/oauth/token"
BOOLE = "george@boole.example"
FERNET = re.compile(rb"gAAAAA[\w-]{90,}={0,2}")
"""What encrypted text looks like."""


@dataclass
class Canaries:
    """What must not be found: name → value. `links` are consent links' tokens, each for one version of a message."""

    values: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def found_in(self, place: str, written: str | bytes, *, but_links: bool = False) -> list[str]:
        """Which of them stand in there, in which form."""
        raw = written.encode("utf-8", "surrogateescape") if isinstance(written, str) else written
        sought = self.values if but_links else self.values | self.links
        return [f"{name} as {form} in {place}" for name, value in sought.items() for form in _forms_in(raw, value)]

    def links_in(self, place: str, written: str) -> list[str]:
        """Which links stand where other secrets may: with the keys, the database opens nobody's."""
        return Canaries(self.links).found_in(place, written)


def _forms_in(raw: bytes, value: str) -> Iterator[str]:
    for form, written in _forms(value):
        if written in raw:
            yield form


def _forms(value: str) -> Iterator[tuple[str, bytes]]:
    plain = value.encode()
    yield "itself", plain
    yield "URL-encoded", quote(value, safe="").encode()
    yield "URL-encoded twice", quote(quote(value, safe=""), safe="").encode()
    yield "JSON", json.dumps(value)[1:-1].encode()
    yield "hexadecimal", plain.hex().encode()
    yield "backwards", plain[::-1]
    for shift in range(3):
        # Base64 of any text around it holds this part, whichever of three ways it is aligned.
        coded = base64.b64encode(b"\0" * shift + plain)[4 if shift else 0 :]
        part = coded[: len(coded) - 4]
        yield f"base64 shifted {shift}", part
        yield f"base64url shifted {shift}", part.replace(b"+", b"-").replace(b"/", b"_")


def test_the_search_finds_what_it_looks_for() -> None:
    value = "a/secret+with=marks and ünïcode"
    canaries = Canaries({"it": value})
    for hidden in (
        value,
        quote(value, safe=""),
        json.dumps({"x": value}),
        base64.b64encode(f"user:{value}".encode()).decode(),
        base64.urlsafe_b64encode(f"a:{value}:z".encode()).decode(),
        value.encode().hex(),
    ):
        assert canaries.found_in("here", f"before {hidden} after"), hidden
    assert canaries.found_in("here", "something else") == []


@dataclass
class Story:
    """What happened, and all that growers' browsers were shown meanwhile."""

    outside: Outside
    canaries: Canaries
    pages: list[str] = field(default_factory=list)

    async def opens(self, browser: httpx.AsyncClient, address: str, method: str = "GET") -> httpx.Response:
        answer = await browser.request(method, address)
        self.pages.append(answer.text)
        return answer

    async def begins(self, browser: httpx.AsyncClient, link: str) -> str:
        """Continue to FieldView; returns the callback's address after a yes there."""
        await self.opens(browser, link)
        left = await self.opens(browser, link, "POST")
        [cookie] = [cookie for cookie in browser.cookies.jar if "consent" in cookie.name]
        count = len(self.canaries.values)
        at_fieldview = left.headers["location"]
        callback = self.outside.world.fieldview.approve(at_fieldview, ADA)
        self.canaries.values |= {
            f"state {count}": state_of(at_fieldview),
            f"browser cookie {count}": str(cookie.value),
            f"code {count}": code_of(callback),
        }
        return callback

    async def comes_back(self, browser: httpx.AsyncClient, callback: str) -> None:
        assert (await self.opens(browser, callback)).status_code == 303
        await self.opens(browser, f"{self.outside.program.url}/oauth/fieldview/done")

    async def asks(self, command: str = "/fieldview connect Ada Lovelace Farms") -> str:
        """Grace asks for a link; returns the one that Ada is sent."""
        slack = self.outside.world.slack
        place = slack.dm(self.outside.ada)
        seen = len(slack.posted(place))
        await self.outside.types(command)
        await slack.until(lambda: len(slack.posted(place)) > seen, timeout=60)
        link = link_in(slack.posted(place)[-1])
        self.canaries.links[f"link {len(self.canaries.links)}"] = link.rsplit("/", 1)[1]
        return link


def settings_of(story: Outside) -> dict[str, str]:
    names = (
        *("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "LEAF_PASSWORD", "LEAF_WEBHOOK_SECRET", "ENCRYPTION_KEYS"),
        *("FIELDVIEW_CLIENT_SECRET", "FIELDVIEW_API_KEY"),
    )
    return {name: story.program.environment[name] for name in names}


def watch_tokens(story: Outside, canaries: Canaries) -> None:
    """Note every token FieldView hands out from now on."""
    exchange = story.world.fieldview._grants.exchange

    def noted(code: str, redirect_uri: str) -> dict[str, Any]:
        answer = exchange(code, redirect_uri)
        number = len(canaries.values)
        canaries.values[f"refresh token {number}"] = answer["refresh_token"]
        canaries.values[f"access token {number}"] = answer["access_token"]
        return answer

    story.world.fieldview._grants.exchange = noted  # type: ignore[method-assign]


async def answered(story: Outside, user: str, before: int) -> None:
    slack = story.world.slack
    await slack.until(lambda: len(slack.whispered(user)) > before, timeout=60)


async def says(story: Outside, text: str) -> None:
    before = len(story.world.slack.whispered(story.grace))
    await story.types(text)
    await answered(story, story.grace, before)


async def tell(story: Story) -> None:
    """Troubles, a kill, a connection, its death and its events, alerts true and forged; and crashes at the end."""
    out, leaf, fieldview = story.outside, story.outside.world.leaf, story.outside.world.fieldview
    async with httpx.AsyncClient(trust_env=False, timeout=60) as ada:
        link = await story.asks()
        fieldview.faults.outage(EXCHANGE, times=3)
        fieldview.faults.lose_answer(EXCHANGE)
        leaf.faults.outage(GIVE, times=3)
        await story.comes_back(ada, await story.begins(ada, link))
        await eventually(lambda: _hit(fieldview.log.matching(EXCHANGE), 4), within=60)
        fieldview.faults.heal()
        leaf.faults.heal()

        leaf.faults.slow(60, GIVE, times=1)
        link = await story.asks()
        callback = await story.begins(ada, link)
        await story.comes_back(ada, callback)
        await eventually(lambda: _hit([fault for fault in leaf.faults.active if fault.hits], 1), within=60)
        await out.program.is_killed()
        await out.program.starts()
        await out.world.slack.until(lambda: out.world.slack.posted(out.alerts), timeout=60)
        await story.opens(ada, callback)
        await story.opens(ada, link)
        await story.opens(ada, f"{out.program.url}/connect/{'x' * 43}")

    credential = leaf.find(ADA).credential
    assert credential is not None
    leaf.log_event(ADA, 401, json.dumps({"refresh_token": credential.refresh_token, "clientSecret": "x"}), "")
    leaf.log_event(ADA, 400, f"grant_type=refresh_token&refresh_token={credential.refresh_token}", "")
    for words in ("events Ada Lovelace Farms", "status", "status Ada Lovelace Farms", "history"):
        await says(out, f"/fieldview {words}")
    posted = len(out.world.slack.posted(out.alerts))
    await leaf.revoke(ADA)
    await out.world.slack.until(lambda: len(out.world.slack.posted(out.alerts)) > posted, timeout=60)
    await forged_requests(out)
    await says(out, "/fieldview disconnect Ada Lovelace Farms")
    await crash(story)


async def _hit(things: list[Any], count: int) -> bool:
    return len(things) >= count


async def forged_requests(story: Outside) -> None:
    """Strangers send what they have, with the secrets in the wrong places."""
    body = json.dumps({"type": "credentialsUnauthenticated", "password": story.world.leaf.password}).encode()
    async with httpx.AsyncClient(base_url=story.program.url, trust_env=False) as stranger:
        await stranger.post("/leaf/alerts", content=body, headers={"X-Leaf-Signature": signature("wrong", body)})
        await stranger.post("/slack/events", content=body, headers={"X-Slack-Signature": "v0=wrong"})
        await stranger.get("/oauth/fieldview/callback", params={"code": "x", "state": story.world.leaf.password})


async def crash(story: Story) -> None:
    """Tables disappear under the running program, so that every route and job ends in a traceback."""
    link = await story.asks("/fieldview connect Ada Lovelace Farms")
    async with httpx.AsyncClient(trust_env=False, timeout=60) as ada:
        callback = await story.begins(ada, link)
        database = story.outside.database
        async with database.transaction() as session:
            for table in ("consent_attempts", "consents", "subscriptions"):
                await session.execute(text(f"ALTER TABLE {table} RENAME TO gone_{table}"))
        for address in (link, callback, f"{story.outside.program.url}/oauth/fieldview/done"):
            assert (await story.opens(ada, address)).status_code == 500
        assert (await story.opens(ada, link, "POST")).status_code == 500
    await says(story.outside, "/fieldview connect Ada Lovelace Farms")
    await says(story.outside, "/fieldview subscribe")


def note_what_the_world_knows(story: Story) -> None:
    """Secrets that others made during the story."""
    world, values = story.outside.world, story.canaries.values
    credential = world.leaf.find(ADA).credential
    if credential is not None:
        values |= {"Leaf's refresh token": credential.refresh_token, "Leaf's access token": credential.access_token}
    values |= {f"Leaf login {n}": token for n, token in enumerate(world.leaf.sessions._expiry)}
    values |= {f"response_url {n}": secret for n, secret in enumerate(world.slack.tickets.response_urls)}
    values |= {f"key {n}": key for n, key in enumerate(values.pop("ENCRYPTION_KEYS").split(","))}


def bytes_of(database_url: str, folder: Path) -> dict[str, bytes]:
    """Everything the database holds: the files, or every row of every table of every schema as text."""
    url = sync_url(Database(database_url).url)
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        return {path.name: path.read_bytes() for path in file.parent.iterdir() if path.name.startswith(file.name)}
    found: dict[str, bytes] = {}
    tables = (
        "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    with create_engine(url, poolclass=NullPool).connect() as connection:
        for (table,) in connection.exec_driver_sql(tables).all():
            rows = connection.exec_driver_sql(f"SELECT t::text FROM {table} AS t").all()  # noqa: S608 - from the catalogue
            found[table] = "\n".join(row[0] for row in rows).encode()
    assert any(name.startswith("dbos.") for name in found), "the job engine's tables are among them"
    return found


def in_slack(story: Story) -> list[str]:
    """What is found in messages. A link may stand in one version of a message of Ada's own, and nowhere else."""
    slack, canaries = story.outside.world.slack, story.canaries
    found: list[str] = []
    carriers: dict[str, int] = {}
    for place in slack.workspace.channels.values():
        for message in place.messages:
            said = [json.dumps([version.text, version.blocks, version.metadata]) for version in message.versions]
            found += canaries.found_in(f"message in {place.name or place.id}", "".join(said), but_links=True)
            for name, token in canaries.links.items():
                times = sum(token in version for version in said)
                carriers[name] = carriers.get(name, 0) + times
                assert not times or place.id == slack.dm(story.outside.ada), "only Ada is shown her link"
    assert set(carriers.values()) == {1}, "each link is shown once: nobody, not even we, can show it again"
    return found


CLI = (
    ("check",),
    ("audit", "verify"),
    ("audit", "export"),
    ("audit", "export", "--format", "jsonl"),
    ("audit", "erase", "Nobody"),
    ("migrate",),
    ("keys", "rotate"),
    ("--help",),
)


def commands_of(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that the command line has, by its words."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield words
    for action in below:
        for word, parsed in action.choices.items():
            yield from commands_of(parsed, (*words, word))


def test_every_command_is_listened_to() -> None:
    listened = {arguments[:2] if arguments[0] in ("audit", "keys") else arguments[:1] for arguments in CLI}
    # `serve` is the program of the story; `demo` has no secrets but those it makes up itself.
    assert set(commands_of(_parser())) == listened - {("--help",)} | {("serve",), ("demo",)}


def note_every_link(story: Story) -> None:
    """The links of every version of every message: those of the story, and those made when a message was edited."""
    slack, links = story.outside.world.slack, story.canaries.links
    said = [m.versions for place in slack.workspace.channels.values() for m in place.messages]
    shown = re.findall(r"/connect/([\w-]{43})", repr([version.blocks for versions in said for version in versions]))
    assert set(links.values()) < set(shown), "some message was edited while its link worked"
    links |= {f"link {number} of an edit": token for number, token in enumerate(set(shown) - set(links.values()))}


async def engine_arguments(story: Story) -> str:
    """What the engine keeps of every job, opened with the keys: encryption hides nothing from whoever has them."""
    async with story.outside.database.reading() as session:
        stored = await sealed_columns.of_engine(session)
    assert len(stored) > 3, "jobs ran"
    keys = keys_of(story)
    return "\n".join(keys.open(text).get_secret_value() for text in stored)


def keys_of(story: Story) -> Vault:
    return Vault(SecretStr(story.outside.program.environment["ENCRYPTION_KEYS"]))


def opened_with_the_keys(story: Story, stored: dict[str, bytes]) -> str:
    """Everything in the database that the keys open, wherever it stands."""
    keys, opened = keys_of(story), []
    for sealed in {found.decode() for content in stored.values() for found in FERNET.findall(content)}:
        with contextlib.suppress(Unreadable):
            opened.append(keys.open(sealed).get_secret_value())
    assert len(opened) > 3, "the program's own secrets and its jobs are encrypted"
    return "\n".join(opened)


async def test_no_secret_of_the_story_is_written_anywhere(database_url: str, tmp_path: Path) -> None:
    # Each form of the log once: which database is under it makes no difference there.
    form = "console" if database_url.startswith("sqlite") else "json"
    folder = tmp_path / "program"
    folder.mkdir()
    async with outside(database_url, folder, LOG_LEVEL="debug", LOG_FORMAT=form) as out:
        story = Story(out, Canaries(settings_of(out)))
        watch_tokens(out, story.canaries)
        async with asyncio.timeout(240):
            await tell(story)
        operators: dict[str, str] = {}
        async with httpx.AsyncClient(base_url=out.program.url, trust_env=False) as operator:
            for path in ("/readyz", "/metrics", "/healthz"):
                operators[path] = (await operator.get(path)).text
        note_what_the_world_knows(story)
        note_every_link(story)
        canaries = story.canaries
        kinds = {name.split()[0] for name in canaries.values}
        assert {"state", "browser", "code", "refresh", "access", "key", "response_url", "LEAF_PASSWORD"} <= kinds

        found: list[str] = []
        found += canaries.found_in("the engine's jobs", await engine_arguments(story))
        live = bytes_of(database_url, folder)
        found += canaries.links_in("what the keys open", opened_with_the_keys(story, live))
        for name, content in live.items():
            found += canaries.found_in(f"database {name}", content)
        found += in_slack(story)
        for page in story.pages:
            found += canaries.found_in("a page", page, but_links=True)
        for path, told in operators.items():
            found += canaries.found_in(path, told)
        await out.program.is_killed()
        for name, content in bytes_of(database_url, folder).items():
            found += canaries.found_in(f"database {name} after the end", content)
        for arguments in CLI:
            code, said, complained = await out.program.runs(*arguments)
            found += canaries.found_in(f"{' '.join(arguments)}, exit {code}", said + complained)
        written = out.program.output
        assert written.count("Traceback") >= 5, "the crashes happened and were logged"
        found += canaries.found_in("the log", written)
        assert found == []
