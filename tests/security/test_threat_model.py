"""The threat model names tests that are there; what is taken out on purpose stands where its list says."""

from __future__ import annotations

import re

import pytest

from tests.security.mutations import MUTATIONS, ROOT, Mutation

MODEL = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)(?:\[\w+\])?`", MODEL)))
FILES = sorted(set(re.findall(r"`((?:bot|handlers|storage|tests)/[\w/]+\.py)`", MODEL)))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[mutation.check for mutation in MUTATIONS])
def test_each_check_stands_where_the_list_says_and_its_tests_are_there(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.code) == 1
    assert (ROOT / mutation.tests[0]).is_file()


def test_the_threat_model_names_each_check_that_is_taken_out_and_no_other() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", MODEL.partition("## Checks removed on purpose")[2], re.MULTILINE)
    assert sorted(rows) == sorted(["taken out", *(mutation.check for mutation in MUTATIONS)])


def test_every_test_and_file_that_the_threat_model_names_is_there() -> None:
    written = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in NAMED if f"def {name}(" not in written] == []
    assert [name for name in FILES if not (ROOT / name).is_file()] == []
    assert NAMED
    assert FILES
