"""How much is measured: the table's own sizes, and small ones that only show that everything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Scale:
    """Rounds alternate between baseline and figure; every size is a number of growers unless it says otherwise."""

    rounds: int
    commands: int
    """Commands in one round."""
    sweeps: tuple[tuple[int, int], ...]
    """Pairs of growers and rounds."""
    asked_one_by_one: tuple[tuple[int, int], ...]
    limited: int
    busy: int
    """Growers under the load that figures are compared with."""
    answers: int
    alerts: int
    pages: int
    """Views of one link in one round; in all of them together fewer than a link may have in a minute."""
    starts: int
    idle_seconds: float
    entries: int
    typed_among: int
    letters: int
    """Times that somebody types one more letter."""
    dying: int
    lived_growers: int
    lived_rows: int
    """Audit entries and events, half of each."""

    def with_at_most(self, growers: int) -> Scale:
        """The same without anything larger, for a machine or an hour that is too small for it."""
        return replace(
            self,
            sweeps=tuple(each for each in self.sweeps if each[0] <= growers),
            asked_one_by_one=tuple(each for each in self.asked_one_by_one if each[0] <= growers),
            busy=min(self.busy, growers),
            typed_among=min(self.typed_among, growers),
            dying=min(self.dying, growers),
            lived_growers=min(self.lived_growers, growers),
        )


FULL = Scale(
    rounds=6,
    commands=200,
    sweeps=((1_000, 5), (10_000, 3), (100_000, 2)),
    asked_one_by_one=((1_000, 3), (5_000, 1)),
    limited=50,
    busy=100_000,
    answers=100,
    alerts=20,
    pages=35,
    starts=5,
    idle_seconds=20,
    entries=1_000,
    typed_among=50_000,
    letters=300,
    dying=10_000,
    lived_growers=10_000,
    lived_rows=5_000_000,
)
QUICK = Scale(
    rounds=1,
    commands=12,
    sweeps=((120, 1), (240, 1)),
    asked_one_by_one=((12, 1),),
    limited=4,
    busy=120,
    answers=3,
    alerts=2,
    pages=10,
    starts=1,
    idle_seconds=1,
    entries=16,
    typed_among=60,
    letters=6,
    dying=12,
    lived_growers=20,
    lived_rows=200,
)
