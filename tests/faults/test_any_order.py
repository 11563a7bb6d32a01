"""Any order of events keeps every invariant; and a bot in which one is broken on purpose does not get through."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from pydantic import SecretStr
from sqlalchemy import update

from bot import sealing
from bot.announcer import Announcer
from bot.leaf import statuses
from bot.leaf.client import LeafClient
from bot.messages.needs import Need
from bot.vault import Vault
from storage import consents
from storage.records import Cause, CredentialStatus
from storage.tables import AttemptRow
from tests.faults.anyorder import STRANGE, AnyOrder, PaperJobs

IS_LONG = os.environ.get("FAULTS") == "long"

CALM = settings(
    max_examples=400 if IS_LONG else 12,
    stateful_step_count=60 if IS_LONG else 40,
    deadline=None,
    database=None,
    # The short form plays the same games every time; new ones are for whoever has time for what they find.
    derandomize=not IS_LONG,
    # A short way to a fault takes minutes to find: that is for whoever looks into one.
    phases=list(Phase) if IS_LONG else [Phase.explicit, Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def machine(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> type[AnyOrder]:
    monkeypatch.setattr("bot.app.Jobs", PaperJobs)
    monkeypatch.setattr(AnyOrder, "template", Path(sqlite_url.removeprefix("sqlite:///")), raising=False)
    return AnyOrder


def test_any_order_of_events_keeps_every_invariant(machine: type[AnyOrder]) -> None:
    run_state_machine_as_test(machine, settings=CALM)


async def _state_for_everybody(session: Any, state_hash: str, browser_hashes: Any, at: Any) -> str | None:
    """`spend_attempt` without looking whether it was spent."""
    statement = update(AttemptRow).where(AttemptRow.state_hash == state_hash).values(used_at=at)
    found: str | None = await session.scalar(statement.returning(AttemptRow.consent_id))
    return found


def _states_are_used_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(consents, "spend_attempt", _state_for_everybody)


def _tokens_are_kept(patch: pytest.MonkeyPatch) -> None:
    move = consents.move

    async def keeping(*args: Any, **values: Any) -> Any:
        return await move(*args, **{name: value for name, value in values.items() if name != "refresh_token" or value})

    patch.setattr(consents, "move", keeping)


def _secrets_are_stored_in_clear(patch: pytest.MonkeyPatch) -> None:
    opened = Vault.open

    def read(self: Vault, sealed: str) -> SecretStr:
        return SecretStr(sealed.removeprefix("clear:")) if sealed.startswith("clear:") else opened(self, sealed)

    patch.setattr(Vault, "seal", lambda self, secret: f"clear:{secret.get_secret_value()}")
    patch.setattr(Vault, "open", read)


def _an_outage_is_a_revocation(patch: pytest.MonkeyPatch) -> None:
    meaning = statuses.meaning

    def blaming(word: str | None) -> Any:
        is_down = word == "TEMPORARILY_UNAVAILABLE"
        return (CredentialStatus.BROKEN, Cause.GROWER_MUST_ACT) if is_down else meaning(word)

    patch.setattr("bot.reducer.meaning", blaming)


def _health_is_a_failure(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("bot.reducer.meaning", lambda word: (CredentialStatus.LIMITED, Cause.SCOPE_MISSING))


def _leaf_is_given_everything_twice(patch: pytest.MonkeyPatch) -> None:
    give = LeafClient.give_credential

    async def twice(self: LeafClient, user_id: str, body: Any) -> Any:
        await give(self, user_id, body)
        await self.delete_credential(user_id)
        return await give(self, user_id, body)

    patch.setattr(LeafClient, "give_credential", twice)


def _the_chain_has_no_links(patch: pytest.MonkeyPatch) -> None:
    canonical, calls = sealing.canonical, iter(range(10_000))
    patch.setattr(sealing, "canonical", lambda seq, entry, previous: canonical(seq, entry, str(next(calls))))


def a_story(machine: AnyOrder) -> None:
    """Ada connects, and her callback comes twice; FieldView is down for Sato; sweeps look at both."""
    attempt: Any = None

    def comes_back() -> None:
        nonlocal attempt
        attempt = machine.a_grower_begins(link=machine.a_link_is_made(who=0))
        machine.fieldview_sends_the_grower_back(attempt=attempt)

    for deed in (
        machine.the_bot_starts,
        comes_back,
        machine.every_job_is_done,
        lambda: machine.the_same_callback_comes_again(attempt=attempt),
        lambda: machine.fieldview_is_down_for_a_grower(who=1),
        lambda: machine.a_sweep_is_due(number=0),
        machine.every_job_is_done,
    ):
        deed()
        machine.everything_holds()


def test_the_story_that_breaks_the_broken_ones_is_told_by_the_real_bot(machine: type[AnyOrder]) -> None:
    told = machine()
    try:
        a_story(told)
    finally:
        told.teardown()


def a_strange_word(machine: AnyOrder) -> None:
    """Leaf describes Sato's connection with a word that nobody knows, and then it works again."""
    machine.the_bot_starts()
    machine.a_credential_dies_silently(who=1, word=STRANGE)
    machine.a_sweep_is_due(number=0)
    machine.every_job_is_done()
    machine.everything_holds()
    machine.a_credential_is_repaired(who=1)


def test_of_a_word_that_nobody_knows_the_operators_alone_are_told(machine: type[AnyOrder]) -> None:
    told = machine()
    try:
        a_strange_word(told)
    finally:
        told.teardown()


def test_a_bot_that_keeps_a_strange_word_to_itself_does_not_get_through(
    machine: type[AnyOrder], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def says_nothing(self: Announcer, session: Any, need: Need) -> None: ...

    monkeypatch.setattr(Announcer, "notify", says_nothing)
    told = machine()
    a_strange_word(told)
    with pytest.raises(AssertionError, match="the operators were not told of 'ON_HOLIDAY'"):
        told.teardown()


@pytest.mark.parametrize(
    ("break_it", "what_is_said"),
    [
        (_states_are_used_again, "a state is used at most once"),
        (_tokens_are_kept, "keeps its token"),
        (_secrets_are_stored_in_clear, "a secret is stored in clear"),
        (_an_outage_is_a_revocation, "a grower is blamed for 'TEMPORARILY_UNAVAILABLE'"),
        (_health_is_a_failure, "an incident says 'OK'"),
        (_leaf_is_given_everything_twice, "a token was given to Leaf twice"),
        (_the_chain_has_no_links, "was changed or written by somebody else"),
    ],
)
def test_a_bot_with_a_broken_invariant_does_not_get_through(
    machine: type[AnyOrder],
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[pytest.MonkeyPatch], None],
    what_is_said: str,
) -> None:
    break_it(monkeypatch)
    told = machine()
    try:
        with pytest.raises(AssertionError, match=what_is_said):
            a_story(told)
    finally:
        told.leaves()
