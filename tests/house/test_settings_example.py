"""`.env.example` is the list of settings, with the defaults that the program has."""

from __future__ import annotations

import re

from pydantic import SecretStr

from bot.settings import Settings
from tests.house import repository

ONLY_FOR_COMPOSE = {"POSTGRES_PASSWORD"}
LINE = re.compile(r"^(#?)([A-Z_]+)=(.*)$", re.MULTILINE)


def plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return "" if value is None else str(value)


def test_it_names_every_setting_once() -> None:
    names = [name for _, name, _ in LINE.findall(repository.text(".env.example"))]
    assert sorted(set(names) - ONLY_FOR_COMPOSE) == sorted(field.upper() for field in Settings.model_fields)
    assert len(names) == len(set(names))


def test_what_must_be_filled_in_is_what_the_program_requires() -> None:
    open_lines = {name for comment, name, value in LINE.findall(repository.text(".env.example")) if not comment}
    assert open_lines == {name.upper() for name, field in Settings.model_fields.items() if field.is_required()}


def test_it_holds_no_value_that_could_be_mistaken_for_a_secret() -> None:
    assert [value for comment, _, value in LINE.findall(repository.text(".env.example")) if not comment and value] == []


def test_the_defaults_it_shows_are_the_programs() -> None:
    shown = {name: value for comment, name, value in LINE.findall(repository.text(".env.example")) if comment}
    actual = {
        name.upper(): plain(field.default) for name, field in Settings.model_fields.items() if not field.is_required()
    }
    assert {name: value for name, value in shown.items() if name not in ONLY_FOR_COMPOSE} == actual
