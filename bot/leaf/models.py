"""What we take from Leaf's answers. Secrets in them are not among the fields, so they are never parsed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr


def _moment(value: Any) -> Any:
    """Leaf writes 3 or 6 digits of fraction, sometimes no zone; it means UTC. Unreadable times are no times."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(value: Any) -> Any:
    # PostgreSQL stores every character but this one.
    return "" if value is None else str(value).replace("\0", "")


def _text_or_none(value: Any) -> Any:
    return _text(value).strip() or None if isinstance(value, str) else None


def _dict_or_none(value: Any) -> Any:
    return value if isinstance(value, dict) and value else None


def _number(value: Any) -> Any:
    """Leaf counts farms and fields; should it ever list them, they are counted here."""
    return len(value) if isinstance(value, list) else value if isinstance(value, int) else 0


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return value.split()
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


Moment = Annotated[datetime | None, BeforeValidator(_moment)]
MaybeText = Annotated[str | None, BeforeValidator(_text_or_none)]


class Answer(BaseModel):
    """Base of everything Leaf answers: unknown keys are ignored, and errors never show what was parsed."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, populate_by_name=True)


class TokenMetadata(Answer):
    scopes: Annotated[tuple[str, ...], BeforeValidator(_texts)] = ()


class Credential(Answer):
    """A FieldView credential at Leaf; `status` is Leaf's own word and may be missing where it is embedded in a user."""

    id: MaybeText = None
    status: MaybeText = None
    created_time: Moment = Field(None, alias="createdTime")
    token_metadata: Annotated[TokenMetadata | None, BeforeValidator(_dict_or_none)] = Field(None, alias="tokenMetadata")

    @property
    def scopes(self) -> tuple[str, ...] | None:
        """Granted scopes, None when Leaf did not say."""
        return self.token_metadata.scopes or None if self.token_metadata else None


class LeafUser(Answer):
    """A Leaf user, which is what we call a grower."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, BeforeValidator(_text)] = ""
    email: MaybeText = None
    external_id: MaybeText = Field(None, alias="externalId")
    credential: Annotated[Credential | None, BeforeValidator(_dict_or_none)] = Field(
        None, alias="climateFieldViewCredentials"
    )


class ProviderEvent(Answer):
    """One answer FieldView gave to Leaf. `body` is the provider's raw text and may hold secrets: redact before use."""

    id: str
    created_at: Moment = Field(None, alias="createdDate")
    status_code: int | None = Field(None, alias="statusCode")
    body: Annotated[str, BeforeValidator(_text)] = Field("", repr=False)


class Summary(Answer):
    """What Leaf's integrations service holds of one user's data."""

    user_id: MaybeText = Field(None, alias="leafUserId")
    provider: MaybeText = None
    farms: Annotated[int, BeforeValidator(_number)] = 0
    fields: Annotated[int, BeforeValidator(_number)] = 0
    synced_at: Moment = Field(None, alias="syncReferenceTime")


class Summaries(Answer):
    summaries: tuple[Summary, ...] = ()


class Webhook(Answer):
    """A registered webhook, without the secret that Leaf shows in clear."""

    id: str
    url: str = ""
    name: Annotated[str, BeforeValidator(_text)] = ""
    events: Annotated[tuple[str, ...], BeforeValidator(_texts)] = ()


class Token(Answer):
    """The answer to a login. The token itself is read in the client and goes nowhere else."""

    id_token: SecretStr = Field(min_length=1)


class Alert(Answer):
    """A webhook's body. It is only a hint: Leaf is asked before anything is believed."""

    type: str
    credential_id: MaybeText = Field(None, alias="credentialId")
    provider: MaybeText = None
    status: MaybeText = None
    timestamp: Moment = None


class FailedCall(Answer):
    """A webhook call Leaf gave up on; `request_body` is the alert as JSON text."""

    url: str = ""
    request_body: Annotated[str, BeforeValidator(_text)] = Field("", alias="requestBody")
    created_at: Moment = Field(None, alias="createdAt")


class FailedCalls(Answer):
    items: tuple[FailedCall, ...] = ()


@dataclass(frozen=True)
class UserPage:
    """One page of users; `total` is the number of all users."""

    users: tuple[LeafUser, ...]
    total: int
