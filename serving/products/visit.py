"""What a shopper's fresh actions speak for: the models' item-item rows, asked in the request.

Views, cart additions and searches since a week, purchases that the bundle cannot hold, and the
items that the request names. Nothing is trained again; a shopper without any of these costs
nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from features.vocabulary import Columns as C
from models.bundle_schema import BundleColumns as B
from models.recommend.live import SignalStrength, signal_weights, weighted_rows
from models.sparse_rows import SparseRows
from serving.catalogue import Catalogue
from serving.products.history import Bought
from serving.products.ranking import Scored, combine
from serving.products.shoppers import WISH_DAYS, Shopper, day_of

STRENGTH: Final = SignalStrength()
IN_CART: Final = timedelta(hours=24)
"""How long a product that was put into the cart is taken to lie there."""

_SEARCHED: Final = 20
"""Products that one search stands for."""

_TOLD: Final = 5
"""Signals that reasons are looked for in, the strongest."""

_HOUR: Final = timedelta(hours=1)

_SILENCE: Final = Scored(np.empty(0, np.int32), np.empty(0, np.float64), "together")


class Signal(NamedTuple):
    """One product that the shopper acted on; ``kind`` is view, cart, order or search."""

    product: int
    kind: str
    weight: float


@dataclass(frozen=True, eq=False)
class Visit:
    """What the shopper does now.

    Parameters
    ----------
    similar
        The bundle's rows, from which it is told what speaks for what.
    signals
        Each product and kind once, the strongest first.
    in_cart
        Positions of products that lie in the cart: they are not shown.
    scored
        What the signals speak for.
    share
        Say of the visit beside the customer's past, 0 to 1.
    """

    similar: SparseRows
    signals: Sequence[Signal]
    in_cart: frozenset[int]
    scored: Scored
    share: float

    @property
    def put_into_cart(self) -> list[int]:
        """Products that the request names, or that were put into the cart."""
        return [each.product for each in self.signals if each.kind == "cart"]

    def speaking_for(self, products: Sequence[int]) -> dict[int, Signal]:
        """Return, of each product, the strongest signal whose row speaks for it most.

        What lies in the cart is not asked: it has reasons of its own.
        """
        asked = [signal for signal in self.signals if signal.kind != "cart"][:_TOLD]
        scores = self.similar.values[C.SCORE]
        loudest: dict[int, tuple[float, Signal]] = {}
        for signal in asked:
            for product, place in self.similar.places(signal.product, products):
                worth = scores.item(place) * signal.weight
                if product not in loudest or worth > loudest[product][0]:
                    loudest[product] = worth, signal
        return {product: signal for product, (_, signal) in loudest.items()}


def visit_of(
    catalogue: Catalogue,
    customer: int | None,
    shopper: Shopper,
    items: Sequence[int],
    history: Mapping[int, Bought],
    now: datetime,
) -> Visit | None:
    """Put together what is fresh; None when nothing is.

    A signal weighs what :class:`~models.recommend.live.SignalStrength` says, a fresh order as a
    whole what one order is to the customer's known ones. With ``s`` as their sum the visit's
    say is ``s / (s + 1)``: a single view a fifth, three products in the cart two thirds.

    Parameters
    ----------
    items
        Positions of the products that the request names, as if put into the cart now.
    """
    if not (items or shopper.wishes or shopper.purchases):
        return None
    signals = {(item, "cart"): STRENGTH.cart for item in items}
    wanted = [each for each in _wanted(catalogue, shopper, now) if not _is_had(each, history)]
    for each, weight in zip(wanted, _weights(wanted, now), strict=True):
        key = (each.product, each.kind)
        signals[key] = max(signals.get(key, 0.0), weight)
    in_cart = {e.product for e in wanted if e.kind == "cart" and now - e.at < IN_CART}
    ordered = _ordered(catalogue, customer, shopper)
    signals |= {(product, "order"): weight for product, weight in ordered.items()}
    if not signals:
        return None
    strongest = sorted(signals.items(), key=lambda item: (-item[1], item[0]))
    told = [Signal(product, kind, weight) for (product, kind), weight in strongest]
    scored, strength = _spoken_for(catalogue, told), _strength(told)
    share = strength / (strength + 1)
    return Visit(catalogue.bundle.similar, told, frozenset(in_cart), scored, share)


class _Wanted(NamedTuple):
    """A wish for one product; ``worth`` says how far the product is what was meant."""

    product: int
    kind: str
    at: datetime
    worth: float


def _wanted(catalogue: Catalogue, shopper: Shopper, now: datetime) -> list[_Wanted]:
    """Return the products of each wish that is not yet forgotten."""
    wanted = []
    for wish in shopper.wishes.values():
        if now - wish.at > WISH_DAYS:
            continue
        if wish.kind == "search":
            found, shares = catalogue.names_index.matching(wish.what, _SEARCHED)
            wanted += [
                _Wanted(product, "search", wish.at, share)
                for product, share in zip(found.tolist(), shares.tolist(), strict=True)
            ]
        elif (product := catalogue.products.position(wish.what)) is not None:
            kind = "cart" if wish.kind == "cart_add" else "view"
            wanted.append(_Wanted(product, kind, wish.at, 1.0))
    return wanted


def _is_had(wanted: _Wanted, history: Mapping[int, Bought]) -> bool:
    """Tell whether the product was bought since."""
    bought = history.get(wanted.product)
    return bought is not None and bought.last_day >= day_of(wanted.at)


def _weights(wanted: Sequence[_Wanted], now: datetime) -> list[float]:
    if not wanted:
        return []
    # A search says of what it found what a look at it would, as far as the words agree.
    kinds = np.array(["cart" if each.kind == "cart" else "view" for each in wanted], dtype=np.str_)
    ages = np.array([(now - each.at) / _HOUR for each in wanted], dtype=np.float64)
    worth = np.array([each.worth for each in wanted], dtype=np.float64)
    weights: list[float] = (worth * signal_weights(kinds, ages, STRENGTH)).tolist()
    return weights


def _ordered(catalogue: Catalogue, customer: int | None, shopper: Shopper) -> dict[int, float]:
    """Return the products of fresh orders; an order's products share its weight."""
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


def _spoken_for(catalogue: Catalogue, signals: Sequence[Signal]) -> Scored:
    """Ask the rows: what completes a cart, and what is like a product looked at or bought.

    What was looked at or searched for speaks for itself, too.
    """
    bundle = catalogue.bundle
    carts = [each for each in signals if each.kind == "cart"]
    completing = _asked(bundle.cross_sell, carts)
    if len(carts) == len(signals):
        return completing
    others = [each for each in signals if each.kind != "cart"]
    alike = _asked(bundle.similar, others)
    itself = [each for each in others if each.kind in ("view", "search")]
    named = np.array([each.product for each in itself], dtype=np.int32)
    weights = np.array([each.weight for each in itself], dtype=np.float64)
    products = np.concatenate([completing.products, alike.products, named])
    scores = np.concatenate([completing.scores, alike.scores, weights])
    return Scored(*combine(products, scores), "together")


def _asked(matrix: SparseRows, signals: Sequence[Signal]) -> Scored:
    """Return what the rows of some products name, the best at the weight of all signals."""
    if not signals:
        return _SILENCE
    weights: dict[int, float] = {}
    for product, _, weight in signals:
        weights[product] = weights.get(product, 0.0) + weight
    scored = Scored(*weighted_rows(matrix, weights), "together")
    return Scored(scored.products, scored.scaled(_strength(signals)), "together")


def _strength(signals: Sequence[Signal]) -> float:
    """Add up the weights; however much a search finds, it is one search."""
    found = max((each.weight for each in signals if each.kind == "search"), default=0.0)
    return found + sum(each.weight for each in signals if each.kind != "search")
