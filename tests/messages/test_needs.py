"""What operators are told: each need stands on the page of all messages, and tells growers of one name apart."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from bot import messages
from bot.messages import needs
from bot.messages.needs import Need
from tests.house import repository
from tests.messages.gallery import LEFT, NEEDS
from tests.messages.namesakes import TWINS
from tests.messages.people import NOW, a_grower, a_notice
from tests.messages.reading import seen


def made_here() -> list[object]:
    """Every function that makes a need."""
    found = [function for _, function in inspect.getmembers(needs, inspect.isfunction)]
    return [each for each in found if inspect.signature(each).return_annotation == "Need"]


def calls(name: str) -> set[str]:
    """The modules of ours that call what is named so."""
    found = set()
    for path in repository.python_files("bot", "handlers", "storage"):
        called = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        if name in [getattr(each, "attr", getattr(each, "id", "")) for each in called]:
            found.add(path.relative_to(repository.ROOT).as_posix())
    return found


def test_every_need_has_an_example_that_its_own_code_made() -> None:
    assert len(made_here()) > 10
    assert set(made_here()) == set(NEEDS)
    assert all(NEEDS.values())


def test_operators_are_told_nothing_that_is_made_elsewhere() -> None:
    assert calls("Need") == {"bot/messages/needs.py"}
    assert calls("raise_once") == {"bot/announcer.py"}


def test_each_kind_of_need_is_told_apart_from_the_others() -> None:
    kinds = {make: {need.kind for _, need in examples} for make, examples in NEEDS.items()}
    same = [{needs.blind, needs.was_blind}, {needs.plain_only, needs.not_taken}]
    for one, of_one in kinds.items():
        for other, of_other in kinds.items():
            if one is not other and {one, other} not in same:
                assert not of_one & of_other


def told(need: Need) -> str:
    return seen(messages.operator_notice(a_notice(text=need.text), NOW))


def test_a_colleague_who_left_had_growers_that_are_told_apart() -> None:
    alone = a_grower(id="g-9", name="Sato")
    need = needs.somebody_left(**LEFT, growers=[*TWINS, alone], leads=[], followed_by=[])
    name = TWINS[0].name
    growers = f"{name} (first@twins.example), {name} (second@twins.example) and Sato"
    assert f"Ana Lima has left this workspace and still looks after 3 growers ({growers})." in told(need)


def test_a_word_nobody_knows_is_told_of_a_grower_who_is_told_apart() -> None:
    assert "that of Okafor Family Farms (second@twins.example)." in told(needs.unknown_word("HALF", TWINS[1]))


def test_a_need_about_as_much_as_there_can_be_says_what_to_do() -> None:
    many = [a_grower(id=f"g-{n}", name="N" * 80, email=f"{'e' * 70}@x.example", has_namesake=True) for n in range(10)]
    channels = [f"C{number:010}" for number in range(30)]
    much: dict[str, Any] = {"alerts": many[: needs.ALERTS_NAMED], "more_alerts": 2000, "snoozes": 2000, "links": 2000}
    need = needs.somebody_left(**LEFT | {"more": 2000}, growers=many, leads=channels, followed_by=channels, **much)
    assert told(need).split("\n")[1].endswith("/fieldview handover UANA @colleague hands everything over.")


def test_a_name_of_somebody_elses_making_is_no_markup_in_a_need() -> None:
    hostile = a_grower(name="`x` <#CTEAM> <!channel>", email="<@UBOSS>`*b*`@x.example", has_namesake=True)
    for need in (
        needs.unknown_word("`W` <!here>", hostile),
        needs.somebody_left(**LEFT | {"name": "<#CTEAM> `b`"}, growers=[hostile], leads=[], followed_by=[]),
    ):
        shown = messages.operator_notice(a_notice(text=need.text), NOW)
        raw = str(shown.payload())
        assert "<#CTEAM>" not in raw
        assert "<!" not in raw.replace("<!date", "")
        assert "<@" not in raw
