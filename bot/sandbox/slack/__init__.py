"""A stateful stand-in for Slack: one workspace, its Web API, its windows, and what can go wrong."""

from .core import SCOPES, Request
from .delivery import EventDelivery
from .errors import RateLimited, SlackError
from .people import Outcome
from .service import Slack
from .workspace import Channel, Message, User, Version

__all__ = [
    "SCOPES",
    "Channel",
    "EventDelivery",
    "Message",
    "Outcome",
    "RateLimited",
    "Request",
    "Slack",
    "SlackError",
    "User",
    "Version",
]
