"""What is struck out of other people's text and of our own logs, and what is left to be read."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from bot import logs
from bot.redaction import STRUCK, redact

SECRET = "hunter2,X"
LONG = "qT7-vL2_kPz9Wm4RsYb1"
UUID = "550e8400-e29b-41d4-a716-446655440000"

NAMES = (
    "refresh_token",
    "refreshToken",
    "access_token",
    "id_token",
    "client_secret",
    "clientSecret",
    "password",
    "apiKey",
    "X-Api-Key",
    "Authorization",
    "code",
    "authorization_code",
    "state",
    "Set-Cookie",
    "session",
)


def in_json(name: str, value: str) -> str:
    return json.dumps({"error": "no", name: value, "n": 1})


def in_json_in_json(name: str, value: str) -> str:
    return json.dumps({"body": json.dumps({name: value, "n": 1})})


def in_repr(name: str, value: str) -> str:
    return repr({name: value})


def in_url_in_url(name: str, value: str) -> str:
    return "https://x.example/?next=" + quote(f"/cb?{name}={value.replace(',', '')}&n=1", safe="")


@pytest.mark.parametrize("write", [in_json, in_json_in_json, in_repr])
@pytest.mark.parametrize("name", NAMES)
def test_what_has_a_secrets_name_is_struck_however_it_is_written(write: Callable[[str, str], str], name: str) -> None:
    shown = redact(write(name, SECRET))
    assert "hunter2" not in shown
    assert ",X" not in shown
    assert STRUCK in shown


@pytest.mark.parametrize("name", NAMES)
def test_forms_headers_and_encoded_queries(name: str) -> None:
    for text in (
        f"{name}=hunter2&n=1",
        f"{name}: hunter2\n",
        f"{name}: Basic aHVudGVyMg==",
        in_url_in_url(name, SECRET),
    ):
        shown = redact(text)
        assert "hunter2" not in shown
        assert "aHVudGVyMg" not in shown


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "xoxb-not-a-real-one",
        "xapp-1-A-2-b",
        "https://hooks.slack.com/commands/T1/2/abc",
        f"partner-acme-{UUID}",
        "gAAAAABmZm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA==",
        "3f2504e04f8911d39a0c0305e82c3301",
        "aB3dE5fG7hJ9kL1mN3pQ5r",
        base64.b64encode(b"sandbox-client:some secret of 3").decode(),
    ],
)
def test_what_looks_like_a_secret_is_struck_without_any_name(secret: str) -> None:
    for text in (secret, f"said {secret}.", f'"{secret}"', f"({secret})", quote(f"x={secret}&y", safe="")):
        assert secret not in redact(text)
        assert quote(secret, safe="") not in redact(text)


@pytest.mark.parametrize(
    "link", [f"https://bot.example.com/connect/{LONG}", quote(f"https://b/connect/{LONG}", safe="")]
)
def test_a_consent_link_keeps_its_beginning_only(link: str) -> None:
    assert LONG not in redact(link)
    assert "connect" in redact(link)


@pytest.mark.parametrize(
    "harmless",
    [
        '{"error":"invalid_grant","error_description":"Callback url mismatch"}',
        '{"status_code": 429, "message": "Too Many Requests"}',
        "HTTP status code: 503",
        f"user {UUID} of page 3",
        f"grower={UUID}",
        f"/services/usermanagement/api/users/{UUID}/climate-field-view-credentials",
        f'{{"credentialId": "{UUID}"}}',
        "at 2026-11-24T03:11:00.123456+00:00",
        "at 2026-11-24 03:11:00.123Z, 20261124T031100Z",
        'File "/usr/lib/python3.11/site-packages/sqlalchemy/engine/base.py", line 1967, in _exec_single_context',
        "The state of the fields: fine in 12 counties of the United States",
        "asHarvested:read asPlanted:read farmOrganizations:read",
        "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: growers",
        "ada@example.com signed in",
    ],
)
def test_what_an_operator_needs_is_left(harmless: str) -> None:
    assert redact(harmless) == harmless


@given(st.text(), st.sampled_from(NAMES), st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=12, max_size=20))
@example('\\"', "password", "abcdefghijklm")
def test_a_named_secret_never_survives_what_stands_before_it(before: str, name: str, secret: str) -> None:
    assert secret not in redact(f'{before} "{name}":"{secret}"') or secret in before


@given(st.text(alphabet='":=\\%token secret-a1/&{}', max_size=400))
def test_striking_out_ends_and_is_the_same_the_second_time(text: str) -> None:
    once = redact(text)
    assert redact(once) == redact(redact(once))


def test_a_million_characters_take_no_minutes() -> None:
    for piece in ("a", "a-", '"', 'token="', "code", '\\"', "%3D", "token%3D", "A1/"):
        redact(piece * (200_000 // len(piece)))


# Logs


@pytest.fixture(params=["json", "console"])
def written(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, put_back_logging: None
) -> Callable[[], str]:
    """What our logs write, in each form."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("debug", request.param)
    return stream.getvalue


GIVEN = "hunter2"


def crash_with(secret: str) -> None:
    password = secret
    raise ValueError(f"no good: password={password}")


def test_a_traceback_shows_no_local_variable_and_no_secret(written: Callable[[], str]) -> None:
    for log in (structlog.get_logger("ours"), logging.getLogger("theirs")):
        try:
            crash_with(GIVEN)
        except ValueError:
            log.exception("crashed")
    text = written()
    assert text.count("crash_with") >= 2, "the traceback itself is there"
    assert text.count("ValueError") >= 2
    assert "hunter2" not in text


def test_secrets_in_any_kind_of_field_are_struck(written: Callable[[], str]) -> None:
    log = structlog.get_logger("ours")
    log.info("a", password="hunter2", detail={"token": "hunter2", "list": ["code=hunter2"]}, raw=b"secret=hunter2")
    log.info("password=hunter2", error=ValueError("client_secret: hunter2"))
    logging.getLogger("theirs").warning("Authorization: %s", "Basic hunter2")
    logging.getLogger("dbos").error("failed with refresh_token=%s", "hunter2")
    assert "hunter2" not in written()
    assert written().replace("\\u2026", "…").count(STRUCK) >= 7


def test_our_own_ids_stay_readable(written: Callable[[], str]) -> None:
    structlog.get_logger("ours").info("x", consent="0" * 20 + "abcdef123456", grower=UUID)
    assert "0" * 20 + "abcdef123456" in written()
    assert UUID in written()


def test_an_anchor_is_shown_in_its_own_field_only_and_whole_only(written: Callable[[], str]) -> None:
    log, mac = structlog.get_logger("ours"), "5e" * 32
    line = f"2026-11-24T12:00:00+00:00 1847 {mac}"
    for fields in ({"anchor": mac}, {"anchor": f"x {line}"}, {"anchor": f"{line}{mac}"}, {"other": line}, {"mac": mac}):
        log.info("something", **fields)
    log.info(line)
    assert mac not in written()
    log.info("audit anchor", anchor=line)
    assert line in written()


FORGED = '\n2026-11-24T00:00:00Z [info     ] all is well\r\n{"event": "all is well"}\x1b[2J\x1b]0;owned\x07\u2028x\x85y'


def test_nobody_forges_a_line(written: Callable[[], str]) -> None:
    log = structlog.get_logger("ours")
    log.info("a" + FORGED)
    log.info("b", name=FORGED, deep={"x" + FORGED: [FORGED]})
    logging.getLogger("theirs").warning("c%s", FORGED)
    try:
        raise ValueError(FORGED)
    except ValueError:
        log.exception("d")
    text = written()
    for control in ("\x1b[2J", "\x07", "\r", "\u2028", "\x85"):
        assert control not in text
    for line in text.splitlines():
        assert not line.startswith("2026-11-24T00:00:00Z [info     ] all is well")
        assert not line.startswith('{"event": "all is well"}')


def test_dbos_does_not_talk_past_our_logs() -> None:
    from dbos._logger import init_logger

    before = list(logging.getLogger("dbos").handlers)
    logging.getLogger("dbos").handlers[:] = [logging.NullHandler()]
    try:
        init_logger()
        assert [type(handler) for handler in logging.getLogger("dbos").handlers] == [logging.NullHandler]
    finally:
        logging.getLogger("dbos").handlers[:] = before
