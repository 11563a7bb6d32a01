"""A stateful stand-in for Climate FieldView: a login page a person can click, and the OAuth token endpoint."""

from bot.sandbox.fieldview.grants import Account, RefusedToken
from bot.sandbox.fieldview.service import FieldView

__all__ = ["Account", "FieldView", "RefusedToken"]
