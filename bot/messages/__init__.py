"""Every text the bot says in Slack: pure functions from records to messages."""

from __future__ import annotations

from bot.messages.access import access, access_changed
from bot.messages.bulk import (
    BULK_COLUMNS,
    PASTED,
    TOGETHER,
    bulk,
    bulk_list_coming,
    bulk_list_name,
    bulk_list_row,
    bulk_list_words,
    bulk_modal,
    bulk_planned,
    storm_bulk_planned,
)
from bot.messages.casework import (
    acknowledged,
    assign_modal,
    assigned,
    snooze_ended,
    snooze_modal,
    snoozed,
    snoozes,
)
from bot.messages.checks import health_report
from bot.messages.choosing import choose_grower, chosen_command, create_grower_modal, unknown_grower
from bot.messages.consents import connected, consent_outcome, question_shown
from bot.messages.deeds import OWN, actions, history
from bot.messages.digest import digest
from bot.messages.endings import (
    connection_to_end,
    disconnect_cancelled,
    disconnect_question,
    disconnection,
    not_connected,
)
from bot.messages.first_data import no_data_yet
from bot.messages.home import answer_modal, closed_home, home
from bot.messages.incidents import incident
from bot.messages.invitations import already_connected, chosen_language, invitation
from bot.messages.letters import invitation_dm, invitation_dm_closed, reminder
from bot.messages.links import account_decided, decision_waits, link_just_sent, link_taken_back, links, renewal_asked
from bot.messages.ownership import (
    escalation_ended,
    escalation_set,
    escalations,
    handed_over,
    handover_given,
    handover_received,
    made_owner,
    owned,
)
from bot.messages.pieces import MORE, Message, grower_options
from bot.messages.reminders import reminder_over, reminder_to_pass_on
from bot.messages.replies import audit_anchor, command_help, crash, help_text, operator_notice, problem, working
from bot.messages.searching import connect_modal, disconnect_modal, status_modal
from bot.messages.silences import silences
from bot.messages.status import connection_status, overview
from bot.messages.storms import NAMED, is_cured_by_grower, link_warning, many_warning, storm, storm_list
from bot.messages.subscriptions import (
    FIRST_HOUR,
    subscribe_modal,
    subscribe_modal_opening,
    subscribed,
    subscription_changed,
    subscription_greeting,
    subscriptions,
    tag_options,
    unsubscribed,
)
from bot.messages.tagging import tagged, tags
from bot.messages.threads import thread_reply
from bot.messages.timeline import timeline

__all__ = [
    "BULK_COLUMNS",
    "FIRST_HOUR",
    "MORE",
    "NAMED",
    "OWN",
    "PASTED",
    "TOGETHER",
    "Message",
    "access",
    "access_changed",
    "account_decided",
    "acknowledged",
    "actions",
    "already_connected",
    "answer_modal",
    "assign_modal",
    "assigned",
    "audit_anchor",
    "bulk",
    "bulk_list_coming",
    "bulk_list_name",
    "bulk_list_row",
    "bulk_list_words",
    "bulk_modal",
    "bulk_planned",
    "choose_grower",
    "chosen_command",
    "chosen_language",
    "closed_home",
    "command_help",
    "connect_modal",
    "connected",
    "connection_status",
    "connection_to_end",
    "consent_outcome",
    "crash",
    "create_grower_modal",
    "decision_waits",
    "digest",
    "disconnect_cancelled",
    "disconnect_modal",
    "disconnect_question",
    "disconnected",
    "disconnection",
    "escalation_ended",
    "escalation_set",
    "escalations",
    "grower_options",
    "handed_over",
    "handover_given",
    "handover_received",
    "health_report",
    "help_text",
    "history",
    "home",
    "incident",
    "invitation",
    "invitation_dm",
    "invitation_dm_closed",
    "is_cured_by_grower",
    "link_just_sent",
    "link_taken_back",
    "link_warning",
    "links",
    "made_owner",
    "many_warning",
    "no_data_yet",
    "not_connected",
    "operator_notice",
    "overview",
    "owned",
    "problem",
    "question_shown",
    "reminder",
    "reminder_over",
    "reminder_to_pass_on",
    "renewal_asked",
    "silences",
    "snooze_ended",
    "snooze_modal",
    "snoozed",
    "snoozes",
    "status_modal",
    "storm",
    "storm_bulk_planned",
    "storm_list",
    "subscribe_modal",
    "subscribe_modal_opening",
    "subscribed",
    "subscription_changed",
    "subscription_greeting",
    "subscriptions",
    "tag_options",
    "tagged",
    "tags",
    "thread_reply",
    "timeline",
    "unknown_grower",
    "unsubscribed",
    "working",
]
