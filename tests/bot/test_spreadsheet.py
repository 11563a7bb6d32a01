"""Lists as people make them: every line is read or named by its number, and nothing that goes out starts a formula."""

from __future__ import annotations

import csv
import io

import pytest

from bot.errors import UsageError
from bot.spreadsheet import MOST_BYTES, MOST_CELLS, Line, sheet_of, written


def words(content: str | bytes) -> list[tuple[int, tuple[str, ...]]]:
    """What may say who is meant, by the line's number; no line is at fault."""
    lines = sheet_of(content.encode() if isinstance(content, str) else content).lines
    assert [line for line in lines if line.fault] == []
    return [(line.number, line.words) for line in lines]


@pytest.mark.parametrize(
    "content",
    [
        "name,email\nAda,ada@example.com\n",
        "\ufeffName;E-Mail\r\nAda;ada@example.com\r\n",
        "Grower\tEmail address\rAda\tada@example.com\r",
        'sep=;\n"Name";"Email"\n"Ada";"ada@example.com"',
        "phone,Farm name,notes,EMAIL\n555,Ada,nice,ada@example.com\n\n , , ,\n",
        "name,email\nAda,ada@example.com".encode("utf-16"),
    ],
)
def test_headings_delimiters_marks_and_line_ends_of_every_spreadsheet(content: str | bytes) -> None:
    [(_, found)] = words(content)
    assert found == ("ada@example.com", "Ada"), "the surest first"


def test_without_headings_every_cell_counts_and_so_does_the_whole_line() -> None:
    assert words("Smith, John\nAda") == [(1, ("Smith", "John", "Smith, John")), (2, ("Ada",))]
    assert words("O'Brien & Sons\n“Quoted”") == [(1, ("O'Brien & Sons",)), (2, ("“Quoted”",))]


def test_a_word_of_headings_among_others_swallows_no_line() -> None:
    assert words("Ada Lovelace,Farm\nBoole Brothers,Farm")[0] == (1, ("Ada Lovelace", "Farm", "Ada Lovelace,Farm"))
    assert words("name,,\nAda,,") == [(2, ("Ada",))]


def test_columns_under_a_heading_that_nobody_knows_are_left_out_by_name() -> None:
    sheet = sheet_of(b"Name,Phone,,E-mail,Field notes\nAda,555,x,ada@example.com,nice\n")
    assert sheet.left_out == ["Phone", "Field notes"]
    assert [line.words for line in sheet.lines] == [("ada@example.com", "Ada")]
    assert sheet_of(b"Ada,555,nice\n").left_out == [], "without headings every cell counts"


@pytest.mark.parametrize(
    ("content", "written"),
    [
        ("name,tags\nAda,north\nBob,", ["north", ""]),
        ('Tags,Name\n"north, organic",Ada\n,Bob', ["north, organic", ""]),
        ("name;tag\nAda;north, organic\nBob", ["north, organic", ""]),
        ("name,e-mail,tags\nAda,a@x.example,north,organic\n", ["north,organic"]),
        ("name,tags,e-mail\nAda,north,a@x.example,organic\n", ["north"]),
        ("Ada,north\n", [""]),
    ],
)
def test_a_column_of_tags_says_nothing_of_who_is_meant(content: str, written: list[str]) -> None:
    sheet = sheet_of(content.encode())
    assert [line.tags for line in sheet.lines] == written
    assert sheet.left_out == []
    assert not any("organic" in line.words or "tags" in line.words for line in sheet.lines)


def test_a_bad_line_costs_one_line_and_is_named_by_its_number() -> None:
    lines = sheet_of(b'name\nAda\n"Bob\nCl\xe9o\n""\nDora\n').lines
    assert [(line.number, line.words) for line in lines if not line.fault] == [(2, ("Ada",)), (6, ("Dora",))]
    faults = {line.number: line.fault for line in lines if line.fault}
    assert "quotation mark" in str(faults[3])
    assert "UTF-8" in str(faults[4])
    assert "no name" in str(faults[5])


def test_a_line_of_very_many_cells_is_no_grower() -> None:
    wide, most = ",".join(["x"] * (MOST_CELLS + 1)), ",".join(["x"] * MOST_CELLS)
    lines = sheet_of(f"Ada\n{wide}\n{most}".encode()).lines
    assert [(line.number, line.fault) for line in lines] == [(1, None), (2, "It has more than 50 cells."), (3, None)]
    assert lines[1].words == ()


def test_control_characters_and_endless_cells_are_cut() -> None:
    [line] = sheet_of(b"A\x07d\x1ba\t" + b"x" * 5000).lines
    assert line.words[0] == "A d a"
    assert max(map(len, line.words)) <= 300
    assert len(line.text) <= 300


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "nothing in that list"),
        (b" \n,,\n", "nothing in that list"),
        (b"name,email\n", "but its headings"),
        (b"PK\x03\x04...", "not a CSV"),
        (b"name\0\x01", "not a CSV"),
        (b"Ada\n" * 1001, "1,001 lines"),
        (b"x" * (MOST_BYTES + 1), "larger than 1 MB"),
        (b"\xff\xfeA", "cannot read"),
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(content: bytes, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        sheet_of(content)


def test_no_cell_that_goes_out_starts_a_formula() -> None:
    evil = ["=1+1", "+49", "-1", "@SUM(A1)", " =1", "\t=1", "\uff1d1", "Smith, J; A-B = C", 7, None]
    text = written(("a",), [[cell] for cell in evil]).decode("utf-8-sig")
    rows = [row[0] for row in csv.reader(io.StringIO(text))][1:]
    assert rows[:7] == ["'=1+1", "'+49", "'-1", "'@SUM(A1)", "' =1", "'\t'=1", "'\uff1d1"]
    assert rows[7:] == ["Smith, J; A-B = C", "7", ""]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("between", [";", ",", "\t", "\n", ";;", "; ", ';"', '; "'])
@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d"])
def test_nor_does_a_part_of_one_where_a_spreadsheet_splits_lines_elsewhere(
    delimiter: str, between: str, sign: str
) -> None:
    text = written(("a", "b"), [(1, f"Ada{between}{sign}cmd|' /C calc'!A0")]).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text), delimiter=delimiter) for cell in row]
    assert not [cell for cell in cells if cell.lstrip(' "').startswith(sign)]


def test_what_went_out_can_come_in_again() -> None:
    back = sheet_of(written(("line", "grower", "leaf_id", "link"), [(2, "Ada", "id-1", "https://x")]))
    assert back.lines == [Line(2, "2,Ada,id-1,https://x", ("id-1", "Ada"))]
