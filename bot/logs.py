"""Structured logs that a stranger may read: request ids in, secrets out, one event per line or block."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.redaction import STRUCK, names_a_secret, redact

CHATTY = (
    *("httpx", "httpcore", "slack_sdk", "slack_bolt", "dbos", "sqlalchemy", "aiohttp", "alembic", "asyncio"),
    *("aiosqlite", "psycopg"),
)
"""Libraries that log whole URLs, bodies or rows at their lower levels: only their warnings are ours to show."""

OUR_IDS = frozenset({"consent", "grower", "incident", "subject", "request_id"})
"""Fields in which a plain id is what it says, although it looks like a secret."""

ANCHOR = "anchor"
"""The field of the audit trail's anchors: in it a whole anchor stays as it is, and nothing else."""

_ID = re.compile(r"[0-9a-f]{8,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ANCHOR = re.compile(r"[0-9-]{10}T[0-9:]{8}\+00:00 [0-9]{1,18} [0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MARGIN = "\n  | "
_TRACEBACKS = ("exception", "stack")


def configure(level: str = "info", form: Literal["console", "json"] = "console") -> None:
    """Send everything, also what libraries log, to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # The plain formatter: tracebacks with local variables would show every secret in reach.
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    last: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        library = logging.getLogger(name)
        # Not empty: DBOS gives its logger a handler of its own, past ours, as soon as it finds it without any.
        library.handlers[:] = [logging.NullHandler()]
        library.propagate = True
        library.setLevel(logging.WARNING)


def without_secrets(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Strike out whatever looks like a secret, in every field and in tracebacks, and let no field forge a line."""
    return {key: value if key.startswith("_") else _clean(key, value) for key, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if names_a_secret(name):
        return STRUCK
    if isinstance(value, Mapping):
        return {_on_one_line(str(key)): _clean(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(name, item) for item in value]
    text = value if isinstance(value, str) else str(value)
    if (name in OUR_IDS and _ID.fullmatch(text)) or (name == ANCHOR and _ANCHOR.fullmatch(text)):
        return text
    if name in _TRACEBACKS:
        # A traceback has lines of its own; the margin tells them from what the program logged.
        return _MARGIN[1:] + _MARGIN.join(_on_one_line(line) for line in redact(text).splitlines())
    return _on_one_line(redact(text))


def _on_one_line(text: str) -> str:
    """Line ends and terminal commands made visible instead of obeyed."""
    return _CONTROL.sub(lambda control: control.group().encode("unicode_escape").decode(), text)
