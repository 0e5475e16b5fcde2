"""The work of `regulars score`: scores and recommendations of everyone, into a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from rich.console import Console
from rich.markup import escape

from features.vocabulary import Columns as C
from features.wording import counted, first_few
from regulars.console import progress_bars
from regulars.files import write_frame
from regulars.settings import Settings
from regulars.shop import open_shop_on, read_customers

if TYPE_CHECKING:
    from models.registry import RegisteredModel


def score_customers_to(
    console: Console,
    settings: Settings,
    out: Path,
    as_of: date | None,
    customers: Path | None,
    now: datetime,
) -> None:
    """Write every customer's scores, or those of the customers in a file."""
    from models.registry import open_client
    from training.publishing.champions import load_champions
    from training.publishing.scores import SCORE_COLUMNS, score_customers

    wanted = None if customers is None else read_customers(customers)
    with open_shop_on(console, settings, now) as shop:
        day = shop.as_of(as_of)
        champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
        _warn_of_hindsight(console, champions.cards, day)
        scored = score_customers(shop.engine, shop.prepared, champions, settings.shop, day, wanted)
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
) -> None:
    """Write every customer's best products, or those of the customers in a file."""
    from models.registry import open_client
    from training.publishing.champions import load_champions
    from training.publishing.scores import score_recommendations
    from training.recommend.purchases import describe_products, load_interactions

    wanted = None if customers is None else read_customers(customers)
    with open_shop_on(console, settings, now) as shop:
        day = shop.as_of(as_of)
        champions = load_champions(open_client(settings.mlruns), settings.shop.name, day)
        _warn_of_hindsight(console, {"recommend": champions.cards["recommend"]}, day)
        purchases = load_interactions(shop.engine, shop.prepared.rollups, day)
        interactions = describe_products(shop.engine, shop.prepared, purchases)
    model = champions.recommend.fit(interactions)
    ids = interactions.customer_ids.tolist() if wanted is None else sorted(set(wanted))
    with progress_bars(console) as progress:
        tick = progress("Recommendations", 1)
        frame = pd.concat(score_recommendations(model, ids, n), ignore_index=True)
        tick()
    write_frame(frame, out)
    known = set(interactions.customer_ids.tolist())
    _warn_of_unknown(console, wanted, known, "no history, and get the most popular products")
    console.print(
        f"  Wrote {counted(len(frame), 'recommendation')} for {counted(len(ids), 'customer')} "
        f"to {out}"
    )


def _warn_of_hindsight(
    console: Console, champions: Mapping[str, RegisteredModel], day: date
) -> None:
    """Say so when a model learned from days after the one that it scores."""
    for job, champion in champions.items():
        learned_until = champion.card["as_of"]
        if date.fromisoformat(learned_until) > day:
            console.print(
                f"  [yellow]The {job} model learned from data up to {learned_until}, later than "
                f"{day}: do not judge it by these scores.[/] Train with --as-of {day} for that."
            )


def _warn_of_unknown(
    console: Console, wanted: list[str] | None, known: Collection[str], what: str
) -> None:
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        console.print(
            f"  [yellow]{len(unknown):,} of the customers asked for have {what}:[/] "
            f"{escape(first_few(unknown))}"
        )
