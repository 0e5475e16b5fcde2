"""Recommenders on public data, each bar beside its baselines and peers of the same run.

python -m benchmarks.recommend [tafeng speed ...] [--seeds 3]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

from rich.console import Console

from benchmarks.recommend import (
    cart,
    dunnhumby_last_basket,
    movielens,
    newcomers,
    online_retail,
    retailrocket,
    speed,
    tafeng,
)
from benchmarks.table import Row, report
from features.progress import Progress
from regulars.console import progress_bars

Part = Callable[[Progress], list[Row]]


def parts(seeds: int) -> dict[str, Part]:
    """Return every part by name; those with chance in them run once for each seed."""
    each = range(seeds)
    return {
        "tafeng": partial(tafeng.rows, seeds=each),
        "dunnhumby": partial(dunnhumby_last_basket.rows, seeds=each),
        "online_retail": partial(online_retail.rows, seeds=each),
        "cart": cart.rows,
        "movielens": movielens.rows,
        "retailrocket": retailrocket.rows,
        "newcomers": newcomers.rows,
        "speed": speed.rows,
    }


def main() -> None:
    """Run the wanted parts and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help=f"some of: {', '.join(parts(1))}; all without")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds of the ranker")
    wanted = parser.parse_args()
    chosen = parts(wanted.seeds)
    if unknown := sorted(set(wanted.part) - set(chosen)):
        parser.error(f"no part is called {', '.join(unknown)}; there are {', '.join(chosen)}")
    rows: list[Row] = []
    with progress_bars(Console(width=150, highlight=False)) as progress:
        for name in wanted.part or chosen:
            rows.extend(chosen[name](progress))
    report("recommend", "Recommenders on public data", rows)


if __name__ == "__main__":
    main()
