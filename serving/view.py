"""What requests read: an opened bundle, and what was sent and scored since it was made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final, NamedTuple

from features.vocabulary import Columns as C
from models.bundle.erasure import erased_positions
from models.bundle.folder import Bundle
from serving.answer_cache import AnswerCache
from serving.catalogue import Catalogue, open_catalogue
from serving.customers.churn_list import CustomersAtRisk
from serving.customers.ordered_since import RecentBuyers
from serving.customers.rescored import MOST_RESCORED, RescoredCustomers
from serving.decisions.inputs import DecisionInputs, open_decision_inputs
from serving.decisions.ready_offer import ReadyOffer
from serving.products.ready_products import PackedProducts
from serving.products.shoppers import MAX_INTERESTS, VISIT_WINDOW, Key, Shoppers
from serving.storage.store import Store

# Some 25,000 answers of ten products each, for customers, product pages and carts, packed.
_PRODUCTS_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class View:
    """What one request reads from beginning to end; a new bundle comes with a new view.

    Parameters
    ----------
    churn
        Customers in the order of the churn list.
    shoppers, rescored
        Events and scores that came since the bundle; they grow while the view is served.
    recent
        Churn scores of customers who had just ordered.
    products, profiles, offers
        Caches of answers for shoppers who did nothing since the bundle was made.
    """

    catalogue: Catalogue
    churn: CustomersAtRisk
    shoppers: Shoppers
    decision_inputs: DecisionInputs
    recent: RecentBuyers
    rescored: RescoredCustomers
    products: AnswerCache[PackedProducts] = field(
        default_factory=lambda: AnswerCache(_PRODUCTS_BYTES)
    )
    profiles: AnswerCache[bytes] = field(default_factory=AnswerCache)
    offers: AnswerCache[ReadyOffer] = field(default_factory=AnswerCache)


def open_view(bundle: Bundle, store: Store, now: datetime) -> View:
    """Open a bundle, and read what the store holds of the time since.

    Raises
    ------
    BundleError, StoreError
        When there is nothing to serve, or the store cannot be read.
    """
    catalogue = open_catalogue(bundle)
    manifest = catalogue.manifest
    # A purchase dated before as_of but received after the bundle was made is not in it either.
    since, received_after = midnight(manifest.as_of), manifest.created_at
    # Read first: what is written meanwhile is read once more later, and nothing is missed.
    latest_group = store.latest_group()
    # Further back there are hardly any of the interests that are kept: see Shoppers.
    events = store.shopper_events(since, received_after, now - VISIT_WINDOW, MAX_INTERESTS)
    view = View(
        catalogue,
        CustomersAtRisk(catalogue),
        Shoppers(events, latest_group),
        open_decision_inputs(catalogue),
        RecentBuyers(catalogue),
        RescoredCustomers(manifest.version, store.rescored(manifest.version, MOST_RESCORED)),
    )
    # Of the erased the store holds only what they sent since.
    catalogue.customers.forgotten.update(_erased(view, store.erased()))
    return view


class Remembered(NamedTuple):
    """What a view knows of some customers: positions in the bundle, shoppers, ids rescored."""

    positions: Sequence[int]
    shoppers: Sequence[Key]
    rescored: Sequence[str]


def remembered(view: View, hashes: Collection[str]) -> Remembered:
    """Return what is known of the customers whose ids have these hashes.

    It takes as long as there are many customers, changes nothing, and may run in a thread.
    """
    shoppers, rescored = view.shoppers.named(hashes), view.rescored.named(hashes)
    return Remembered(_erased(view, hashes), shoppers, rescored)


def forget(view: View, known: Remembered) -> None:
    """Serve these customers as unknown ones; where requests are answered, between two of them."""
    view.catalogue.customers.forgotten.update(known.positions)
    view.shoppers.forget(known.shoppers)
    view.rescored.forget(known.rescored)
    view.products.clear()
    view.profiles.clear()
    view.offers.clear()


def _erased(view: View, hashes: Collection[str]) -> list[int]:
    if not hashes:
        return []
    ids = view.catalogue.bundle.customers.column(C.CUSTOMER_ID).to_pylist()
    positions: list[int] = erased_positions(ids, hashes).tolist()
    return positions


def midnight(day: date) -> datetime:
    """Return the first moment of a day, UTC."""
    return datetime.combine(day, time(), tzinfo=UTC)
