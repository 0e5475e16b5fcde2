"""The work of `regulars score`: scores and recommendations of everyone, into a file."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.markup import escape

from features.errors import DataError
from features.vocabulary import Columns as C
from features.wording import counted, first_few
from regulars.console import progress_bars
from regulars.files import write_frame
from regulars.server import rejected_products
from regulars.settings import Settings
from regulars.shop import open_shop_on, read_customers

if TYPE_CHECKING:
    from training.publishing.champions import Champions


def score_customers_to(
    console: Console,
    settings: Settings,
    out: Path,
    as_of: date | None,
    customers: Path | None,
    now: datetime,
) -> None:
    """Write every customer's scores, or those of the customers in a file."""
    from training.publishing.scores import SCORE_COLUMNS, score_customers
    from training.publishing.task import ScoringTask

    wanted = None if customers is None else read_customers(customers)
    with open_shop_on(console, settings, now) as shop:
        day = shop.as_of(as_of)
        champions = _champions(console, settings, day, ("churn", "value"))
        task = ScoringTask(shop.engine, shop.prepared, champions, settings.shop, day)
        scored = score_customers(task, wanted)
    frame = scored.frame[list(SCORE_COLUMNS)].assign(
        churn_horizon_days=champions.churn.horizon_days,
        value_horizon_days=scored.value_horizon_days,
        currency=settings.shop.currency,
    )
    write_frame(frame, out)
    _warn_of_unknown(
        console, wanted, set(frame[C.CUSTOMER_ID]), "no history, and are not in the file"
    )
    console.print(
        f"  Wrote {counted(len(frame), 'customer')} to {out}: as of {day}, churn within "
        f"{champions.churn.horizon_days} days, value over {scored.value_horizon_days} days "
        f"({scored.value_basis}) in {settings.shop.currency}"
    )


def score_recommendations_to(
    console: Console,
    settings: Settings,
    out: Path,
    n: int,
    as_of: date | None,
    customers: Path | None,
    now: datetime,
    *,
    raw: bool = False,
) -> None:
    """Write every customer's best products, or those of the customers in a file.

    Parameters
    ----------
    raw
        Leave nothing out: the ranking as it is evaluated.
    """
    from training.publishing.catalogue import product_catalogue, sellable_products
    from training.publishing.recommendations import Allowed, score_recommendations
    from training.recommend.purchases import read_interactions

    wanted = None if customers is None else read_customers(customers)
    with open_shop_on(console, settings, now) as shop:
        day = shop.as_of(as_of)
        champions = _champions(console, settings, day, ("recommend",))
        interactions = read_interactions(shop.engine, shop.prepared, day)
        sold = interactions.product_ids
        catalogue = product_catalogue(shop.engine, shop.prepared, settings.shop, day, sold)
    may = sellable_products(catalogue) & set(sold.tolist())
    if not (may or raw):
        raise DataError(
            "every product is out of stock or retired",
            "correct the products table, or write the ranking all the same: --raw",
        )
    model = champions.recommend.fit(interactions)
    ids = interactions.customer_ids.tolist() if wanted is None else sorted(set(wanted))
    with progress_bars(console) as progress:
        tick = progress("Recommendations", 1)
        allowed = None if raw else Allowed(may, rejected_products(settings, now))
        frame = pd.concat(score_recommendations(model, ids, n, allowed), ignore_index=True)
        tick()
    write_frame(frame, out)
    known = set(interactions.customer_ids.tolist())
    _warn_of_unknown(console, wanted, known, "no history, and get the most popular products")
    console.print(
        f"  Wrote {counted(len(frame), 'recommendation')} for {counted(len(ids), 'customer')} "
        f"to {out}"
    )
    if not raw and (left_out := len(sold) - len(may)):
        console.print(
            f"  {counted(left_out, 'product')} of {len(sold):,} left out: out of stock or retired"
        )


def _champions(console: Console, settings: Settings, day: date, used: Collection[str]) -> Champions:
    """Load the champions; warn of those used that learned from days after the one scored."""
    from models.registry import open_client
    from training.publishing.champions import learned_until, load_champions

    champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
    for job in used:
        until = learned_until(champions.cards[job])
        if until > day:
            console.print(
                f"  [yellow]The {job} model learned from data up to {until}, later than {day}: "
                f"do not judge it by these scores.[/] Train with --as-of {day} for that."
            )
    return champions


def _warn_of_unknown(
    console: Console, wanted: list[str] | None, known: Collection[str], what: str
) -> None:
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        console.print(
            f"  [yellow]{len(unknown):,} of the customers asked for have {what}:[/] "
            f"{escape(first_few(unknown))}"
        )
