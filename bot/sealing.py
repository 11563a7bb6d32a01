"""What an entry of the audit trail is sealed with: the bytes a mac is made of, and what stands in for a name."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import SecretStr

from storage.records import AuditCheckpoint, AuditEntry, SealedEntry

_ANCHOR = re.compile(r"(\S+) ([0-9]{1,18}) ([0-9a-f]{64})")
_COMPACT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True)
class Anchor:
    """At this time (ISO 8601) the last entry had this number and mac: a line to keep where no database is."""

    at: str
    seq: int
    mac: str

    @classmethod
    def of(cls, sealed: SealedEntry) -> Anchor:
        """The anchor of an entry, with the time at which it was written."""
        return cls(sealed.entry.at.astimezone(UTC).isoformat(timespec="seconds"), sealed.seq, sealed.mac)

    @classmethod
    def parse(cls, line: str) -> Anchor | None:
        """The anchor that a line is; None when it is none."""
        match = _ANCHOR.fullmatch(line)
        return cls(match[1], int(match[2]), match[3]) if match else None

    def __str__(self) -> str:
        return f"{self.at} {self.seq} {self.mac}"


class Seal:
    """Makes macs with the chain's key; nobody without it can make one."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key.get_secret_value().encode()

    def of_entry(self, seq: int, entry: AuditEntry, previous: str) -> str:
        return self._mac(canonical(seq, entry, previous))

    def of_checkpoint(self, seq: int, mac: str, at: datetime) -> str:
        """What proves that we ourselves removed everything up to `seq`, whose mac was this."""
        # No entry's bytes begin like this, so that neither can be passed off as the other.
        return self._mac(b"checkpoint:" + _COMPACT.encode({"seq": seq, "mac": mac, "at": _moment(at)}).encode())

    def is_ours(self, checkpoint: AuditCheckpoint) -> bool:
        return hmac.compare_digest(checkpoint.seal, self.of_checkpoint(checkpoint.seq, checkpoint.mac, checkpoint.at))

    def _mac(self, text: bytes) -> str:
        return hmac.digest(self._key, text, "sha256").hex()


def canonical(seq: int, entry: AuditEntry, previous: str) -> bytes:
    """The bytes a mac is made of: a JSON object with sorted keys, no spaces, ASCII only, the time in UTC.

    An entry with personal words has their commitment in it in place of the words: see docs/audit.md.
    """
    fields: dict[str, str | int | None] = {
        "action": entry.action,
        "actor": entry.actor,
        "at": _moment(entry.at),
        "channel": entry.channel,
        "detail": entry.detail,
        "outcome": entry.outcome,
        "previous": previous,
        "request_id": entry.request_id,
        "seq": seq,
        "target": entry.target,
        "via": entry.via,
    }
    if entry.commitment is None:
        fields["target_name"] = entry.target_name
    else:
        fields["commitment"] = entry.commitment
    return _COMPACT.encode(fields).encode()


def committed(entry: AuditEntry) -> AuditEntry:
    """The entry with a commitment to its personal words, if it has any: they can be erased, and not be changed."""
    if entry.target_name is None and entry.typed is None:
        return entry
    salted = replace(entry, salt=secrets.token_hex(32))
    return replace(salted, commitment=commitment_to(salted))


def commitment_to(entry: AuditEntry) -> str:
    """What binds the personal words without telling them to anybody who lacks the salt."""
    words = _COMPACT.encode({"target_name": entry.target_name, "typed": entry.typed}).encode()
    return hmac.digest((entry.salt or "").encode(), words, "sha256").hex()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
