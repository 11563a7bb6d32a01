"""The catalogues: the same things said in each language, in its own spelling and dates, in nobody else's words."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import bot.messages.speech
import handlers.wording
from handlers.wording import Wording, every_wording
from tests.handlers.gallery import LANGUAGES, LEAF_NEEDS, NOW

FOLDER = Path(handlers.wording.__file__).parent / "templates"
LETTERS = Path(bot.messages.speech.__file__).parent / "languages"
CATALOGUES = {
    path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
    | {"letters": tomllib.loads((LETTERS / path.name).read_text(encoding="utf-8"))}
    for path in FOLDER.glob("*.toml")
}

# Words that no sentence can do without, and that none of the other three languages has.
OWN_WORDS = {
    "en": "the and you your with this that was is it to not what from will",
    "pt": "não você seu uma foi em os ao senha pode mensagem",
    "es": "usted los el con enlace del una su contraseña mensaje",
    "fr": "vous votre avec est dans pas pour nous ce des lien",
}
TOO_FAMILIAR = {
    "pt": "tu teu tua teus tuas contigo vós",
    "es": "tú tu tus ti contigo vos vosotros os vuestro vuestra",
    "fr": "tu ton ta tes toi",
}
WITH_A_GENDER = {
    "pt": r"\b(o|a\s+empresa|ao|à|da|do|na|no|pela|pelo)\s+\{(company|asked_by|grower)\}",
    "es": r"\b(el|la|al|del)\s+\{(company|asked_by|grower)\}",
    "fr": r"\b(de|que|du|la|le|au)\s+\{(company|asked_by|grower)\}|[dlq]u?’\{",
}


def sentences(catalogue: dict[str, Any]) -> dict[str, str]:
    """Every sentence under its dotted key, the parts of a list numbered."""

    def walk(key: str, value: object) -> Iterator[tuple[str, str]]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if inner is None:
            yield key, str(value)
        for name, part in inner or ():
            yield from walk(f"{key}.{name}" if key else str(name), part)

    return dict(walk("", catalogue))


SENTENCES = {language: sentences(catalogue) for language, catalogue in CATALOGUES.items()}
FOREIGN = sorted(set(LANGUAGES) - {"en"})


def placeholders(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


def words(sentence: str) -> set[str]:
    return set(re.findall(r"[\w’-]+", re.sub(r"\{\w+\}|<[^>]*>", " ", sentence).lower()))


def test_there_are_four_languages_and_each_knows_its_name() -> None:
    assert {language: catalogue["language"] for language, catalogue in CATALOGUES.items()} == LANGUAGES
    assert [wording.own_name for wording in every_wording().values()] == ["English", "Español", "Français", "Português"]


@pytest.mark.parametrize("language", FOREIGN)
def test_every_language_says_the_same_things_with_the_same_gaps(language: str) -> None:
    english, other = SENTENCES["en"], SENTENCES[language]

    assert other.keys() == english.keys()
    assert {key: placeholders(text) for key, text in other.items()} == {
        key: placeholders(text) for key, text in english.items()
    }


@pytest.mark.parametrize("language", FOREIGN)
def test_no_sentence_was_left_in_english(language: str) -> None:
    same_everywhere = {"consent.who_value"}
    same = {key for key, text in SENTENCES[language].items() if text == SENTENCES["en"][key]}

    assert same == same_everywhere


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_borrows_anothers_words(language: str) -> None:
    foreign = {word for other, own in OWN_WORDS.items() if other != language for word in own.split()}

    for key, text in SENTENCES[language].items():
        assert not words(text) & foreign, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_that_tell_a_language_do_occur_in_it(language: str) -> None:
    everything = set().union(*map(words, SENTENCES[language].values()))

    assert len(set(OWN_WORDS[language].split()) & everything) > 6


@pytest.mark.parametrize("language", FOREIGN)
def test_a_grower_is_addressed_with_respect(language: str) -> None:
    for key, text in SENTENCES[language].items():
        assert not words(text) & set(TOO_FAMILIAR[language].split()), key


@pytest.mark.parametrize("language", FOREIGN)
def test_a_name_fits_whether_it_is_a_mans_a_womans_or_begins_with_a_vowel(language: str) -> None:
    for key, text in SENTENCES[language].items():
        assert not re.search(WITH_A_GENDER[language], text, re.IGNORECASE), key


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("name", ["FieldView", "Climate FieldView", "Leaf"])
def test_names_of_products_stay_as_they_are(language: str, name: str) -> None:
    for key, text in SENTENCES[language].items():
        assert (name in text) == (name in SENTENCES["en"][key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_typography_every_language_shares(language: str) -> None:
    for key, text in SENTENCES[language].items():
        plain_text = re.sub(r"</?(?:strong|bdi)>", "", text)
        assert not re.search(r"""['"<>]|\.\.\.|  |^\s|\s$""", plain_text), key
        assert text.count("<strong>") == text.count("</strong>"), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_ends_like_its_english_one(language: str) -> None:
    for key, text in SENTENCES[language].items():
        end, english = (re.sub(r"</\w+>", "", sentence)[-1] for sentence in (text, SENTENCES["en"][key]))
        if english in ".?!" or end in ".?!":
            assert end == english, key


def test_french_signs_stand_behind_a_space_that_does_not_break() -> None:
    for key, text in SENTENCES["fr"].items():
        assert not re.search(r"(?<![\u00A0\u202F])[;:!?»]", text), key
        assert not re.search(r"«(?![\u00A0\u202F])", text), key
        assert not set(text) & set("“”"), key


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - {"fr"}))
def test_only_french_has_such_spaces(language: str) -> None:
    for key, text in SENTENCES[language].items():
        assert not re.search(r"\s[;:!?]", text), key
        assert not set(text) & set("«»\u00a0\u202f"), key


def test_spanish_questions_and_calls_are_opened_as_well() -> None:
    for key, text in SENTENCES["es"].items():
        assert re.fullmatch("(¿[?]|¡!)*", "".join(re.findall("[¿?¡!]", text))), key
    assert SENTENCES["es"]["consent.heading"].startswith("¿")


@pytest.mark.parametrize("language", FOREIGN)
def test_days_and_months_are_small_and_none_is_missing(language: str) -> None:
    weekdays, months = (
        CATALOGUES[language]["letters"]["time"]["weekdays"],
        CATALOGUES[language]["letters"]["time"]["months"],
    )

    assert (len(set(weekdays)), len(set(months))) == (7, 12)
    assert [name for name in weekdays + months if name != name.lower()] == []


@pytest.mark.parametrize(
    ("language", "thirtieth", "first"),
    [
        ("en", "until the end of Monday 30 November", "until the end of Tuesday 1 December"),
        ("pt", "até segunda-feira, 30 de novembro, inclusive", "até terça-feira, 1º de dezembro, inclusive"),
        ("es", "hasta el lunes 30 de noviembre inclusive", "hasta el martes 1.º de diciembre inclusive"),
        ("fr", "jusqu’au lundi 30\u00a0novembre inclus", "jusqu’au mardi 1er\u00a0décembre inclus"),
    ],
)
def test_a_date_reads_as_people_write_it(language: str, thirtieth: str, first: str) -> None:
    assert Wording(language).until(NOW + timedelta(days=7), NOW) == thirtieth
    assert Wording(language).until(NOW + timedelta(days=8), NOW) == first


@pytest.mark.parametrize(
    ("language", "hours", "hour", "minutes", "moment"),
    [
        (
            "en",
            "for the next 47 hours",
            "for the next hour",
            "for the next 15 minutes",
            "for a few more minutes",
        ),
        (
            "pt",
            "pelas próximas 47 horas",
            "pela próxima hora",
            "pelos próximos 15 minutos",
            "por mais alguns instantes",
        ),
        (
            "es",
            "durante las próximas 47 horas",
            "durante la próxima hora",
            "durante los próximos 15 minutos",
            "solo unos instantes más",
        ),
        (
            "fr",
            "pendant encore 47\u00a0heures",
            "pendant encore une heure",
            "pendant encore 15\u00a0minutes",
            "pendant encore quelques instants",
        ),
    ],
)
def test_one_hour_is_not_said_like_many(language: str, hours: str, hour: str, minutes: str, moment: str) -> None:
    lefts = timedelta(hours=47, minutes=59), timedelta(minutes=61), timedelta(minutes=15), timedelta(seconds=90)

    assert [Wording(language).until(NOW + left, NOW) for left in lefts] == [hours, hour, minutes, moment]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_a_year_has_its_own_name(language: str) -> None:
    days = [datetime(2026, 1, 1, 13, tzinfo=UTC) + timedelta(days=number) for number in range(365)]
    wording = Wording(language)

    assert len({wording.until(day, day - timedelta(days=3)) for day in days}) == 365


@pytest.mark.parametrize(
    ("language", "starts"),
    [
        ("en", ["Fields:", "Planting:", "Spraying and fertilizer:", "Harvest:", "Names"]),
        ("pt", ["Talhões:", "Plantio:", "Pulverização e adubação:", "Colheita:", "Nomes"]),
        ("es", ["Lotes:", "Siembra:", "Pulverización y fertilización:", "Cosecha:", "Nombres"]),
        ("fr", ["Parcelles\u00a0:", "Semis\u00a0:", "Pulvérisation et fertilisation\u00a0:", "Récolte\u00a0:", "Noms"]),
    ],
)
def test_scopes_are_told_in_a_farmers_words(language: str, starts: list[str]) -> None:
    read = Wording(language).reads(LEAF_NEEDS)

    assert [re.findall(r"<strong>(.*?)</strong>", item)[0] for item in read] == starts


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_scope_without_words_is_quoted_and_escaped(language: str) -> None:
    (said,) = Wording(language).reads(("<b>rx:write",))

    assert "<b>" not in said
    assert "<b>rx:write" in said.unescape()
