"""What requests read: a bundle opened, with what was sent and scored since it was made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

from features.vocabulary import Columns as C
from models.bundle import Bundle
from models.erasure import erased_positions
from serving.catalogue import Catalogue, open_catalogue
from serving.customers.churn_list import ChurnList
from serving.customers.ordered_since import RecentBuyers
from serving.customers.rescored import MOST_RESCORED, RescoredCustomers
from serving.decisions.desk import Desk, open_desk
from serving.decisions.ready_offer import ReadyOffer
from serving.kept import Kept
from serving.products.shelf import Shelf
from serving.products.shoppers import WISH_DAYS, Shoppers
from serving.storage.store import Store

# Some 25,000 answers of ten products: customers, product pages and carts share them.
_SHELVES_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class View:
    """What one request reads from beginning to end; replaced whole, never changed in part.

    ``shelves``, ``profiles`` and ``offers`` keep answers for those who did nothing since the
    bundle was made.
    """

    catalogue: Catalogue
    churn: ChurnList
    shoppers: Shoppers
    desk: Desk
    recent: RecentBuyers
    rescored: RescoredCustomers
    shelves: Kept[Shelf] = field(default_factory=lambda: Kept(_SHELVES_BYTES))
    profiles: Kept[bytes] = field(default_factory=Kept)
    offers: Kept[ReadyOffer] = field(default_factory=Kept)


def open_view(bundle: Bundle, store: Store, now: datetime) -> View:
    """Open a bundle, and read back what the store holds beside it.

    Raises
    ------
    BundleError, StoreError
        When there is nothing to serve, or the store cannot be read.
    """
    catalogue = open_catalogue(bundle)
    manifest = catalogue.manifest
    # A purchase of before as_of that came in after the bundle was made is not in it either.
    since, received_after = midnight(manifest.as_of), manifest.created_at
    # Before all else: what comes in meanwhile is heard of once more, and nothing missed.
    heard = store.heard()
    events = store.shopper_events(since, received_after, now - WISH_DAYS)
    view = View(
        catalogue,
        ChurnList(catalogue),
        Shoppers(events, heard),
        open_desk(catalogue),
        RecentBuyers(catalogue),
        RescoredCustomers(manifest.version, store.rescored(manifest.version, MOST_RESCORED)),
    )
    forget(view, store.erased())
    return view


def forget(view: View, hashes: Collection[str]) -> None:
    """Serve the customers of these hashes as strangers from now on."""
    if hashes:
        ids = view.catalogue.bundle.customers.column(C.CUSTOMER_ID).to_pylist()
        view.catalogue.customers.forgotten.update(erased_positions(ids, hashes).tolist())
        view.shoppers.forget(hashes)
        view.rescored.forget(hashes)


def midnight(day: date) -> datetime:
    """Return the beginning of a day, UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)
