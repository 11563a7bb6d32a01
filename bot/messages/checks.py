"""What the bot finds when it looks at itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.messages.pieces import Message, paragraphs, quiet, section
from bot.messages.text import count, listing, sentence
from bot.messages.times import moment
from bot.reports import Finding, Level

_SIGNS = {Level.GREEN: "🟢", Level.YELLOW: "🟡", Level.RED: "🔴"}
_WORST_FIRST = (Level.RED, Level.YELLOW, Level.GREEN)


def health_report(findings: Sequence[Finding], now: datetime) -> Message:
    """Every finding in a line, what needs somebody first, each with what to do."""
    head = _head(findings)
    ordered = sorted(findings, key=lambda finding: _WORST_FIRST.index(finding.level))
    blocks = (section(f"*{head}*"), *paragraphs(*map(_line, ordered)), quiet(f"Looked {moment(now)}"))
    return Message(head, blocks)


def _head(findings: Sequence[Finding]) -> str:
    red, yellow = (sum(finding.level is level for finding in findings) for level in (Level.RED, Level.YELLOW))
    if not red and not yellow:
        return "This bot is well."
    parts = [f"{count(red, 'thing needs', 'things need')} somebody"] * bool(red)
    parts += [f"{count(yellow, 'thing is', 'things are')} worth a look"] * bool(yellow)
    return f"{listing(parts)}."


def _line(finding: Finding) -> str:
    remedy = f"\n        → {sentence(finding.remedy)}" if finding.remedy else ""
    return f"{_SIGNS[finding.level]} *{finding.subject}:* {sentence(finding.words)}{remedy}"
