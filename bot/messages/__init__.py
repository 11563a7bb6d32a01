"""Every text the bot says in Slack: records in, a message out. Nothing here asks anybody or knows the time."""

from __future__ import annotations

from bot.messages.cards import connected, incident, operator_notice
from bot.messages.ending import (
    disconnect_cancelled,
    disconnect_question,
    disconnected,
    subscribed,
    subscription_greeting,
    unsubscribed,
)
from bot.messages.guidance import (
    choose_grower,
    chosen_command,
    crash,
    help_text,
    problem,
    unknown_grower,
    working,
)
from bot.messages.invitations import (
    already_connected,
    consent_outcome,
    invitation,
    invitation_dm,
    invitation_dm_closed,
)
from bot.messages.message import Message
from bot.messages.status import connection_status, overview
from bot.messages.story import history, timeline
from bot.messages.views import create_grower_modal, home

__all__ = [
    "Message",
    "already_connected",
    "choose_grower",
    "chosen_command",
    "connected",
    "connection_status",
    "consent_outcome",
    "crash",
    "create_grower_modal",
    "disconnect_cancelled",
    "disconnect_question",
    "disconnected",
    "help_text",
    "history",
    "home",
    "incident",
    "invitation",
    "invitation_dm",
    "invitation_dm_closed",
    "operator_notice",
    "overview",
    "problem",
    "subscribed",
    "subscription_greeting",
    "timeline",
    "unknown_grower",
    "unsubscribed",
    "working",
]
