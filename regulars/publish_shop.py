"""Publish a bundle: score everyone with the champions, for the server to answer from."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from rich.console import Console

from features.errors import RegistryError
from regulars.console import progress_bars
from regulars.offers import declared_offers
from regulars.server import erased_customers
from regulars.settings import Settings
from regulars.shop import Shop, open_shop_on

if TYPE_CHECKING:
    from models.offers.declarations import Declarations
    from models.registry import Client


def publish_shop(console: Console, settings: Settings, as_of: date | None, now: datetime) -> None:
    """Publish what the tables say now - orders, stock, prices, offers - without training.

    Raises
    ------
    RegistryError
        A model is missing, learned from other features, or from days after ``as_of``.
    """
    from models.registry import open_client

    offers = declared_offers(settings)
    with open_shop_on(console, settings, now) as shop:
        publish_champions(
            console, shop, open_client(settings.mlruns), offers, shop.as_of(as_of), now
        )


def publish_champions(
    console: Console,
    shop: Shop,
    client: Client,
    offers: Declarations,
    day: date,
    now: datetime,
) -> None:
    """Publish a bundle of the champions.

    Raises
    ------
    RegistryError
        As :func:`publish_shop`.
    """
    from training.publishing.champions import learned_until, load_champions
    from training.publishing.publish import publish
    from training.publishing.task import ScoringTask

    settings = shop.settings
    champions = load_champions(client, settings.shop.name)
    if any(learned_until(card) > day for card in champions.cards.values()):
        raise RegistryError(
            f"the champions learned from days after {day}",
            "Leave out --as-of to publish for today.",
        )
    with progress_bars(console) as progress:
        task = ScoringTask(shop.engine, shop.prepared, champions, settings.shop, day)
        erased = erased_customers(settings)
        folder = publish(task, now, settings.bundles, progress, erased, offers)
    console.print(f"  Published {folder}")
    if champions.uplift is None and "contacts" in shop.prepared.clean:
        console.print("  The effect of contacts is not learned yet: run `regulars train uplift`")
