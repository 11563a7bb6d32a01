"""A list of growers in a real browser: a file is chosen, the plan is read, the links are made, the file comes back."""

from __future__ import annotations

import csv
import io
import os
import re

from playwright.async_api import FilePayload, Page, expect

from bot.demo import Demo
from tests.browser.conftest import PATIENCE, open_as_agent

LIST = """name,e-mail
Ada Lovelace Farms,ada@example.com
Hopper Grain,north@hoppergrain.example
Hopper Grain,
Sato Family Orchards,
Nobody's Farm,
"""


async def test_from_a_file_to_a_file_without_typing_a_name(demo: Demo, page: Page) -> None:
    await open_as_agent(page, demo)
    await page.locator('.room-link[data-name="growers"]').click()
    await page.locator("#composer-text").fill("/fieldview bulk")
    await page.locator("#composer-text").press("Enter")
    dialog = page.locator("dialog.modal")
    await expect(dialog).to_contain_text("No link is made before you say so", timeout=PATIENCE)
    await page.locator("#modal-submit").click()
    await expect(dialog).to_contain_text("Choose a file, or paste lines here.", timeout=PATIENCE)
    chosen: FilePayload = {"name": "growers.csv", "mimeType": "text/csv", "buffer": LIST.encode()}
    await dialog.locator("input[type=file]").set_input_files(chosen)
    await expect(dialog.locator(".file-state")).to_have_text("Ready", timeout=PATIENCE)
    await _keep(page, "form")
    await page.locator("#modal-submit").click()
    await expect(page.locator("#messages")).to_contain_text("I have read growers.csv", timeout=PATIENCE)

    await page.get_by_role("button", name=re.compile("FieldView")).first.click()
    if await page.locator('[data-tab="messages"]').count():
        await page.locator('[data-tab="messages"]').click()
    message = page.locator("#messages .message").filter(has_text="growers.csv").first
    await expect(message).to_contain_text("2 growers would get a link", timeout=PATIENCE)
    await expect(message).to_contain_text("fits several growers")
    await expect(message).to_contain_text("fits nobody at Leaf")
    await _keep(page, "plan")
    await message.locator('.btn[data-action-id="bulk-start"]').click()
    await expect(message).to_contain_text("✅ growers.csv: 2 links made.", timeout=PATIENCE)
    file = page.locator("#messages a.file")
    await expect(file).to_have_count(1, timeout=PATIENCE)
    await _keep(page, "done")
    address = await file.get_attribute("href")
    assert address
    answer = await page.request.get(f"{demo.url.rstrip('/')}{address}")
    saved = (await answer.body()).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(saved)))
    assert [bool(row["link"]) for row in rows] == [True, True, False, False, False]
    assert rows[0]["state"] == "sent by direct message"
    await page.goto(rows[1]["link"])
    await expect(page.locator("body")).to_contain_text("Hopper Grain", timeout=PATIENCE)


async def _keep(page: Page, name: str) -> None:
    """A picture for somebody to look at, where `SCREENSHOTS` names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/bulk-{name}.png")
