"""What people type, paste and mention, as Slack delivers it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory import unquoted
from bot.errors import UsageError
from handlers import payloads
from handlers.call import Call, clean, command_and_rest, tidy
from handlers.payloads import Malformed

NAMES = st.text(min_size=1, max_size=120).filter(lambda name: clean(name).split())
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=10), inside, max_size=3),
    max_leaves=8,
)


def call(text: str) -> Call:
    return Call("U1", "T1", "C1", "r", "events", text)


def escaped(text: str) -> str:
    """As Slack sends what a person typed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@pytest.mark.parametrize(
    ("typed", "word", "rest"),
    [
        ("connect Ada Lovelace Farms", "connect", "Ada Lovelace Farms"),
        ("  connect \n\t Ada   Lovelace  ", "connect", "Ada Lovelace"),
        ("connect\tAda", "connect", "Ada"),
        ("connect\nAda", "connect", "Ada"),
        ("connect\u00a0Ada\u202fLovelace", "connect", "Ada Lovelace"),
        ("\u200bconnect\u200e Ada", "connect", "Ada"),
        ("CONNECT O'Brien", "CONNECT", "O'Brien"),
        ("connect Smith &amp; Sons &lt;West&gt;", "connect", "Smith & Sons <West>"),
        ("connect AT&amp;amp;T", "connect", "AT&amp;T"),
        ("connect <mailto:ada@example.com|ada@example.com>", "connect", "ada@example.com"),
        ("connect <mailto:ada@example.com>", "connect", "ada@example.com"),
        ("connect <http://sato.com|sato.com> Orchards", "connect", "sato.com Orchards"),
        ("connect <@U0123|ada>", "connect", "<@U0123|ada>"),
        ("events <@U0123|a&amp;b> 60", "events", "<@U0123|a&amp;b> 60"),
        ("connect أحمد الزراعة", "connect", "أحمد الزراعة"),
        ("connect 🌽 Żółw &amp; Ñandú", "connect", "🌽 Żółw & Ñandú"),
        ("connect a\x00b", "connect", "a b"),
        ("", "", ""),
        ("  \n ", "", ""),
    ],
)
def test_what_is_typed_becomes_a_word_and_the_rest(typed: str, word: str, rest: str) -> None:
    assert command_and_rest(typed) == (word, rest)


@given(NAMES)
def test_a_name_arrives_as_it_was_typed(name: str) -> None:
    word, rest = command_and_rest(f"connect {escaped(name)}")
    assert (word, rest) == ("connect", " ".join(clean(name).split()))


@given(st.text(max_size=3000))
def test_no_text_crashes_and_what_comes_out_can_be_stored(text: str) -> None:
    word, rest = command_and_rest(text)
    tidy(rest)
    unquoted(rest)
    assert "\x00" not in word + rest
    (word + rest).encode()


@pytest.mark.parametrize(
    ("typed", "thing"),
    [
        ('"Ada"', "Ada"),
        ("“Ada Farms”", "Ada Farms"),
        ("\u2018O’Brien’", "O’Brien"),
        ("'O'Brien'", "O'Brien"),
        ("«Ферма»", "Ферма"),
        ("O'Brien", "O'Brien"),
        ('"Ada" and "Bob"', '"Ada" and "Bob"'),
        ('""', ""),
        ("'", "'"),
    ],
)
def test_quotation_marks_around_a_name_are_no_part_of_it(typed: str, thing: str) -> None:
    assert unquoted(typed) == thing


@pytest.mark.parametrize(
    ("typed", "thing", "days"),
    [
        ("Ada", "Ada", 30),
        ("Ada 60", "Ada", 60),
        ("Ada Lovelace 7d", "Ada Lovelace", 7),
        ("Ada 1 Day", "Ada", 1),
        ("Ada 90 days", "Ada", 90),
        ('"Farm 12"', '"Farm 12"', 30),
        ('"Farm 12" 5', '"Farm 12"', 5),
        ("<@U0123|ada> 14", "<@U0123|ada>", 14),
        ("12", "12", 30),
        ("Farm 12345", "Farm 12345", 30),
        ("Farm ١٢", "Farm ١٢", 30),
    ],
)
def test_a_number_at_the_end_is_the_days(typed: str, thing: str, days: int) -> None:
    assert call(typed).with_number("grower", "usage", 30) == (thing, days)


@given(NAMES.map(lambda name: tidy(escaped(name))), st.integers(1, 9999))
def test_a_name_and_days_come_apart_again(name: str, days: int) -> None:
    if unquoted(f"{name} {days}"):
        assert call(f"{name} {days}").with_number("grower", "usage", 30) == (name, days)


@pytest.mark.parametrize("nothing", ["", '""', "“ ”"])
def test_a_command_that_needs_a_grower_says_so(nothing: str) -> None:
    with pytest.raises(UsageError, match="Which grower"):
        call(nothing).one("grower", "/fieldview connect <grower>")


def test_a_channel_is_named_or_this_one() -> None:
    assert call("").channel_named("usage") == "C1"
    assert call("<#C0ABC|alerts>").channel_named("usage") == "C0ABC"
    for junk in ("#alerts", "alerts", "<#C0ABC|alerts> please", "<@U0ABC|ada>"):
        with pytest.raises(UsageError, match="usage"):
            call(junk).channel_named("usage")


READERS: list[Callable[[dict[str, Any]], Any]] = [
    payloads.typed_command,
    lambda body: list(payloads.clicks(body)),
    payloads.submission,
    payloads.opened_home,
    payloads.answer_address,
]


@given(
    st.sampled_from(READERS),
    st.dictionaries(
        st.sampled_from(
            [
                *("user", "user_id", "team", "team_id", "channel", "channel_id", "text"),
                *("actions", "container", "view", "event", "response_url", "trigger_id"),
            ]
        ),
        JUNK | st.dictionaries(st.sampled_from(["id", "state", "values", "action_id", "user", "callback_id"]), JUNK),
    ),
)
def test_a_body_is_read_or_called_malformed(read: Callable[[dict[str, Any]], Any], body: dict[str, Any]) -> None:
    with suppress(Malformed):
        read(body)


def test_ids_are_ids() -> None:
    good = {"user_id": "U0123", "channel_id": "C0123", "team_id": "T0123", "text": "help"}
    assert payloads.typed_command(good).user == "U0123"
    for key in ("user_id", "channel_id", "team_id"):
        for bad in ("u0123", "U", "U0123'; --", "U" * 40, ["U0123"], 7):
            with pytest.raises(Malformed):
                payloads.typed_command(good | {key: bad})


def test_mentions_are_found_behind_a_name_and_a_wall_of_broken_ones_costs_little() -> None:
    assert call("Ada's Farm <@U0123|ada> <#C0123|grow>").with_mentions("g", "u") == ("Ada's Farm", "U0123", "C0123")
    assert call("Ada <@U0123>").with_mentions("g", "u") == ("Ada", "U0123", None)
    assert call("Ada <#C0123|>").with_mentions("g", "u") == ("Ada", None, "C0123")
    began = time.process_time()
    for broken in (" <@UA|", " <#CA|", " <@UA> <#CA|"):
        wall = broken * 10_000 + "\n"
        assert call(wall).with_mentions("g", "u") == (wall, None, None)
    assert time.process_time() - began < 1, "each by itself took seconds"
