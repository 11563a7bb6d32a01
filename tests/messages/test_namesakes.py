"""Who reads of a grower can tell them from another of the same name, in the message and where it is only announced."""

from __future__ import annotations

import pytest

from bot.messages import Message
from tests.messages.namesakes import NAMING, TWINS
from tests.messages.reading import blocks_of, read, seen


@pytest.mark.parametrize("title", NAMING)
def test_two_growers_of_one_name_read_differently(title: str) -> None:
    first, second = (NAMING[title](twin) for twin in TWINS)
    assert TWINS[0].name in seen(first)
    assert seen(first) != seen(second)


@pytest.mark.parametrize("title", NAMING)
def test_what_tells_them_apart_is_read_once(title: str) -> None:
    # Beside the text, a menu names them for itself, and so does the doubt about an account.
    told = read([block for block in blocks_of(NAMING[title](TWINS[1])) if block["type"] != "actions"])
    assert told.replace("Leaf knows this grower as second@twins.example", "").count("second@twins.example") <= 1


@pytest.mark.parametrize("title", NAMING)
def test_they_are_told_apart_on_a_lock_screen_too(title: str) -> None:
    first, second = (NAMING[title](twin) for twin in TWINS)
    if isinstance(first, Message) and TWINS[0].name in first.text:
        assert first.text != second.text
