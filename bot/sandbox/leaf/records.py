"""What Leaf keeps: users, FieldView credentials with their secrets, and the log of what FieldView answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PROVIDER = "ClimateFieldView"
NEEDED_SCOPES = (
    "asHarvested:read",
    "asPlanted:read",
    "asApplied:read",
    "fields:read",
    "resourceOwners:read",
    "farmOrganizations:read",
)

OK = "OK"
PENDING = "PENDING"
UNAUTHENTICATED = "UNAUTHENTICATED"
MISSING_PERMISSION = "MISSING_PERMISSION"
TEMPORARILY_UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"

_OTHER_PROVIDERS = (
    "trimbleCredentials",
    "cnhiCredentials",
    "johnDeereCredentials",
    "ravenCredentials",
    "staraCredentials",
    "agLeaderCredentials",
    "ravenSlingshotCredentials",
    "lindsayCredentials",
    "valleyCredentials",
)


def leaf_time(moment: datetime) -> str:
    """ISO 8601 with six fraction digits and Z, as Leaf writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class CredentialEvent:
    """One answer of FieldView to Leaf, kept as raw text, tokens and all."""

    id: str
    status_code: int
    body: str
    headers: str
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "statusCode": self.status_code,
            "body": self.body,
            "headers": self.headers,
            "createdDate": leaf_time(self.created_at),
        }


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """How much Leaf has fetched for a user, and when it last did."""

    farms: int
    fields: int
    at: datetime


@dataclass(eq=False, slots=True)
class Credential:
    """A FieldView credential; `posted` tells one that came through the API from one that a test seeded."""

    id: str
    status: str
    created_at: datetime
    scopes: tuple[str, ...]
    client_id: str
    client_secret: str
    api_key: str
    refresh_token: str
    access_token: str
    posted: bool = False
    events: list[CredentialEvent] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As Leaf answers it: with every secret in clear."""
        return {
            "id": self.id,
            "status": self.status,
            "createdTime": leaf_time(self.created_at),
            "tokenMetadata": {"scopes": list(self.scopes)},
            "clientId": self.client_id,
            "clientSecret": self.client_secret,
            "apiKey": self.api_key,
            "refreshToken": self.refresh_token,
            "accessToken": self.access_token,
        }


@dataclass(eq=False, slots=True)
class LeafUser:
    """One grower, as Leaf knows them."""

    id: str
    name: str
    email: str
    phone: str = ""
    address: str = ""
    external_id: str | None = None
    credential: Credential | None = None
    summary: SyncSummary | None = None

    def as_json(self, embedded_credential: dict[str, Any] | None) -> dict[str, Any]:
        """As Leaf answers it, with whatever it embeds for FieldView."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "address": self.address,
            "externalId": self.external_id,
            **dict.fromkeys(_OTHER_PROVIDERS),
            "climateFieldViewCredentials": embedded_credential,
        }

    def described(self) -> dict[str, Any]:
        """For the sandbox's own controls: no secrets."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "externalId": self.external_id,
            "status": self.credential and self.credential.status,
            "credentialId": self.credential and self.credential.id,
        }
