"""Settings: every fault is one line that names the variable and never its value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.settings import FIELDVIEW_SCOPES, SECRETS, Settings, SettingsFault, load

NEEDED = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "signing",
    "LEAF_USERNAME": "owner@example.com",
    "LEAF_PASSWORD": "password",
    "FIELDVIEW_CLIENT_ID": "client",
    "FIELDVIEW_CLIENT_SECRET": "secret",
    "FIELDVIEW_API_KEY": "key",
    "ENCRYPTION_KEYS": "c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlIDE=",
    "PUBLIC_URL": "https://bot.example.com",
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the developer's own environment or `.env`."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The smallest environment that works, to be changed."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def faults() -> tuple[str, ...]:
    with pytest.raises(SettingsFault) as found:
        load()
    return found.value.lines


def plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@pytest.mark.usefixtures("given")
def test_the_defaults_are_the_promised_ones() -> None:
    settings = load()
    promised = {
        "slack_app_token": None,
        "slack_api_url": "https://slack.com/api/",
        "leaf_api_url": "https://api.withleaf.io",
        "leaf_webhook_secret": None,
        "leaf_requests_per_second": 5,
        "fieldview_authorize_url": "https://climate.com/static/app-login/index.html",
        "fieldview_token_url": "https://api.climate.com/api/oauth/token",
        "fieldview_scopes": "asHarvested:read asPlanted:read asApplied:read fields:read resourceOwners:read "
        "farmOrganizations:read",
        "database_url": "sqlite:///fieldview.db",
        "host": "127.0.0.1",
        "port": 3000,
        "trusted_proxies": None,
        "admins": None,
        "alert_channel": None,
        "disconnect_undo": 600,
        "disconnect_needs_two": False,
        "stale_after_days": 14,
        "season": None,
        "stale_after_days_in_season": 5,
        "sweep_interval": 300,
        "agreeing_reads": 2,
        "storm_size": 5,
        "link_lifetime": 604800,
        "audit_anchor_file": None,
        "audit_anchor_channel": None,
        "audit_retention_days": None,
        "log_level": "info",
        "log_format": "console",
    }
    assert {name: plain(getattr(settings, name)) for name in promised} == promised
    assert set(promised) | {name.lower() for name in NEEDED} == set(Settings.model_fields)
    assert settings.fieldview_scopes == FIELDVIEW_SCOPES


def test_everything_missing_is_named_at_once() -> None:
    assert sorted(faults()) == sorted(f"{name} is not set." for name in NEEDED)


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_an_empty_line_is_as_good_as_none(given: pytest.MonkeyPatch, name: str) -> None:
    given.setenv(name, "")
    assert faults() == (f"{name} is not set.",)


def test_empty_optional_settings_are_absent(given: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        if name.upper() not in NEEDED:
            given.setenv(name.upper(), "")
    settings = load()
    assert (settings.slack_app_token, settings.leaf_webhook_secret, settings.alert_channel) == (None, None, None)
    assert (settings.port, settings.log_level) == (3000, "info")


MALFORMED = [
    ("SLACK_BOT_TOKEN", "   "),
    ("SLACK_API_URL", "ftp://canary.example"),
    ("SLACK_API_URL", "canary"),
    ("LEAF_API_URL", "https://user:canary@api.withleaf.io"),
    ("LEAF_API_URL", "https://[canary"),
    ("LEAF_API_URL", "https://canary\u2100.example"),
    ("FIELDVIEW_TOKEN_URL", "https://host:99999999/canary"),
    ("LEAF_REQUESTS_PER_SECOND", "canary"),
    ("LEAF_REQUESTS_PER_SECOND", "0"),
    ("LEAF_REQUESTS_PER_SECOND", "nan"),
    ("LEAF_REQUESTS_PER_SECOND", "inf"),
    ("SWEEP_INTERVAL", "-5"),
    ("SWEEP_INTERVAL", "inf"),
    ("PORT", "canary"),
    ("PORT", "70000"),
    ("LINK_LIFETIME", "899"),
    ("LINK_LIFETIME", "2592001"),
    ("LOG_LEVEL", "canary"),
    ("LOG_FORMAT", "canary"),
    ("DATABASE_URL", "canary"),
    ("DATABASE_URL", "sqlite://"),
    ("ENCRYPTION_KEYS", "canary"),
    ("ENCRYPTION_KEYS", f"{NEEDED['ENCRYPTION_KEYS']},canary"),
    ("PUBLIC_URL", "http://canary.example"),
    ("PUBLIC_URL", "https://bot.example.com/canary"),
    ("PUBLIC_URL", "https://bot.example.com?canary=1"),
]


@pytest.mark.parametrize(("name", "value"), MALFORMED)
def test_a_malformed_setting_is_one_line_that_never_shows_its_value(
    given: pytest.MonkeyPatch, name: str, value: str
) -> None:
    given.setenv(name, value)
    [line] = faults()
    assert line.startswith(f"{name} ")
    assert line.endswith(".")
    assert "canary" not in line
    assert "\n" not in line


def test_several_faults_are_told_together(given: pytest.MonkeyPatch) -> None:
    given.setenv("PORT", "canary")
    given.setenv("PUBLIC_URL", "canary")
    given.delenv("LEAF_PASSWORD")
    assert sorted(line.split()[0] for line in faults()) == ["LEAF_PASSWORD", "PORT", "PUBLIC_URL"]


def test_a_dotenv_file_counts_and_the_environment_wins(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=4000\nLOG_LEVEL=WARNING\nSOMETHING_ELSE=1\nALERT_CHANNEL=\n")
    given.setenv("LOG_LEVEL", "Debug")
    settings = load()
    assert (settings.port, settings.log_level, settings.alert_channel) == (4000, "debug", None)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://bot.example.com/", "https://bot.example.com"),
        ("http://127.0.0.1:3000/", "http://127.0.0.1:3000"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_growers_reach_us_over_https_or_on_this_machine(given: pytest.MonkeyPatch, written: str, meant: str) -> None:
    given.setenv("PUBLIC_URL", written)
    settings = load()
    assert settings.public_url == meant
    assert settings.redirect_uri == f"{meant}/oauth/fieldview/callback"
    assert settings.is_secure == meant.startswith("https")


@pytest.mark.parametrize("url", ["postgres://u:p@h/db", "postgresql+asyncpg://u:p@h/db", "sqlite+aiosqlite:///x.db"])
def test_a_database_url_may_name_any_driver(given: pytest.MonkeyPatch, url: str) -> None:
    given.setenv("DATABASE_URL", url)
    assert load().database_url.get_secret_value() == url


@pytest.mark.usefixtures("given")
def test_settings_never_show_a_secret() -> None:
    settings = load()
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    for name in ("xoxb-1", "signing", "password", NEEDED["ENCRYPTION_KEYS"]):
        assert f"'{name}'" not in shown
        assert f'"{name}"' not in shown


def test_every_secret_may_stand_in_a_file(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    expected = {name: NEEDED.get(name.upper(), "sqlite:///other.db") for name in SECRETS}
    for name, value in expected.items():
        (tmp_path / name).write_text(f"{value}\n")
        given.delenv(name.upper(), raising=False)
        given.setenv(f"{name.upper()}_FILE", str(tmp_path / name))
    settings = load()
    assert {name: plain(getattr(settings, name)) for name in SECRETS} == expected
    assert {"leaf_password", "encryption_keys", "database_url", "leaf_webhook_secret"} <= expected.keys()


FIRST, SECOND = NEEDED["ENCRYPTION_KEYS"], "QW5vdGhlciBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyE="


@pytest.mark.parametrize("between", ["\n", "\r\n", ",\n", ",", " , "])
def test_every_key_of_a_file_is_a_key_whether_commas_or_lines_part_them(
    given: pytest.MonkeyPatch, tmp_path: Path, between: str
) -> None:
    given.delenv("ENCRYPTION_KEYS")
    (tmp_path / "keys").write_bytes(f"{FIRST}{between}{SECOND}\n".encode())
    given.setenv("ENCRYPTION_KEYS_FILE", str(tmp_path / "keys"))
    assert plain(load().encryption_keys) == f"{FIRST},{SECOND}"


@pytest.mark.parametrize(
    "keys",
    [
        f"{FIRST};{SECOND}",
        f"{FIRST} {SECOND}",
        f"{FIRST}{SECOND}",
        f"{FIRST}rubbish",
        f"{FIRST},",
        FIRST[:-1],
        FIRST.replace("c", "+", 1),
        f"{FIRST},{SECOND}x",
    ],
)
def test_what_is_not_a_key_to_the_letter_is_refused_and_not_left_out(given: pytest.MonkeyPatch, keys: str) -> None:
    """A wrong separator would drop every key but the first, and what those sealed could be opened no more."""
    given.setenv("ENCRYPTION_KEYS", keys)
    [line] = faults()
    assert line.startswith("ENCRYPTION_KEYS must be comma-separated Fernet keys")
    assert FIRST[:8] not in line
    assert SECOND[:8] not in line


def test_a_file_is_named_in_the_env_file_too(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.delenv("LEAF_PASSWORD")
    (tmp_path / "secret").write_text("from a file")
    (tmp_path / ".env").write_text(f"LEAF_PASSWORD_FILE={tmp_path / 'secret'}\n")
    assert plain(load().leaf_password) == "from a file"


def test_a_secret_given_twice_or_in_a_file_that_is_not_there_is_one_line_each(
    given: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_text("\n")
    given.setenv("LEAF_PASSWORD_FILE", str(tmp_path / "secret"))
    for name, file in (
        ("SLACK_BOT_TOKEN", "nowhere"),
        ("FIELDVIEW_API_KEY", "binary"),
        ("SLACK_SIGNING_SECRET", "empty"),
    ):
        given.delenv(name)
        given.setenv(f"{name}_FILE", str(tmp_path / file))
    lines = faults()
    assert set(lines) == {
        "LEAF_PASSWORD is given twice: as itself and as LEAF_PASSWORD_FILE.",
        "SLACK_BOT_TOKEN_FILE names a file that cannot be read (No such file or directory).",
        "FIELDVIEW_API_KEY_FILE names a file that is no text.",
        "SLACK_SIGNING_SECRET must not be empty.",
    }
    assert "hunter2" not in "".join(lines)
