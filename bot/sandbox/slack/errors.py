"""How Slack says no."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """An answer with `ok: false`; `details` are the further keys of that answer."""

    def __init__(self, error: str, **details: Any) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


class RateLimited(SlackError):
    """HTTP 429 with a `Retry-After` header, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("ratelimited")
        self.retry_after = retry_after


def bad_arguments(*complaints: str, error: str = "invalid_arguments") -> SlackError:
    """The refusal that carries its reasons in `response_metadata.messages`, as Slack words them."""
    messages = [f"[ERROR] {complaint}" for complaint in complaints]
    return SlackError(error, errors=list(complaints), response_metadata={"messages": messages})
