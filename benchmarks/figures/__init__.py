"""The figures by name, in the order of the table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.figures import (
    acknowledgement,
    alert,
    audit,
    consent_page,
    replicas,
    startup,
    status,
    storm,
    sweep,
    typing,
    year,
)
from benchmarks.scale import Scale
from benchmarks.table import Row

Measure = Callable[[Scale], Awaitable[list[Row]]]

FIGURES: dict[str, Measure] = {
    "ack": acknowledgement.alone,
    "ack-under-load": acknowledgement.under_load,
    "status": status.answered,
    "sweep": sweep.nothing_changed,
    "sweep-each": sweep.asked_one_by_one,
    "sweep-limited": sweep.within_the_limit,
    "alert": alert.told,
    "storm": storm.died_at_once,
    "type-ahead": typing.suggested,
    "consent-page": consent_page.shown,
    "start": startup.ready_and_idle,
    "replicas": replicas.two_instead_of_one,
    "audit": audit.appended,
    "year": year.lived,
}
