"""Tables as spreadsheets write and read them: what comes in is hostile, what goes out starts no formula."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.errors import UsageError
from storage.growers import fold

MOST_LINES = 1000
MOST_BYTES = 1_000_000
LONGEST = 300
"""Characters of one cell that are looked at: nobody is called more."""

MOST_CELLS = 50
"""Cells of one line: each may be the word by which a grower is looked up."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet begins a formula with; the last four are the wide forms that East Asian ones take too."""

_SPLIT = re.compile(r"""(?<=[;,\t\r\n])(?=[ "]*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a cell goes on as a formula for a spreadsheet that splits lines elsewhere than we do: half of Europe's at ;."""

_RANKS = {
    **dict.fromkeys(("id", "leafid", "leafuser", "leafuserid"), 0),
    **dict.fromkeys(("externalid", "external", "customerid", "customernumber"), 1),
    **dict.fromkeys(("email", "emailaddress", "mail", "growersemail"), 2),
    **dict.fromkeys(("name", "grower", "growername", "fullname", "farm", "farmname"), 3),
}
"""Headings we know, the surest to tell one grower from another first."""

_TAGS = 4
"""The rank of the column that says nothing of who is meant: the tags that the grower gets."""

_RANKS |= dict.fromkeys(("tags", "tag"), _TAGS)

LONGEST_TAGS = 1000
"""Characters of all tags on a line that are looked at."""

_AS_CSV = "In Excel choose *Save as → CSV UTF-8*, in Google Sheets *Download → CSV*."


@dataclass(frozen=True)
class Line:
    """One line of a list with something on it: its number in the file, the text, the words that may say who is meant,
    what is wrong with it, and what is written there for tags."""

    number: int
    text: str
    words: tuple[str, ...] = ()
    fault: str | None = None
    tags: str = ""


@dataclass(frozen=True)
class Sheet:
    """A list as it was read. `left_out` are the headings of columns that are not understood."""

    lines: Sequence[Line]
    left_out: Sequence[str] = ()


def harmless(value: object) -> object:
    """A cell that no spreadsheet takes for a formula, nor a part of it, wherever it splits the line."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = _SPLIT.sub("'", value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULAS) else text


def written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A CSV file that Excel, too, reads as UTF-8."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows([harmless(value) for value in row] for row in rows)
    return text.getvalue().encode("utf-8-sig", "replace")


def sheet_of(content: bytes) -> Sheet:
    """The lines of a CSV file, or of pasted text, that have something on them. Raises UsageError when it is neither.

    Commas, semicolons and tabs are understood, with or without headings. A cell over several lines is not: so every
    line has the number that an editor shows, and one bad quotation mark costs one line.
    """
    if len(content) > MOST_BYTES:
        raise UsageError(f"That file is larger than {MOST_BYTES // 1_000_000} MB. Split it, please.")
    numbered = [(number, raw) for number, raw in enumerate(_split(content), 1) if raw.strip(b" \t,;\xef\xbb\xbf")]
    if not numbered:
        raise UsageError("There is nothing in that list.")
    if len(numbered) > MOST_LINES:
        raise UsageError(
            f"That list has {len(numbered):,} lines, and I take {MOST_LINES:,} at a time. Split it, please."
        )
    left_out: list[str] = []
    if not (lines := list(_read(numbered, left_out))):
        raise UsageError("There is nothing in that list but its headings.")
    return Sheet(lines, left_out)


def _split(content: bytes) -> list[bytes]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeError:
            raise UsageError(f"I cannot read that file. {_AS_CSV}") from None
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")) or b"\0" in content:
        raise UsageError(f"That is not a CSV file. {_AS_CSV}")
    unmarked = content.removeprefix(b"\xef\xbb\xbf")
    return unmarked.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def _read(numbered: list[tuple[int, bytes]], left_out: list[str]) -> Iterator[Line]:
    delimiter, ranks, width = _delimiter(numbered[0][1]), None, 0
    for position, (number, raw) in enumerate(numbered):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            yield Line(number, _tidy(raw.decode("utf-8", "replace")), fault=f"It is not in UTF-8. {_AS_CSV}")
            continue
        if position == 0 and text.lower().startswith("sep=") and len(text.strip()) == 5:
            delimiter = text.strip()[4]
            continue
        try:
            raw_cells = next(csv.reader([text], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration):
            yield Line(number, _tidy(text), fault="A quotation mark on it is not closed.")
            continue
        if len(raw_cells) > MOST_CELLS:
            yield Line(number, _tidy(text[:LONGEST]), fault=f"It has more than {MOST_CELLS} cells.")
            continue
        cells = [_tidy(cell) for cell in raw_cells]
        if ranks is None and (found := _headings(cells)):
            ranks, width = found, len(cells)
            left_out += [cell for place, cell in enumerate(cells) if cell and place not in found]
            continue
        ranks = ranks or {}
        words = _words(cells, ranks, _tidy(text))
        fault = None if words else "It has no name, e-mail address or id on it."
        yield Line(number, _tidy(text), words, fault, _tags(raw_cells, ranks, width))


def _delimiter(first: bytes) -> str:
    text = first.decode("utf-8", "replace")
    unquoted = "".join(text.split('"')[::2])
    return max((",", ";", "\t"), key=unquoted.count)


def _headings(cells: list[str]) -> dict[int, int]:
    """Which columns say who is meant, and how surely; nothing when this is no line of headings.

    One such word among others may be a cell like any: "Lovelace, Farm".
    """
    names = ["".join(filter(str.isalnum, fold(cell))) for cell in cells]
    known = {place: _RANKS[name] for place, name in enumerate(names) if name in _RANKS}
    says_who = any(rank != _TAGS for rank in known.values())
    return known if says_who and (len(known) > 1 or len(known) == sum(map(bool, cells))) else {}


def _words(cells: list[str], ranks: dict[int, int], text: str) -> tuple[str, ...]:
    if ranks:
        known = sorted((rank, place) for place, rank in ranks.items() if place < len(cells) and rank != _TAGS)
        return tuple(dict.fromkeys(cells[place] for _, place in known if cells[place]))
    # Without headings any cell may say it, and so may the line as a whole: "Smith, John".
    return tuple(dict.fromkeys(cell for cell in (*cells, text) if cell))


def _tags(cells: list[str], ranks: dict[int, int], width: int) -> str:
    """What stands under that heading; where it is the last one, what stands behind it, too: commas nobody quoted."""
    places = [place for place, rank in ranks.items() if rank == _TAGS]
    written = [cell for place in places for cell in cells[place : None if place == width - 1 else place + 1]]
    return _tidy(",".join(written), LONGEST_TAGS)


def _tidy(text: str, limit: int = LONGEST) -> str:
    seen = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs") else letter for letter in text)
    return " ".join(seen.split())[:limit]
