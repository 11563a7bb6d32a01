"""The bot: every service in one frozen value, handed to whoever carries out a command, a click or a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.access import Access
from bot.anchors import Anchors
from bot.announcer import Announcer
from bot.bulk_inviting import BulkInviting
from bot.bulk_listing import BulkListing
from bot.bulk_making import BulkMaking
from bot.casework import Casework
from bot.chasing import Chasing
from bot.completion import Completion
from bot.correspondence import Correspondence
from bot.desk import Desks
from bot.digesting import Digesting
from bot.directory import Directory
from bot.disconnecting import Disconnecting
from bot.escalating import Escalating
from bot.first_data import FirstDataWatch
from bot.freshness import DataWatch
from bot.health import Health
from bot.inviting import Inviting
from bot.journal import Journal
from bot.journey import Journey
from bot.monitor import Monitor
from bot.ownership import Ownership
from bot.permitting import Permitting
from bot.readiness import Readiness
from bot.reducer import Reducer
from bot.reminding import Reminding
from bot.retention import Retention
from bot.selfcheck import SelfCheck
from bot.silence import Silences
from bot.slack.client import SlackClient
from bot.storms import Storms
from bot.subscribing import Subscribing
from bot.tagging import Tagging
from storage.database import Database


@dataclass(frozen=True)
class Bot:
    """What the program can do."""

    database: Database
    slack: SlackClient
    access: Access
    directory: Directory
    correspondence: Correspondence
    inviting: Inviting
    bulk_inviting: BulkInviting
    bulk_making: BulkMaking
    bulk_listing: BulkListing
    journey: Journey
    completion: Completion
    chasing: Chasing
    disconnecting: Disconnecting
    health: Health
    desks: Desks
    monitor: Monitor
    reducer: Reducer
    storms: Storms
    casework: Casework
    ownership: Ownership
    tagging: Tagging
    escalating: Escalating
    reminding: Reminding
    data_watch: DataWatch
    silences: Silences
    first_data: FirstDataWatch
    subscribing: Subscribing
    digesting: Digesting
    permitting: Permitting
    announcer: Announcer
    journal: Journal
    anchors: Anchors
    retention: Retention
    readiness: Readiness
    selfcheck: SelfCheck
    clock: Callable[[], datetime]
