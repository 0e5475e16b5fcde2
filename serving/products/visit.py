"""Candidates from a shopper's recent actions, looked up in the bundle's item-item matrices.

Recent actions are the views, cart additions and searches of the last seven days, purchases that
the bundle cannot hold, and the items that the request names. Nothing is trained here, and a
shopper without any of these costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.bundle.sparse_rows import SparseRows
from models.recommend.live import Part, SignalStrength, blended, signal_weight, weighted_rows
from serving.catalogue import Catalogue, Indices
from serving.products.history import Bought
from serving.products.shoppers import VISIT_WINDOW, Shopper, day_of

STRENGTH: Final = SignalStrength()
IN_CART: Final = timedelta(hours=24)
"""How long a product put into the cart is assumed to be in it."""

_MAX_FOUND: Final = 20
"""How many of the products found by one search count as signals."""

_MAX_REASON_SIGNALS: Final = 5
"""How many of the strongest signals may serve as reasons."""

_HOUR: Final = timedelta(hours=1)


class Signal(NamedTuple):
    """One product that the shopper acted on; ``kind`` is view, cart, order or search.

    ``weight`` is relative: see :class:`~models.recommend.live.SignalStrength`.
    """

    product: int
    kind: str
    weight: float


@dataclass(frozen=True, eq=False)
class Visit:
    """What the shopper does now.

    Parameters
    ----------
    similar
        The bundle's matrix of similar products.
    signals
        Each product and kind once, the strongest first.
    in_cart
        Positions of products in the cart: they are not shown.
    parts
        Candidates from the signals, to be blended.
    weight
        Weight of the visit against the customer's past in the blend, 0 to 1.
    """

    similar: SparseRows
    signals: Sequence[Signal]
    in_cart: frozenset[int]
    parts: Sequence[Part]
    weight: float

    @property
    def products(self) -> Indices:
        """The candidates; some come several times."""
        return np.concatenate([part.products for part in self.parts])

    def scores(self, named: Indices) -> NDArray[np.float64]:
        """Return the candidates' scores; ``named`` as for :func:`~models.recommend.live.blended`.

        Other products have 0.
        """
        return blended(named, self.parts)

    @cached_property
    def put_into_cart(self) -> list[int]:
        """Products that the request names, or that were put into the cart."""
        return [each.product for each in self.signals if each.kind == "cart"]

    @cached_property
    def viewed(self) -> Set[int]:
        """Products that the shopper looked at."""
        return {each.product for each in self.signals if each.kind == "view"}

    @cached_property
    def found(self) -> Set[int]:
        """Products found by what the shopper searched for."""
        return {each.product for each in self.signals if each.kind == "search"}

    def strongest_signals(self, products: Sequence[int]) -> dict[int, Signal]:
        """Return the signal that adds most to each product's score, by product.

        Cart additions are left out: they have reasons of their own.
        """
        asked = [signal for signal in self.signals if signal.kind != "cart"][:_MAX_REASON_SIGNALS]
        scores = self.similar.values[C.SCORE]
        strongest: dict[int, tuple[float, Signal]] = {}
        for signal in asked:
            for product, place in self.similar.places(signal.product, products):
                worth = scores.item(place) * signal.weight
                if product not in strongest or worth > strongest[product][0]:
                    strongest[product] = worth, signal
        return {product: signal for product, (_, signal) in strongest.items()}


def visit_of(
    catalogue: Catalogue,
    customer: int | None,
    shopper: Shopper,
    items: Sequence[int],
    history: Mapping[int, Bought],
    now: datetime,
) -> Visit | None:
    """Gather a shopper's recent signals; None where there are none.

    :class:`~models.recommend.live.SignalStrength` weighs each signal; a recent order as a whole
    weighs as one order beside the customer's known ones. With ``s`` as the sum of the weights the
    visit weighs ``s / (s + 1)``: a single view a fifth, three products in the cart two thirds.

    Parameters
    ----------
    items
        Positions of the products that the request names, as if put into the cart now.
    """
    if not (items or shopper.interests or shopper.purchases):
        return None
    signals = {(item, "cart"): STRENGTH.cart for item in items}
    interests = [
        each
        for each in _product_interests(catalogue, shopper, now)
        if not _bought_since(each, history)
    ]
    for each in interests:
        key = (each.product, each.kind)
        signals[key] = max(signals.get(key, 0.0), _weight(each, now))
    in_cart = {e.product for e in interests if e.kind == "cart" and now - e.at < IN_CART}
    ordered = _ordered(catalogue, customer, shopper)
    signals |= {(product, "order"): weight for product, weight in ordered.items()}
    if not signals:
        return None
    strongest = sorted(signals.items(), key=lambda item: (-item[1], item[0]))
    strongest_first = [Signal(product, kind, weight) for (product, kind), weight in strongest]
    parts, strength = _parts(catalogue, strongest_first), _strength(strongest_first)
    weight = strength / (strength + 1)
    return Visit(catalogue.bundle.similar, strongest_first, frozenset(in_cart), parts, weight)


class _ProductInterest(NamedTuple):
    """An interest in one product; ``match`` (0 to 1) is the share of the search it answers."""

    product: int
    kind: str
    at: datetime
    match: float


def _product_interests(
    catalogue: Catalogue, shopper: Shopper, now: datetime
) -> list[_ProductInterest]:
    """Return the products of each interest that is recent enough."""
    interests = []
    for interest in shopper.interests.values():
        if now - interest.at > VISIT_WINDOW:
            continue
        if interest.kind == "search":
            found, shares = catalogue.names_index.matching(interest.what, _MAX_FOUND)
            interests += [
                _ProductInterest(product, "search", interest.at, share)
                for product, share in zip(found.tolist(), shares.tolist(), strict=True)
            ]
        elif (product := catalogue.products.position(interest.what)) is not None:
            kind = "cart" if interest.kind == "cart_add" else "view"
            interests.append(_ProductInterest(product, kind, interest.at, 1.0))
    return interests


def _bought_since(interest: _ProductInterest, history: Mapping[int, Bought]) -> bool:
    """Return whether the product was bought on that day or later."""
    bought = history.get(interest.product)
    return bought is not None and bought.last_day >= day_of(interest.at)


def _weight(interest: _ProductInterest, now: datetime) -> float:
    # A product found by a search weighs as one viewed, times its match.
    kind = "cart" if interest.kind == "cart" else "view"
    return interest.match * signal_weight(kind, (now - interest.at) / _HOUR, STRENGTH)


def _ordered(catalogue: Catalogue, customer: int | None, shopper: Shopper) -> dict[int, float]:
    """Return the weight of each product of recent orders; those of one order share its weight."""
    lines: dict[str, list[int]] = {}
    for product_id, orders in shopper.purchases.items():
        product = catalogue.products.position(product_id)
        if product is not None:
            for order in orders:
                lines.setdefault(order, []).append(product)
    if not lines:
        return {}
    known = None
    if customer is not None:
        known = catalogue.bundle.customers.column(B.ORDERS)[customer].as_py()
    each = STRENGTH.order / max(known or 1, 1)
    weights: dict[int, float] = {}
    for products in lines.values():
        for product in products:
            weights[product] = weights.get(product, 0.0) + each / len(products)
    return weights


def _parts(catalogue: Catalogue, signals: Sequence[Signal]) -> list[Part]:
    """Look up what completes the cart and what is like the products viewed, found or bought.

    Products viewed or found by a search are candidates themselves, too.
    """
    carts = [each for each in signals if each.kind == "cart"]
    others = [each for each in signals if each.kind != "cart"]
    itself: dict[int, float] = {}
    for product, kind, weight in others:
        if kind != "order":
            itself[product] = itself.get(product, 0.0) + weight
    parts = []
    if carts:
        parts.append(_rows_of(catalogue.bundle.cross_sell, carts))
    if others:
        parts.append(_rows_of(catalogue.bundle.similar, others))
    if itself:
        products = np.fromiter(itself, dtype=np.int32, count=len(itself))
        parts.append(Part(products, np.array([*itself.values()]), max(itself.values())))
    return parts


def _rows_of(matrix: SparseRows, signals: Sequence[Signal]) -> Part:
    """Return the rows of the signals' products; the best sum is the signals' total weight."""
    weights: dict[int, float] = {}
    for product, _, weight in signals:
        weights[product] = weights.get(product, 0.0) + weight
    return Part(*weighted_rows(matrix, weights), _strength(signals))


def _strength(signals: Sequence[Signal]) -> float:
    """Add up the weights; a search counts once, however many products it found."""
    found = max((each.weight for each in signals if each.kind == "search"), default=0.0)
    return found + sum(each.weight for each in signals if each.kind != "search")
