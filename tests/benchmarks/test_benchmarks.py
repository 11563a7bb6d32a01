"""The benchmarks in their short forms: they end, and what they report was really measured. No time is asserted."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import units
from benchmarks.__main__ import main, measure
from benchmarks.books import Books
from benchmarks.figures import FIGURES
from benchmarks.inbox import inbox
from benchmarks.samples import median, percentile
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.table import at_most, more_by_at_most, ratio_at_least, ratio_at_most, rendered, stated
from benchmarks.wire import Wire, request, volley
from handlers.limits import Rates

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FIGURES)
async def test_every_figure_measures_something_and_ends(name: str) -> None:
    rows = await measure([name], QUICK)
    assert rows
    for row in rows:
        assert row.figure
        assert row.measured
        assert row.target or row.met is None
        assert row.compared or not row.baseline


async def test_the_units_that_a_reckoning_rests_on_are_measured() -> None:
    _, _, *lines = (await units.measured(200, 500, 0.5)).splitlines()
    told = {name.strip(): cells for name, *cells in (line.strip("|").split("|") for line in lines)}
    assert float(told["the same where Leaf tells no status"][0]) >= 200, "a request for each grower"
    for unit in ("bytes of a grower", "bytes of an audit entry", "bytes of a job that is done"):
        assert all(float(cell.replace(",", "")) > 0 for cell in told[unit]), unit


async def test_a_figure_names_its_baseline_unless_it_has_a_bound_of_its_own() -> None:
    rows = await measure(["status"], QUICK)
    assert [(row.baseline.endswith(" ms"), row.target) for row in rows] == [(True, "≤ +15 ms")]


def test_one_figure_alone_prints_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "consent-page"]) == 0
    head, rule, *lines = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == [
        *("figure", "measured", "baseline", "compared", "target", "met")
    ]
    assert set(rule) == {"|", "-"}
    assert all("consent page" in line for line in lines)
    assert len({len(line) for line in (head, rule, *lines)}) == 1


def test_an_unknown_figure_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "speed"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "ack-under-load" in done.stderr


def test_targets_are_met_up_to_their_limit_and_not_beyond() -> None:
    assert ratio_at_most("a", 15, 100, 0.15, "ms").met
    assert not ratio_at_most("a", 16, 100, 0.15, "ms").met
    assert ratio_at_least("a", 200, 100, 2, "/s").met
    assert not ratio_at_least("a", 199, 100, 2, "/s").met
    assert more_by_at_most("a", 25, 10, 15, "ms").met
    assert not more_by_at_most("a", 25.1, 10, 15, "ms").met
    assert at_most("a", 64, 64, "MiB").met
    assert not at_most("a", 65, 64, "MiB").met
    assert stated("a", 1, "ms").met is None


def test_the_table_says_what_was_measured_and_whether_it_is_enough() -> None:
    table = rendered([ratio_at_most("wait", 30, 100, 0.15, "ms"), at_most("room", 2.5, 64, "MiB")])
    assert "| wait   | 30 ms    | 100 ms   | 0.30 x   | ≤ 0.15 x | NO  |" in table
    assert "2.50 MiB" in table.splitlines()[-1]
    assert table.splitlines()[-1].endswith("| yes |")


def test_percentiles_are_samples_that_were_taken() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert percentile(samples, 0.99) == 99
    assert percentile(samples, 1) == 100
    assert percentile([7.0], 0.99) == 7
    assert median(samples) == 50.5
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


async def test_answers_arrive_at_the_address_they_were_asked_for() -> None:
    async with inbox() as box:
        first, second = box.address(), box.address()
        async with Wire(box.url) as wire:
            await wire.send(request("POST", second, b"two"))
            await wire.send(request("POST", first, b"one"))
        assert [arrival.body for arrival in await box.all_of([first, second])] == [b"one", b"two"]


async def test_a_volley_times_every_request_once() -> None:
    async with inbox() as box:
        addresses = [box.address() for _ in range(7)]
        sent = await volley(box.url, [request("POST", address, b"x") for address in addresses], 3)
        assert len(await box.all_of(addresses)) == len(sent.latencies) == 7
    assert sent.rate > 0


def test_every_transaction_that_writes_is_counted(tmp_path: Path) -> None:
    books = Books(tmp_path / "books.db")
    with closing(sqlite3.connect(books.path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE notes (text)")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for expected in (3, 0, 1200):
            with books.writes() as writes:
                for _ in range(expected):
                    writer.execute("INSERT INTO notes VALUES ('x')")
                writer.execute("SELECT count(*) FROM notes").fetchone()
            assert writes.commits == expected


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_the_consent_page_is_looked_at_no_oftener_than_a_grower_may(scale: Scale) -> None:
    before_the_rounds = 1
    assert before_the_rounds + scale.rounds * scale.pages < min(Rates().looks_at_link, Rates().of_address)
