"""Measure and print one table: `python -m benchmarks [--quick] [--most-growers N] [--only NAME]…`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
import time
from collections.abc import Sequence

from benchmarks.figures import FIGURES
from benchmarks.scale import FULL, QUICK, Scale
from benchmarks.table import Row, rendered


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns 0 when everything ran, whether or not targets were met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, says nothing of speed")
    parser.add_argument("--only", action="append", choices=tuple(FIGURES), metavar="NAME", help=", ".join(FIGURES))
    parser.add_argument("--most-growers", type=int, metavar="N", help="leave out whatever is larger")
    options = parser.parse_args(arguments)
    scale = QUICK if options.quick else FULL
    if options.most_growers is not None:
        scale = scale.with_at_most(options.most_growers)
    gc.freeze()
    print(rendered(asyncio.run(measure(options.only or list(FIGURES), scale))))
    return 0


async def measure(names: Sequence[str], scale: Scale) -> list[Row]:
    """The rows of these figures, one figure after the other; says on standard error how far it is."""
    rows: list[Row] = []
    for name in names:
        started = time.perf_counter()
        rows += await FIGURES[name](scale)
        print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    return rows


if __name__ == "__main__":
    # Being told to end must end the programs that were started, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
