"""What nobody honest sends, for whatever takes text, JSON or bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T = TypeVar("T")

TEXTS = [
    "",
    " ",
    "%",
    "_",
    "%%%_",
    "\\",
    "' OR '1'='1",
    "'; DROP TABLE audit; --",
    "Robert\u0000",
    "a\r\n2026-11-24T00:00:00Z [error] forged",
    "\x1b[2J\x1b[31mred",
    "<!channel> <@U0ADMIN> <https://evil.example|click>",
    "<!everyone|x>",
    "&lt;!channel&gt;",
    "*bold* _it_ ~s~ `c` ```f```",
    "=cmd|' /C calc'!A0",
    "{{7*7}} ${7*7} {0.__class__}",
    "../../etc/passwd",
    "\u202egnp.exe\u202c",
    "\ud83d\ude00" * 3,
    "\N{GRINNING FACE}" * 200,
    "क्षि" * 100,
    "e" + "\u0301" * 400,
    "x" * 500,
    "x" * 20_000,
    '{"grower":"g","days":1e400,"page":1}',
    '{"grower":{"a":1},"days":"x","page":null}',
    '{"grower":null,"actor":{},"action":[],"since":"never","before":-1}',
    '{"grower":"x","actor":"U1","since":"2026-11-24T00:00:00+99:99","before":99999999999999999999999999}',
    "[" * 5_000,
    "9" * 5_000,
    "null",
    "U0GRACE",
    "by me since 99999999d",
    "by <@U1> since 0000-00-00",
    "Ada 9999",
]
text = st.sampled_from(TEXTS) | st.text(max_size=60)


def examples(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """So many examples. Only collected: the bot uses chance of its own, which Hypothesis does not like beside it."""
    found: list[T] = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: T) -> None:
        found.append(example)

    collect()
    return found


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


JSONS: Iterable[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"7",
    b"1e999999",
    b"NaN",
    b'{"type":NaN}',
    b'{"type":"a","type":"b"}',
    b'{"type":"credentialsUnauthenticated","credentialId":"a","credentialId":"b"}',
    b'{"type":"\xff\xfe"}',
    b'{"type":"\\ud800"}',
    b'\xef\xbb\xbf{"type":"x"}',
    b'{"type": ' + b"9" * 10_000 + b"}",
    nested(100_000),
    b'{"type":"credentialsUnauthenticated","credentialId":' + nested(50_000) + b"}",
    b"\x1f\x8b\x08\x00" + b"\x00" * 50,
]

WORDS = ("type", "user", "id", "actions", "action_id", "value", "view", "state", "values", "event", "text", "user_id")
shape: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inside, max_size=5),
    max_leaves=15,
)
