"""Whether the public address leads to this program, as far as that can be seen from where it runs."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from bot.reports import Level

PATIENCE = 3.0
"""Seconds for each step: the connection with TLS, and every part of the answer; twice that for everything."""

MOST = 1000
"""Bytes of an answer that are looked at."""

NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}

NO_ANSWER_OF_OURS = (502, 503, 504)
"""What proxies answer with while nothing behind them does."""


@dataclass(frozen=True)
class Reach:
    """How the public address looks from here, in words that go on a sentence, and what to do about it."""

    level: Level
    words: str
    remedy: str = ""


async def look(public_url: str, *, running: bool, tls: ssl.SSLContext | None = None) -> Reach:
    """Ask for `/healthz` there, once, with nothing of ours in the request; where it leads elsewhere is not followed.

    `running`: this process is the bot itself, so whatever is there has to lead to it. `tls` is whom to trust.
    """
    try:
        async with (
            asyncio.timeout(2 * PATIENCE),
            httpx.AsyncClient(timeout=PATIENCE, follow_redirects=False, verify=tls or True) as http,
            http.stream("GET", f"{public_url}/healthz") as answer,
        ):
            said = await _beginning(answer)
    except (httpx.HTTPError, OSError) as failure:
        return _unreached(failure)
    status = answer.status_code
    if status == 200 and _is_ours(said):
        return Reach(Level.GREEN, "it answers there")
    if status in NO_ANSWER_OF_OURS:
        words = f"something answers there for it (HTTP {status}), but does not reach it"
        remedy = "Point the reverse proxy at HOST and PORT" + ("." if running else ", and start the bot.")
        return Reach(Level.RED if running else Level.YELLOW, words, remedy)
    words = f"another program answers there (HTTP {status})"
    if 300 <= status < 400:
        words = f"what answers there leads elsewhere (HTTP {status}), and growers’ links would not work"
    return Reach(Level.RED, words, "Check PUBLIC_URL, and where the reverse proxy leads.")


async def _beginning(answer: httpx.Response) -> bytes:
    said = b""
    async for part in answer.aiter_bytes():
        said += part
        if len(said) > MOST:
            break
    return said[:MOST]


def _is_ours(said: bytes) -> bool:
    try:
        return bool(json.loads(said) == {"status": "alive"})
    except ValueError:
        return False


def _unreached(failure: BaseException) -> Reach:
    causes = list(_causes(failure))
    for cause in causes:
        if isinstance(cause, socket.gaierror) and cause.errno in NO_SUCH_NAME:
            return Reach(Level.RED, "there is no such name", "Check PUBLIC_URL and the DNS record.")
        if isinstance(cause, ssl.SSLCertVerificationError):
            words = f"its certificate is not good for that ({cause.verify_message})"
            return Reach(Level.RED, words, "Renew the certificate, with the chain that belongs to it.")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Reach(Level.RED, "what answers there speaks no TLS", "Check PUBLIC_URL and the reverse proxy.")
    # A machine behind a firewall often cannot reach its own public address.
    words = "it cannot be reached from here, which need not mean from outside"
    return Reach(Level.YELLOW, words, "Open PUBLIC_URL/healthz on a phone: it says that the bot is alive.")


def _causes(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__
