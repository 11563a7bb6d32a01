"""A stateful stand-in for Leaf: users, FieldView credentials, alerts, and everything that goes wrong with them."""

from bot.sandbox.leaf.alerts import Delivery, Webhook, signature
from bot.sandbox.leaf.records import NEEDED_SCOPES, Credential, CredentialEvent, LeafUser
from bot.sandbox.leaf.service import Leaf, Throttle

__all__ = [
    "NEEDED_SCOPES",
    "Credential",
    "CredentialEvent",
    "Delivery",
    "Leaf",
    "LeafUser",
    "Throttle",
    "Webhook",
    "signature",
]
