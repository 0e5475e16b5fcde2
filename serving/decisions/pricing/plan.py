"""The inputs of pricing: arrays from a bundle and its offers, prepared once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.bundle.schema import BundleColumns as B
from models.uplift.evidence import Evidence
from serving.catalogue import Catalogue, Indices
from serving.decisions.offers import OfferBook
from serving.decisions.pricing.breadth import (
    BreadthEffects,
    NextProducts,
    breadth_effects_of,
    next_products_of,
)
from serving.lookups.columns import floats

Floats = NDArray[np.float64]

_CALIBRATION_ERROR = "ece"


@dataclass(frozen=True, eq=False)
class Plan:
    """A bundle and its offers, ready to be priced.

    Attributes
    ----------
    margin, price
        Of each product, money; 0 where unknown, in which case the product is in no scope.
    has_margin
        Whether each product's margin is known.
    within
        Whether a scope promotes each product and it can be priced, shape (products, scopes). A
        scope is what an offer promotes: a product, a category or everything; offers share it.
    is_promoted
        Whether each product is in any scope.
    popularity
        Rank of each product in the breaking of ties, and one more, at -1 and behind all products,
        for actions that are not about a single product.
    scope, product, category
        Of each offer, shape (offers,), as all that follow; product is the position of the one
        product promoted and category the code of what is promoted, each -1 without.
    discount_rate, acceptance_cost, contact_cost, weight
        Money, but for the rate and the weight; the acceptance cost includes points at their
        expected redemption.
    p_buys_error
        Expected calibration error of P(buys); 0 where it was not measured.
    evidence
        What the uplift was learned from: an experiment, observation or nothing (``risk_only``).
    uplift, uplift_lower, uplift_upper, p_orders, remaining_value
        Of each customer of the bundle, NaN where not known: the change in P(order) by a contact
        and its 95 % interval, P(order), and the margin that comes with an order; all of the
        days in which the effect was measured.
    breadth
        The effect of holding one more category or product under contract; None where none is
        proven.
    next_products
        The product that each holder of contracts takes next; None where nobody holds any.
    """

    margin: Floats
    price: Floats
    has_margin: NDArray[np.bool_]
    within: NDArray[np.bool_]
    is_promoted: NDArray[np.bool_]
    popularity: Indices
    scope: NDArray[np.intp]
    product: NDArray[np.int64]
    category: NDArray[np.int64]
    discount_rate: Floats
    acceptance_cost: Floats
    contact_cost: Floats
    weight: Floats
    p_buys_error: float
    evidence: Evidence
    uplift: Floats
    uplift_lower: Floats
    uplift_upper: Floats
    p_orders: Floats
    remaining_value: Floats
    breadth: BreadthEffects | None
    next_products: NextProducts | None

    @classmethod
    def of(cls, catalogue: Catalogue, book: OfferBook) -> Plan:
        """Prepare a bundle and its offers."""
        scopes: dict[tuple[str | None, str | None], int] = {}
        promoted = [(offer.product_id, offer.category) for offer in book.offers]
        scope = [scopes.setdefault(goods, len(scopes)) for goods in promoted]
        has_margin = ~np.isnan(catalogue.margin)
        priced = has_margin & ~np.isnan(catalogue.price)
        within = np.zeros((len(priced), len(scopes)), dtype=np.bool_)
        for (product_id, category), place in scopes.items():
            within[:, place] = priced & _promoted(catalogue, product_id, category)
        product = np.array([_position(catalogue, p) for p, _ in promoted], dtype=np.int64)
        points = [book.point_liability(offer) for offer in book.offers]
        manifest, customers = catalogue.manifest, catalogue.bundle.customers
        churn = manifest.models.get("churn")
        return cls(
            margin=np.nan_to_num(catalogue.margin),
            price=np.nan_to_num(catalogue.price),
            has_margin=has_margin,
            within=within,
            is_promoted=np.asarray(within.any(axis=1)),
            popularity=np.append(catalogue.fill_position, np.int32(len(priced))),
            scope=np.array(scope, dtype=np.intp),
            product=product,
            category=np.array(
                [
                    _category(catalogue, place, category)
                    for place, (_, category) in zip(product.tolist(), promoted, strict=True)
                ],
                dtype=np.int64,
            ),
            discount_rate=np.array([offer.discount_rate for offer in book.offers]),
            acceptance_cost=np.array([offer.acceptance_cost for offer in book.offers]) + points,
            contact_cost=np.array([offer.contact_cost for offer in book.offers]),
            weight=np.array([offer.weight for offer in book.offers]),
            p_buys_error=0.0 if churn is None else churn.metrics.get(_CALIBRATION_ERROR, 0.0),
            evidence=manifest.evidence,
            uplift=floats(customers.column(B.UPLIFT)),
            uplift_lower=floats(customers.column(B.UPLIFT_LOWER)),
            uplift_upper=floats(customers.column(B.UPLIFT_UPPER)),
            p_orders=floats(customers.column(B.P_ORDERS)),
            remaining_value=floats(customers.column(B.VALUE_IF_ORDERS)),
            breadth=breadth_effects_of(catalogue),
            next_products=next_products_of(catalogue, priced & catalogue.sellable),
        )


def _promoted(
    catalogue: Catalogue, product_id: str | None, category: str | None
) -> NDArray[np.bool_]:
    """Return which products an offer is on; without product and category, every one."""
    products = len(catalogue.products)
    if product_id is not None:
        return np.equal(np.arange(products), _position(catalogue, product_id))
    if category is not None:
        code = catalogue.category_codes.get(category)
        return np.asarray(catalogue.category_code == code) & (code is not None)
    return np.ones(products, dtype=np.bool_)


def _position(catalogue: Catalogue, product_id: str | None) -> int:
    position = None if product_id is None else catalogue.products.position(product_id)
    return -1 if position is None else position


def _category(catalogue: Catalogue, product: int, category: str | None) -> int:
    if category is not None:
        return catalogue.category_codes.get(category, -1)
    return -1 if product < 0 else int(catalogue.category_code[product])
