"""Every method of the Web API this stand-in knows."""

from __future__ import annotations

from . import app, chat, conversations, files, people, views

METHODS = {
    **app.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **people.METHODS,
    **views.METHODS,
}
