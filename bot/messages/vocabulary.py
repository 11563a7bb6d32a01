"""The words for states, causes and troubles: what people read instead of Leaf's and Slack's own terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.messages.text import code, escape, listing
from storage.records import Cause, Connection, CredentialStatus

_SCOPES = {
    "fields:read": "field boundaries",
    "asPlanted:read": "planting",
    "asApplied:read": "spraying and fertilizer",
    "asHarvested:read": "harvest",
    "resourceOwners:read": "owner names",
    "farmOrganizations:read": "farm names",
}

STATES = {
    CredentialStatus.HEALTHY: "healthy",
    CredentialStatus.BROKEN: "broken",
    CredentialStatus.LIMITED: "sharing only a part",
    CredentialStatus.PENDING: "being set up",
    CredentialStatus.UNAVAILABLE: "waiting for FieldView",
    CredentialStatus.UNKNOWN: "unknown",
    CredentialStatus.ABSENT: "not connected",
}

SIGNS = {
    CredentialStatus.HEALTHY: "🟢",
    CredentialStatus.BROKEN: "🔴",
    CredentialStatus.LIMITED: "🟠",
    CredentialStatus.PENDING: "🔵",
    CredentialStatus.UNAVAILABLE: "🟡",
    CredentialStatus.UNKNOWN: "🟣",
    CredentialStatus.ABSENT: "⚪",
}

STATE_MEANS = {
    CredentialStatus.HEALTHY: "FieldView is connected and works.",
    CredentialStatus.BROKEN: "FieldView is not working: no new data arrives.",
    CredentialStatus.LIMITED: "FieldView works, but not everything is shared.",
    CredentialStatus.PENDING: "Leaf is still checking the new connection; there is nothing to do.",
    CredentialStatus.UNAVAILABLE: "FieldView does not answer Leaf at the moment.",
    CredentialStatus.UNKNOWN: "Leaf answers with a word I do not know, so I do not count it as working.",
    CredentialStatus.ABSENT: "FieldView is not connected.",
}

SQUARES = {
    CredentialStatus.HEALTHY: "🟩",
    CredentialStatus.BROKEN: "🟥",
    CredentialStatus.LIMITED: "🟨",
    CredentialStatus.PENDING: "🟦",
    CredentialStatus.UNAVAILABLE: "🟧",
    CredentialStatus.UNKNOWN: "🟪",
    CredentialStatus.ABSENT: "⬜",
    None: "▫️",
}


@dataclass(frozen=True)
class CauseWords:
    """One cause in words: `sign` and `title` around the grower's name, `short` in a table, what it is, who does what.

    `asks_grower` says whether a new permission cures it; where it does not, no grower must be bothered.
    """

    sign: str
    title: str
    short: str
    what: str
    who: str
    next: str
    missing: str
    asks_grower: bool = False


CAUSES = {
    Cause.GROWER_MUST_ACT: CauseWords(
        sign="🔴",
        title="FieldView stopped working",
        short="permission ended",
        what="FieldView no longer accepts the permission this grower gave. They may have withdrawn it, or it ran out.",
        who="the grower",
        next="Send a reconnect link. It takes the grower about two minutes.",
        missing="New fields, planting, spraying and harvest data. What Leaf already holds stays.",
        asks_grower=True,
    ),
    Cause.SCOPE_MISSING: CauseWords(
        sign="🟠",
        title="FieldView shares only a part",
        short="shares only a part",
        what="The grower’s permission does not cover everything we need.",
        who="the grower",
        next="Send a reconnect link. It asks the grower to leave everything ticked on FieldView’s page this time.",
        missing="What is not covered. Everything else comes in as usual.",
        asks_grower=True,
    ),
    Cause.REMOVED_AT_LEAF: CauseWords(
        sign="🔴",
        title="the connection was removed at Leaf",
        short="removed at Leaf",
        what="Somebody removed this connection at Leaf, and not through me.",
        who="your team",
        next="Find out who removed it and why. If it was a mistake, send a reconnect link.",
        missing="All new FieldView data of this grower.",
        asks_grower=True,
    ),
    Cause.FIELDVIEW_DOWN: CauseWords(
        sign="🟡",
        title="FieldView does not answer",
        short="FieldView is down",
        what="FieldView itself has trouble, so Leaf cannot read from it. The grower’s permission is fine.",
        who="nobody",
        next="Wait. Data comes in again by itself once FieldView is back.",
        missing="New data, until FieldView is back. Nothing is lost.",
    ),
    Cause.LEAF_DOWN: CauseWords(
        sign="🟡",
        title="Leaf does not answer",
        short="Leaf is down",
        what="Leaf itself has trouble, so I cannot tell how this connection is. The grower’s permission is fine.",
        who="nobody",
        next="Wait. I look again by myself until Leaf is back.",
        missing="Perhaps new data, until Leaf is back. Nothing is lost.",
    ),
    Cause.STAYS_PENDING: CauseWords(
        sign="🔵",
        title="Leaf does not finish checking the connection",
        short="Leaf is still checking",
        what="Leaf has been checking this connection for hours, and has not said whether it works.",
        who="whoever on your team talks to Leaf",
        next="Ask Leaf why this connection stays pending. The grower need not be asked for anything.",
        missing="Perhaps all new FieldView data of this grower, until Leaf has finished.",
    ),
    Cause.OUR_CONFIGURATION: CauseWords(
        sign="🛠️",
        title="this bot’s own set-up needs a look",
        short="the bot’s set-up",
        what="Something in this bot’s own set-up is wrong. The grower has done nothing wrong.",
        who="an operator of this bot",
        next="An operator checks the bot’s settings. The grower need not be asked for anything.",
        missing="Perhaps new data, until the set-up is mended.",
    ),
    Cause.UNKNOWN_STATUS: CauseWords(
        sign="🟣",
        title="Leaf says something I do not know",
        short="unknown word from Leaf",
        what="Leaf describes this connection with a word I do not know, so I cannot tell whether it works.",
        who="an operator of this bot",
        next="An operator asks Leaf what the word means. Leave the grower alone until that is clear.",
        missing="Perhaps nothing, perhaps everything: that is what the operator has to find out.",
    ),
}

_BY_STATUS = {
    CredentialStatus.BROKEN: Cause.GROWER_MUST_ACT,
    CredentialStatus.LIMITED: Cause.SCOPE_MISSING,
    CredentialStatus.UNAVAILABLE: Cause.FIELDVIEW_DOWN,
}


def cause_of(connection: Connection) -> CauseWords:
    """The words for why a connection is not healthy; without a known cause, what its status suggests."""
    return CAUSES[connection.cause or _BY_STATUS.get(connection.status, Cause.UNKNOWN_STATUS)]


def explained(cause: Cause, raw_status: str | None, missing_scopes: Sequence[str]) -> str:
    """What is the matter, in a sentence or two, with Leaf's raw word and the missing parts where they matter."""
    what = CAUSES[cause].what
    if cause is Cause.UNKNOWN_STATUS:
        said = (
            f"Leaf’s word is {code(raw_status)}." if raw_status and raw_status.strip() else "Leaf gave no word at all."
        )
        return f"{what} {said}"
    if cause is Cause.SCOPE_MISSING:
        return f"{what} {missing_parts(missing_scopes)}"
    return what


def missing_parts(scopes: Sequence[str]) -> str:
    """Which data the permission leaves out."""
    return f"Not covered: {parts(scopes)}." if scopes else "FieldView did not say what is left out."


def parts(scopes: Sequence[str]) -> str:
    """FieldView's scopes as kinds of data; a scope without words of ours is shown as FieldView writes it."""
    words = dict.fromkeys(_SCOPES.get(scope) or code(scope, 60) for scope in scopes[:12])
    more = [f"{len(scopes) - 12} more"] if len(scopes) > 12 else []
    return listing([*words, *more])


TROUBLES = {
    "denied-at-fieldview": "the grower did not agree on FieldView’s page",
    "code-refused": "FieldView did not accept the answer, which happens when the grower takes too long",
    "answer-lost": "FieldView’s answer was lost on the way",
    "fieldview-down": "FieldView did not answer",
    "our-configuration": "FieldView does not accept this bot’s own set-up",
    "leaf-down": "Leaf does not answer",
    "leaf-refused": "Leaf did not accept the connection",
    "other-account": "it was not the FieldView account from before",
    "nobody-decided": "nobody of the team decided in time about the FieldView account",
    "undelivered": "the direct message did not arrive",
    "somebody-elses-account": "it was another grower’s FieldView account",
    "works-without": "FieldView works without it",
    "disconnected": "the connection was ended",
    "gone": "the grower is no longer at Leaf",
    "unfamiliar-account": "your team did not accept the FieldView account",
}


def trouble(word: str | None) -> str:
    """Why a consent is not through, as half a sentence."""
    return TROUBLES.get(word or "") or (f"of {code(word)}" if word else "of a reason I do not know")


_UNREACHABLE = {
    "messages_tab_disabled": "direct messages to me are switched off in this workspace",
    "user_not_found": "Slack does not find them any more",
    "users_not_found": "Slack does not find them any more",
    "user_disabled": "their Slack account is switched off",
    "cannot_dm_bot": "they are a bot",
    "restricted_action": "this workspace does not let me write to them",
    "channel_not_found": "Slack does not let me open a conversation with them",
    "not_in_channel": "Slack does not let me open a conversation with them",
    "is_archived": "the conversation with them is archived",
}


def unreachable(reason: str) -> str:
    """Why a direct message did not arrive, as half a sentence."""
    return _UNREACHABLE.get(reason) or (escape(reason) if " " in reason else f"Slack says {code(reason)}")


_HTTP = {
    400: "FieldView did not understand Leaf’s request",
    401: "FieldView did not accept the grower’s permission",
    403: "FieldView did not allow this",
    404: "FieldView did not find what Leaf asked for",
    408: "FieldView took too long",
    429: "FieldView asked Leaf to slow down",
}


def http_status(status: int | None, body: str = "") -> str:
    """What FieldView answered to Leaf, in words, with the number for those who know it."""
    if status == 400 and "invalid_grant" in body:
        return "FieldView no longer accepts the grower’s permission (400)"
    if status is None:
        return "FieldView’s answer came without a number"
    return f"{_HTTP.get(status) or _of_hundred(status)} ({status})"


def _of_hundred(status: int) -> str:
    kinds = {
        2: "FieldView answered Leaf as it should",
        3: "FieldView sent Leaf to another address",
        4: "FieldView refused Leaf’s request",
        5: "FieldView had trouble of its own",
    }
    return kinds.get(status // 100, "FieldView answered something unusual")
