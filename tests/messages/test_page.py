"""docs/messages.md shows every text the bot can send: `python -m tests.messages.gallery > docs/messages.md`."""

from __future__ import annotations

from tests.house import repository
from tests.messages import gallery


def test_the_page_shows_what_the_bot_says() -> None:
    anew = "write it anew: python -m tests.messages.gallery > docs/messages.md"
    assert repository.text("docs/messages.md") == gallery.page(), anew
