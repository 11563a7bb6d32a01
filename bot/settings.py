"""Every setting, from environment variables or a `.env` file. Nothing is built at import."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from bot.season import Season
from storage.database import UnsupportedDatabase
from storage.database import parse as parse_database_url

LOOPBACK = ("127.0.0.1", "localhost", "::1")

FIELDVIEW_SCOPES = (
    "asHarvested:read asPlanted:read asApplied:read fields:read resourceOwners:read farmOrganizations:read"
)
"""What Leaf needs to read from FieldView. Source: Leaf's FieldView tutorial."""


_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
_SLACK_SUBJECT = re.compile(r"[USW][A-Z0-9]{2,31}")


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        # Python's own message would quote the value.
        raise ValueError("must be an http or https address") from None
    if not sound:
        raise ValueError("must be an http or https address")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password")
    return value


def _season(value: str | None) -> str | None:
    if value is not None:
        Season.parse(value)
    return value


def _networks(value: str | None) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in (value or "").split(",") if part.strip())


def _given(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("must not be empty")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
Secret = Annotated[SecretStr, AfterValidator(_given)]
Text = Annotated[str, Field(min_length=1)]


class SettingsFault(Exception):
    """The settings cannot be used. `lines` has one sentence per fault, naming the variable and never its value."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Settings(BaseSettings):
    """The program's settings; field names in capitals are the variables' names."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    slack_bot_token: Secret
    slack_signing_secret: Secret
    slack_app_token: SecretStr | None = None
    slack_api_url: WebAddress = "https://slack.com/api/"

    leaf_username: Text
    leaf_password: Secret
    leaf_api_url: WebAddress = "https://api.withleaf.io"
    leaf_webhook_secret: SecretStr | None = None
    leaf_requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 5

    fieldview_client_id: Text
    fieldview_client_secret: Secret
    fieldview_api_key: Secret
    fieldview_authorize_url: WebAddress = "https://climate.com/static/app-login/index.html"
    fieldview_token_url: WebAddress = "https://api.climate.com/api/oauth/token"  # noqa: S105 - an address, no token
    fieldview_scopes: Text = FIELDVIEW_SCOPES

    database_url: SecretStr = SecretStr("sqlite:///fieldview.db")
    encryption_keys: Secret
    public_url: WebAddress
    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000

    trusted_proxies: str | None = None
    admins: str | None = None
    alert_channel: str | None = None
    disconnect_undo: Annotated[int, Field(ge=0, le=86_400)] = 600
    disconnect_needs_two: bool = False
    sweep_interval: Annotated[float, Field(gt=0, le=86_400)] = 300
    agreeing_reads: Annotated[int, Field(ge=1, le=10)] = 2
    stale_after_days: Annotated[float, Field(gt=0, le=365)] = 14
    season: Annotated[str | None, AfterValidator(_season)] = None
    stale_after_days_in_season: Annotated[float, Field(gt=0, le=365)] = 5
    storm_size: Annotated[int, Field(ge=2, le=1_000_000)] = 5
    link_lifetime: Annotated[int, Field(ge=900, le=2_592_000)] = 604_800
    audit_anchor_file: Path | None = None
    audit_anchor_channel: str | None = None
    audit_retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"

    @field_validator(
        "slack_app_token",
        "leaf_webhook_secret",
        "trusted_proxies",
        "admins",
        "alert_channel",
        "audit_anchor_channel",
        "season",
        mode="before",
    )
    @classmethod
    def _empty_is_absent(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("slack_api_url")
    @classmethod
    def _ends_with_slash(cls, value: str) -> str:
        return value.rstrip("/") + "/"

    @field_validator("leaf_api_url", "public_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _https_unless_loopback(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("must begin with https:// unless it is a loopback address")
        if parts.query or parts.fragment or parts.path not in ("", "/"):
            raise ValueError("must be a bare address without a path")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str | None) -> str | None:
        try:
            _networks(value)
        except ValueError:
            raise ValueError("must be comma-separated IP addresses or networks such as 10.0.0.0/8") from None
        return value

    @field_validator("admins")
    @classmethod
    def _are_slack_ids(cls, value: str | None) -> str | None:
        if value and not all(_SLACK_SUBJECT.fullmatch(part.strip()) for part in value.split(",")):
            raise ValueError("must be comma-separated Slack ids of people (U…) or user groups (S…)")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _are_fernet_keys(cls, value: SecretStr) -> SecretStr:
        # Fernet itself takes no notice of what stands behind a whole key, be it a wrong separator and every other key.
        keys = re.split(r"\s*[,\n]\s*", value.get_secret_value().strip())
        if not all(map(_FERNET_KEY.fullmatch, keys)):
            raise ValueError("must be comma-separated Fernet keys (44 characters of URL-safe base64 each)")
        return SecretStr(",".join(keys))

    @field_validator("database_url")
    @classmethod
    def _is_supported(cls, value: SecretStr) -> SecretStr:
        try:
            parse_database_url(value.get_secret_value())
        except UnsupportedDatabase as fault:
            raise ValueError(str(fault)) from None
        return value

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks whose X-Forwarded-For is believed."""
        return _networks(self.trusted_proxies)

    @property
    def first_admins(self) -> tuple[str, ...]:
        """Slack ids of people and user groups who are admins whatever the rules in Slack say."""
        return tuple(part.strip() for part in (self.admins or "").split(",") if part.strip())

    @property
    def is_secure(self) -> bool:
        """Whether growers reach the bot over TLS."""
        return self.public_url.startswith("https://")

    @property
    def alerts_address(self) -> str:
        """Where Leaf posts its alerts."""
        return f"{self.public_url}/leaf/alerts"

    @property
    def redirect_uri(self) -> str:
        """Where FieldView sends growers back; must be registered there to the letter."""
        return f"{self.public_url}/oauth/fieldview/callback"


def load(**given: object) -> Settings:
    """Settings from the environment, `.env`, the files these name, and what is given. Raises SettingsFault."""
    from_files, faults = _from_files(given)
    try:
        settings = Settings(**(from_files | given))  # type: ignore[arg-type]
    except ValidationError as invalid:
        errors = [error for error in invalid.errors() if _name(error["loc"]) not in faults]
        faults |= {_name(error["loc"]): _in_words(error["loc"], error["type"], error["msg"]) for error in errors}
    if faults:
        raise SettingsFault(list(faults.values()))
    return settings


def _from_files(given: Mapping[str, object]) -> tuple[dict[str, object], dict[str, str]]:
    """Secrets that stand in files, by field; and by variable, what is wrong with a file."""
    environment = dict(EnvSettingsSource(Settings).env_vars)
    if env_file := given.get("_env_file", ".env"):
        environment = {**DotEnvSettingsSource(Settings, env_file=str(env_file)).env_vars, **environment}
    found: dict[str, object] = {}
    faults: dict[str, str] = {}
    for field in SECRETS:
        name, path = field.upper(), environment.get(f"{field}_file")
        if not path or field in given:
            continue
        if environment.get(field):
            faults[name] = f"{name} is given twice: as itself and as {name}_FILE."
            continue
        try:
            found[field] = Path(path).read_text(encoding="utf-8").strip()
        except OSError as failure:
            faults[name] = f"{name}_FILE names a file that cannot be read ({failure.strerror})."
        except ValueError:
            faults[name] = f"{name}_FILE names a file that is no text."
    return found, faults


SECRETS = tuple(
    name
    for name, field in Settings.model_fields.items()
    if field.annotation is SecretStr or SecretStr in get_args(field.annotation)
)
"""The settings that may be given in a file."""


def _name(place: tuple[int | str, ...]) -> str:
    return str(place[0]).upper() if place else "settings"


def _in_words(place: tuple[int | str, ...], kind: str, message: str) -> str:
    name = _name(place)
    if kind == "missing":
        return f"{name} is not set."
    reason = message.removeprefix("Value error, ")
    return f"{name} {reason}." if reason.startswith("must") else f"{name} is not right: {reason}."
