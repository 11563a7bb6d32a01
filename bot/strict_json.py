"""JSON from outside, read one way only: no key twice, no NaN, no nesting without end."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loads(text: str | bytes) -> Any:
    """The value. Raises ValueError for whatever two readers could understand differently, or that is no JSON.

    Bytes must be UTF-8.
    """
    try:
        return _DECODER.decode(text.decode() if isinstance(text, bytes) else text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_twins, parse_constant=_no_number)
