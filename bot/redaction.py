"""Striking out what looks like a secret in text that was written by somebody else."""

from __future__ import annotations

import re

STRUCK = "[…]"

_NAMES = (
    r"token|secret|password|passwd|passphrase|api[_-]?key|authorization|credential|cookie|session|signature"
    r"|response_url|fieldview-consent"
)
# A word begins here, also behind an escape such as %3D, whose last letter is no part of the word.
_BEGIN = r"(?:(?<![\w-])|(?<=%[0-9A-Fa-f]{2}))"
_NAME = rf"{_BEGIN}(?:[\w-]{{0,60}}(?:{_NAMES})[\w-]{{0,60}}|(?:\w{{0,40}}[_-])?(?:code|state))"
_NAMED = re.compile(
    rf"""(?ixs)
    ({_NAME} (?:\\*["'])? \s* [:=] \s*)
    (
        "(?:[^"\\]|\\.)*(?:"|$)
      | '(?:[^'\\]|\\.)*(?:'|$)
      | \\+" .*? (?:\\+"|$)
      | (?:(?:Bearer|Basic)\s+)? [^\s,;&}}\]]+
    )
    """
)
# Names and values that were URL-encoded together, as in a query inside a query.
_NAMED_ENCODED = re.compile(
    rf"(?i)({_NAME}(?:%22|%27)?%3[ad](?:%20|\+|%22|%27)*)((?:(?!%2[267c]|%7d)[^\s,;&}}\]\"'])+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)(?:\s+|%20|\+)[A-Za-z0-9._~+/=%-]+")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_SLACK = re.compile(rf"{_BEGIN}x(?:ox[a-z]|app)-[A-Za-z0-9_-]+|hooks\.slack\.com(?:/|%2[Ff])[^\s\"'<>]+")
_LINK = re.compile(r"(/connect/|%2Fconnect%2F)[^\s/?#\"'<>&%]+", re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9_+/-]{22,}={0,2}")

_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_WORDS = re.compile(r"(?:[A-Za-z]{0,20}[_-])*[A-Za-z]{0,20}\d{0,4}")
_SHORT_NUMBER = re.compile(r"\d{1,5}")
_SECRET_NAME = re.compile(rf"(?i)(?:{_NAMES})")


def redact(text: str) -> str:
    """The text without anything that has a secret's name or a secret's looks; harmless ids may go with them."""
    text = _NAMED.sub(_without_value, text)
    text = _NAMED_ENCODED.sub(_without_value, text)
    for pattern in (_BEARER, _JWT, _SLACK):
        text = pattern.sub(STRUCK, text)
    text = _LINK.sub(lambda match: match.group(1) + STRUCK, text)
    return _RUN.sub(lambda match: STRUCK if _is_opaque(match.group()) else match.group(), text)


def names_a_secret(name: str) -> bool:
    """Whether a field of this name holds something that must not be shown."""
    return _SECRET_NAME.search(name) is not None


def _without_value(named: re.Match[str]) -> str:
    """Status codes and ids are no secrets, whatever they are called."""
    value = named.group(2).strip("\\\"'")
    harmless = _SHORT_NUMBER.fullmatch(value) or _UUID.fullmatch(value)
    return named.group() if harmless else named.group(1) + STRUCK


def _is_opaque(run: str) -> bool:
    """Letters and digits mixed as no person writes them; paths and ids are left alone."""
    if all(_UUID.fullmatch(part) or _WORDS.fullmatch(part) for part in run.split("/")):
        return False
    bare = run.rstrip("=")
    has_digit = any(character.isdigit() for character in bare)
    has_upper, has_lower = bare.lower() != bare, bare.upper() != bare
    if len(bare) >= 28:
        return has_digit and (has_upper or has_lower)
    return has_digit and has_upper and has_lower
