"""Leaf read by a bare httpx loop: what a sweep is compared with, and whence the bot's books are filled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from benchmarks.processes import Sandbox

USERS = "/services/usermanagement/api/users"


@asynccontextmanager
async def logged_in(world: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of Leaf with a token."""
    async with httpx.AsyncClient(base_url=world.leaf_url, trust_env=False, timeout=60) as client:
        login = {"username": world.environment["LEAF_USERNAME"], "password": world.environment["LEAF_PASSWORD"]}
        answer = await client.post("/api/authenticate", json=login)
        client.headers["Authorization"] = f"Bearer {answer.json()['id_token']}"
        yield client


async def pages(client: httpx.AsyncClient) -> AsyncIterator[list[dict[str, Any]]]:
    """Every page of users, in the order the bot asks for them, parsed."""
    number, seen, total = 0, 0, 1
    while seen < total:
        answer = await client.get(USERS, params={"page": number, "size": 100, "sort": "id,asc"})
        page: list[dict[str, Any]] = answer.raise_for_status().json()
        total = int(answer.headers["X-Total-Count"])
        number, seen = number + 1, seen + len(page)
        yield page


async def all_users(world: Sandbox) -> list[dict[str, Any]]:
    """Everybody Leaf has."""
    async with logged_in(world) as client:
        return [user async for page in pages(client) for user in page]


async def seconds_for_pages(world: Sandbox) -> float:
    """How long it takes to read every page and keep nothing."""
    async with logged_in(world) as client:
        before = time.perf_counter()
        async for _ in pages(client):
            pass
        return time.perf_counter() - before


async def seconds_for_each(world: Sandbox, workers: int) -> float:
    """How long it takes to read every page, and for each user on it the credential, `workers` at a time."""
    async with logged_in(world) as client:
        before = time.perf_counter()
        async for page in pages(client):
            waiting = iter(page)
            await asyncio.gather(*(_ask(client, waiting) for _ in range(workers)))
        return time.perf_counter() - before


async def _ask(client: httpx.AsyncClient, waiting: Iterator[dict[str, Any]]) -> None:
    for user in waiting:
        answer = await client.get(f"{USERS}/{user['id']}/climate-field-view-credentials")
        answer.raise_for_status().json()
