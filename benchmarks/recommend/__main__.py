"""Recommenders on public data, each bar beside its baselines and peers of the same run.

python -m benchmarks.recommend [--only tafeng,speed] [--seeds 3]
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
    names = list(parts(1))
    parser.add_argument("--only", default=",".join(names), help=f"some of {','.join(names)}")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds of the ranker")
    wanted = parser.parse_args()
    chosen = parts(wanted.seeds)
    unknown = set(wanted.only.split(",")) - set(chosen)
    if unknown:
        parser.error(f"no part is called {', '.join(sorted(unknown))}; there are {names}")
    rows: list[Row] = []
    with progress_bars(Console(width=150, highlight=False)) as progress:
        for name in wanted.only.split(","):
            rows.extend(chosen[name](progress))
    report("recommend", "Recommenders on public data", rows)


if __name__ == "__main__":
    main()
