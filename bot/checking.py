"""`check`: every setting and every outside service, in plain words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import httpx
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy.exc import SQLAlchemyError

from bot.app import Tuning, fieldview_client, leaf_client
from bot.errors import BotError, ProviderRefusedUs, ProviderRejected
from bot.settings import LOOPBACK, Settings
from bot.slack.client import SlackClient
from storage.database import Database, schema_is_current

NEEDED_SCOPES = frozenset(
    {"commands", "chat:write", "im:write", "users:read", "users:read.email", "channels:read", "groups:read"}
)
"""What the manifest asks for."""

PROBE = SecretStr("this-is-not-a-code")


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` says what to do when it is not well."""

    subject: str
    ok: bool
    words: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = "ok   " if self.ok else "WRONG"
        return f"{mark}  {self.subject}: {self.words}" + (f"\n       → {self.remedy}" if self.remedy else "")


async def check(settings: Settings, say: Callable[[str], None]) -> int:
    """Report on everything; returns 1 when something is wrong, else 0."""
    wrong = 0
    async with aclosing(_findings(settings)) as findings:
        async for finding in findings:
            say(str(finding))
            wrong += not finding.ok
    say("Everything is in order." if not wrong else f"{wrong} thing{'s' * (wrong != 1)} to mend.")
    return 1 if wrong else 0


async def _findings(settings: Settings) -> AsyncGenerator[Finding, None]:
    yield Finding("Settings", True, "all there and well-formed")
    yield _public_url(settings)
    yield await _database(settings)
    yield await _slack(settings)
    if settings.slack_app_token:
        yield await _socket_mode(settings, settings.slack_app_token)
    if settings.alert_channel:
        yield await _alert_channel(settings, settings.alert_channel)
    yield await _leaf(settings)
    yield await _fieldview(settings)


def _public_url(settings: Settings) -> Finding:
    local = urlsplit(settings.public_url).hostname in LOOPBACK
    words = f"growers reach the bot at {settings.public_url}"
    if local:
        words += ", which is only this machine"
    return Finding(
        "Public address", True, words + f"; FieldView must have {settings.redirect_uri} registered to the letter"
    )


async def _database(settings: Settings) -> Finding:
    url = settings.database_url.get_secret_value()
    database = Database(url)
    try:
        async with database.reading() as session:
            await session.connection()
        if schema_is_current(url):
            return Finding("Database", True, f"{database.url.get_backend_name()} answers, at the newest version")
        return Finding("Database", False, "not at the newest version", "Run `fieldview-bot migrate`.")
    except (SQLAlchemyError, OSError) as failure:
        return Finding(
            "Database", False, f"does not answer ({type(failure).__name__})", "Check DATABASE_URL and the server."
        )
    finally:
        await database.close()


async def _slack(settings: Settings) -> Finding:
    slack = SlackClient(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
    try:
        workspace = await slack.workspace()
    except ProviderRefusedUs as refused:
        return Finding(
            "Slack",
            False,
            f"refuses the bot ({refused.detail})",
            "Check SLACK_BOT_TOKEN; reinstall the app if need be.",
        )
    except BotError as failure:
        return Finding("Slack", False, str(failure), "Check SLACK_API_URL and the network.")
    missing = NEEDED_SCOPES - workspace.scopes if workspace.scopes else frozenset()
    if missing:
        words = f"installed in {workspace.name}, but without {', '.join(sorted(missing))}"
        return Finding("Slack", False, words, "Add these scopes to the app and reinstall it.")
    return Finding("Slack", True, f"installed in {workspace.name}")


async def _socket_mode(settings: Settings, app_token: SecretStr) -> Finding:
    web = AsyncWebClient(base_url=settings.slack_api_url, retry_handlers=[])
    remedy = "Check SLACK_APP_TOKEN (it begins with xapp- and needs connections:write), or leave it empty to use HTTP."
    try:
        await web.apps_connections_open(app_token=app_token.get_secret_value())
    except SlackApiError as refused:
        return Finding("Socket Mode", False, f"Slack refuses it ({refused.response.get('error', 'no reason')})", remedy)
    except (aiohttp.ClientError, TimeoutError, SlackClientError) as failure:
        return Finding("Socket Mode", False, f"Slack does not answer ({type(failure).__name__})", remedy)
    return Finding("Socket Mode", True, "Slack takes the app token")


async def _alert_channel(settings: Settings, channel: str) -> Finding:
    slack = SlackClient(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
    remedy = "Check ALERT_CHANNEL and invite the bot there with /invite."
    try:
        found = await slack.channel(channel)
    except BotError as failure:
        return Finding("Alert channel", False, str(failure), remedy)
    if not found.is_member or found.is_archived:
        return Finding("Alert channel", False, f"#{found.name} cannot be posted to", remedy)
    return Finding("Alert channel", True, f"#{found.name}")


async def _leaf(settings: Settings) -> Finding:
    database = Database(settings.database_url.get_secret_value())
    leaf = leaf_client(settings, database, Tuning(unpaced=True))
    try:
        page = await leaf.users(0)
    except ProviderRefusedUs:
        return Finding("Leaf", False, "refuses the login", "Check LEAF_USERNAME and LEAF_PASSWORD.")
    except BotError as failure:
        return Finding("Leaf", False, str(failure), "Check LEAF_API_URL and the network; Leaf may be down.")
    finally:
        await leaf.close()
        await database.close()
    words = f"logged in; this account has {page.total} growers"
    return Finding("Leaf", True, words, "" if page.total else "None? Then this may be the wrong account.")


async def _fieldview(settings: Settings) -> Finding:
    """FieldView refuses a made-up code; how it refuses tells whether it knows us."""
    fieldview = fieldview_client(settings)
    try:
        await fieldview.exchange(PROBE)
    except ProviderRejected as rejected:
        if rejected.code == "invalid_grant" and "mismatch" not in rejected.detail.lower():
            return Finding("FieldView", True, "knows this application")
        remedy = f"Check FIELDVIEW_CLIENT_ID, and that {settings.redirect_uri} is registered at FieldView."
        return Finding("FieldView", False, f"does not accept this set-up ({rejected.code or 'no reason'})", remedy)
    except ProviderRefusedUs:
        remedy = "Check FIELDVIEW_CLIENT_ID and FIELDVIEW_CLIENT_SECRET."
        return Finding("FieldView", False, "refuses this application", remedy)
    except (BotError, httpx.HTTPError) as failure:
        return Finding("FieldView", False, str(failure), "Check FIELDVIEW_TOKEN_URL and the network.")
    finally:
        await fieldview.close()
    return Finding("FieldView", False, "accepted a code that does not exist", "Check FIELDVIEW_TOKEN_URL.")
