"""`check`: the self-check from the command line, with what only the settings can tell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import httpx
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.app import Tuning, fieldview_client, leaf_client, premises, system_clock
from bot.errors import BotError, ProviderRefusedUs, ProviderRejected
from bot.reports import Finding, Level
from bot.selfcheck import SelfCheck
from bot.settings import Settings
from bot.slack.client import SlackClient
from bot.vault import Vault
from storage.database import Database

PROBE = SecretStr("this-is-not-a-code")

MARKS = {Level.GREEN: "ok   ", Level.YELLOW: "LOOK ", Level.RED: "WRONG"}


async def check(settings: Settings, say: Callable[[str], None]) -> int:
    """Report on everything; returns 1 when something is wrong, else 0."""
    async with _selfcheck(settings) as selfcheck:
        findings = [Finding("Settings", Level.GREEN, "all there and well-formed"), *await selfcheck.findings()]
    if settings.slack_app_token:
        findings.append(await _socket_mode(settings, settings.slack_app_token))
    findings.append(await _fieldview(settings))
    for finding in findings:
        say(_line(finding))
    wrong = sum(finding.level is Level.RED for finding in findings)
    say("Everything is in order." if not wrong else f"{wrong} thing{'s' * (wrong != 1)} to mend.")
    return 1 if wrong else 0


def _line(finding: Finding) -> str:
    remedy = f"\n       → {finding.remedy}" if finding.remedy else ""
    return f"{MARKS[finding.level]}  {finding.subject}: {finding.words}{remedy}"


@asynccontextmanager
async def _selfcheck(settings: Settings) -> AsyncIterator[SelfCheck]:
    database = Database(settings.database_url.get_secret_value())
    leaf = leaf_client(settings, database, Tuning(unpaced=True))
    slack = SlackClient(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
    vault = Vault(settings.encryption_keys)
    try:
        yield SelfCheck(database, leaf, slack, vault, system_clock, premises(settings, running=False))
    finally:
        await leaf.close()
        await database.close()


async def _socket_mode(settings: Settings, app_token: SecretStr) -> Finding:
    web = AsyncWebClient(base_url=settings.slack_api_url, retry_handlers=[])
    remedy = "Check SLACK_APP_TOKEN (it begins with xapp- and needs connections:write), or leave it empty to use HTTP."
    try:
        await web.apps_connections_open(app_token=app_token.get_secret_value())
    except SlackApiError as refused:
        words = f"Slack refuses it ({refused.response.get('error', 'no reason')})"
        return Finding("Socket Mode", Level.RED, words, remedy)
    except (aiohttp.ClientError, TimeoutError, SlackClientError) as failure:
        return Finding("Socket Mode", Level.RED, f"Slack does not answer ({type(failure).__name__})", remedy)
    return Finding("Socket Mode", Level.GREEN, "Slack takes the app token")


async def _fieldview(settings: Settings) -> Finding:
    """FieldView refuses a made-up code; how it refuses tells whether it knows us."""
    fieldview = fieldview_client(settings)
    try:
        await fieldview.exchange(PROBE)
    except ProviderRejected as rejected:
        if rejected.code == "invalid_grant" and "mismatch" not in rejected.detail.lower():
            return Finding("FieldView", Level.GREEN, "knows this application")
        remedy = f"Check FIELDVIEW_CLIENT_ID, and that {settings.redirect_uri} is registered at FieldView."
        words = f"does not accept this set-up ({rejected.code or 'no reason'})"
        return Finding("FieldView", Level.RED, words, remedy)
    except ProviderRefusedUs:
        remedy = "Check FIELDVIEW_CLIENT_ID and FIELDVIEW_CLIENT_SECRET."
        return Finding("FieldView", Level.RED, "refuses this application", remedy)
    except (BotError, httpx.HTTPError) as failure:
        return Finding("FieldView", Level.RED, str(failure), "Check FIELDVIEW_TOKEN_URL and the network.")
    finally:
        await fieldview.close()
    return Finding("FieldView", Level.RED, "accepted a code that does not exist", "Check FIELDVIEW_TOKEN_URL.")
