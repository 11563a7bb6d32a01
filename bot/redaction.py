"""Striking out what looks like a secret in text that was written by somebody else."""

from __future__ import annotations

import re

STRUCK = "[…]"

_NAMED = re.compile(
    r"""(?ix)
    (["']? [\w-]* (?:token|secret|password|passwd|api[_-]?key|authorization|credential|code|state|cookie|session)
     [\w-]* ["']? \s* [:=] \s*)
    ( "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | (?:(?:Bearer|Basic)\s+)? [^\s,;&}\]]+ )
    """
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_SLACK = re.compile(r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]+|https://hooks\.slack\.com/\S+")
_LINK = re.compile(r"(/connect/)[^\s/?#\"'<>]+")
_OPAQUE = re.compile(r"\b(?=[A-Za-z0-9_+/=-]*[0-9])(?=[A-Za-z0-9_+/=-]*[A-Za-z])[A-Za-z0-9_+/=-]{28,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def redact(text: str) -> str:
    """The text without anything that has a secret's name or a secret's looks; harmless ids may go with them."""
    text = _NAMED.sub(lambda match: match.group(1) + STRUCK, text)
    for pattern in (_BEARER, _JWT, _SLACK):
        text = pattern.sub(STRUCK, text)
    text = _LINK.sub(lambda match: match.group(1) + STRUCK, text)
    return _OPAQUE.sub(lambda match: match.group() if _UUID.fullmatch(match.group()) else STRUCK, text)
