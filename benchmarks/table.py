"""The one table: figure, baseline, ratio, target, met or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADINGS = ("figure", "measured", "baseline", "compared", "target", "met")


@dataclass(frozen=True)
class Row:
    """One line of the table; `met` is None for a figure that is only stated."""

    figure: str
    measured: str
    baseline: str
    compared: str
    target: str
    met: bool | None

    @property
    def cells(self) -> tuple[str, ...]:
        words = {True: "yes", False: "NO", None: "–"}
        return self.figure, self.measured, self.baseline, self.compared, self.target, words[self.met]


def ratio_at_most(figure: str, measured: float, baseline: float, limit: float, unit: str) -> Row:
    """Less is better, as a multiple of the baseline."""
    return _ratio(figure, measured, baseline, unit, f"≤ {limit:g} x", measured <= limit * baseline)


def ratio_at_least(figure: str, measured: float, baseline: float, limit: float, unit: str) -> Row:
    """More is better, as a multiple of the baseline."""
    return _ratio(figure, measured, baseline, unit, f"≥ {limit:g} x", measured >= limit * baseline)


def more_by_at_most(figure: str, measured: float, baseline: float, limit: float, unit: str) -> Row:
    """What the program adds to the baseline."""
    added = measured - baseline
    compared = f"{added:+.{_digits(added)}f} {unit}"
    target = f"≤ +{limit:g} {unit}"
    return Row(figure, _said(measured, unit), _said(baseline, unit), compared, target, added <= limit)


def at_most(figure: str, measured: float, limit: float, unit: str) -> Row:
    """A bound of its own, without a baseline."""
    return Row(figure, _said(measured, unit), "", "", f"≤ {_said(limit, unit)}", measured <= limit)


def stated(figure: str, measured: float, unit: str, baseline: float | None = None) -> Row:
    """A figure that says how to read the others, and has no target."""
    compared = f"{measured / baseline:.2f} x" if baseline else ""
    return Row(figure, _said(measured, unit), "" if baseline is None else _said(baseline, unit), compared, "", None)


def rendered(rows: Iterable[Row]) -> str:
    """The table as Markdown, its columns aligned for reading in a terminal."""
    lines = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    head, *body = (_line(line, widths) for line in lines)
    return "\n".join([head, rule, *body])


def _ratio(figure: str, measured: float, baseline: float, unit: str, target: str, met: bool) -> Row:
    compared = f"{measured / baseline:.2f} x" if baseline else "∞"
    return Row(figure, _said(measured, unit), _said(baseline, unit), compared, target, met)


def _said(number: float, unit: str) -> str:
    return f"{number:,.{_digits(number)}f} {unit}"


def _digits(number: float) -> int:
    """Three digits that count, and no more than two behind the point."""
    size = abs(number)
    return 0 if size >= 100 or number == int(number) else 1 if size >= 10 else 2


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
