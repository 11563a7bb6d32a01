"""Leaf's signature under its alerts: base64 of HMAC-SHA256 over the raw body, in `X-Leaf-Signature`.

Source: docs.withleaf.io, alerts authentication.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from pydantic import SecretStr

from bot import strict_json
from bot.leaf.models import Alert

CONFIRMATION = "confirmation of webhook upon registration"
"""What Leaf posts, unsigned, when a webhook is registered."""


def is_genuine(secret: SecretStr, body: bytes, signature: str) -> bool:
    """Whether this signature was made over exactly these bytes with our secret."""
    expected = hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).digest()
    try:
        given = base64.b64decode(signature.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        return False
    return hmac.compare_digest(expected, given)


def is_confirmation(body: bytes) -> bool:
    """Whether this is the post that only asks if anybody is there."""
    try:
        return bool(strict_json.loads(body) == {"message": CONFIRMATION})
    except ValueError:
        return False


def parse(body: bytes) -> Alert | None:
    """The alert in the body; None when there is none to be read."""
    try:
        return Alert.model_validate(strict_json.loads(body))
    except ValueError:
        return None


def concerns_fieldview(alert: Alert) -> bool:
    """Whether the alert may be about FieldView: Leaf's own words for the provider vary, silence counts as yes."""
    if not alert.type.lower().startswith("credentials"):
        return False
    return alert.provider is None or "climate" in alert.provider.lower() or "fieldview" in alert.provider.lower()
