"""Arbitration: what every action is worth to the shop, in money, term by term.

DEFINITIONS, Decisions. For a customer and an offer,

    offer value = P(accept) x margin + uplift in retention x remaining value
                  - offer cost - contact cost

and doing nothing is worth 0. P(accept) = P(buys) x P(at least one of the products promoted is in
the order), products chosen independently; margin and price are means weighted by their chances.
The uplift is that of a contact (:mod:`models.uplift`), so it is there on outbound channels alone,
and the remaining value is counted over the days in which the uplift was measured, no further.

Written once for any number of customers: numbers of one are scalars, those of many columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle_schema import BundleColumns as B
from models.uplift.evidence import Evidence
from serving.catalogue import Catalogue, Indices, floats
from serving.decisions.offers import OfferBook

Floats = NDArray[np.float64]

_CALIBRATION_ERROR: Final = "ece"
# P(product) is at most this near 1, so that its complement has a logarithm.
_NEARLY_ONE: Final = 1 - 1e-12


@dataclass(frozen=True, eq=False)
class Plan:
    """What pricing needs of a bundle and its offers, as arrays, made once.

    Attributes
    ----------
    margin, price
        Of each product, money; 0 where unknown, when it is in no scope.
    within
        Whether each product is among those that a scope promotes and can be priced; offers on
        the same goods share a scope. Shape (products, scopes).
    scope, product
        Of each offer, shape (offers,), as all that follow; product is the position of the one
        product promoted, else -1.
    discount_rate, acceptance_cost, contact_cost, weight
        Points are in the acceptance cost, at expected redemption.
    p_buys_error
        By how much P(buys) was off on average where it was measured; 0 where it was not.
    evidence
        How far the uplift may be believed.
    uplift, uplift_lower, uplift_upper, p_orders, remaining_value
        Of each customer of the bundle, NaN where not known: the change in P(order) by a contact
        and its 95 % interval, P(order), and the margin that comes with an order; all of the
        days in which the effect was measured.
    """

    margin: Floats
    price: Floats
    within: NDArray[np.bool_]
    scope: NDArray[np.intp]
    product: NDArray[np.int64]
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

    @classmethod
    def of(cls, catalogue: Catalogue, book: OfferBook) -> Plan:
        """Prepare a bundle and its offers."""
        scopes: dict[tuple[str | None, str | None], int] = {}
        promoted = [(offer.product_id, offer.category) for offer in book.offers]
        scope = [scopes.setdefault(goods, len(scopes)) for goods in promoted]
        priced = ~np.isnan(catalogue.margin) & ~np.isnan(catalogue.price)
        within = np.zeros((len(priced), len(scopes)), dtype=np.bool_)
        for (product_id, category), place in scopes.items():
            within[:, place] = priced & _promoted(catalogue, product_id, category)
        points = [book.point_liability(offer) for offer in book.offers]
        manifest, customers = catalogue.manifest, catalogue.bundle.customers
        churn = manifest.models.get("churn")
        return cls(
            margin=np.nan_to_num(catalogue.margin),
            price=np.nan_to_num(catalogue.price),
            within=within,
            scope=np.array(scope, dtype=np.intp),
            product=np.array([_position(catalogue, p) for p, _ in promoted], dtype=np.int64),
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


@dataclass(frozen=True, eq=False)
class Stakes:
    """What is at stake with one customer (scalars) or with n (columns, shape (n, 1)).

    Attributes
    ----------
    uplift, uplift_lower, uplift_upper, remaining_value
        NaN where nothing is known, or nobody is contacted.
    """

    p_buys: Any
    uplift: Any
    uplift_lower: Any
    uplift_upper: Any
    remaining_value: Any


def stakes_of(plan: Plan, customer: int | None, p_buys: float, *, is_contact: bool) -> Stakes:
    """Return what is at stake with one customer, None for somebody unknown."""
    if customer is None or not is_contact or np.isnan(plan.uplift[customer]):
        return Stakes(p_buys, np.nan, np.nan, np.nan, np.nan)
    known = (plan.uplift, plan.uplift_lower, plan.uplift_upper, plan.remaining_value)
    return Stakes(p_buys, *(column[customer] for column in known))


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the products that each scope promotes and a customer may be shown.

    Shape (scopes,), or (n, scopes) for n customers.

    Attributes
    ----------
    chance
        Of P(product | buys).
    log_none
        Of log(1 - P(product | buys)).
    margin, price
        Of P(product | buys) x margin, and x price; money.
    """

    chance: Floats
    log_none: Floats
    margin: Floats
    price: Floats

    @property
    def columns(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The four, in the order of :func:`weights_of`."""
        return self.chance, self.log_none, self.margin, self.price


def weights_of(plan: Plan, products: Indices, probability: Floats) -> Floats:
    """Return what is summed for each of some products, shape (4, products)."""
    weights = np.empty((4, len(products)))
    weights[0] = probability
    np.log1p(-np.minimum(probability, _NEARLY_ONE), out=weights[1])
    np.multiply(probability, plan.margin[products], out=weights[2])
    np.multiply(probability, plan.price[products], out=weights[3])
    return weights


def sums_of(plan: Plan, products: Indices, weights: Floats) -> Sums:
    """Return the sums of one customer, from :func:`weights_of`."""
    return Sums(*(weights @ plan.within[products].astype(np.float64)))


@dataclass(frozen=True, eq=False)
class Priced:
    """The terms of every offer, shape (offers,) for one customer or (n, offers); money.

    Attributes
    ----------
    any_of_them
        P(at least one product promoted is in the order | buys); 0 where there is none to show.
    margin
        Of an acceptance, before the price cut.
    discount, acceptance_cost
        Expected: P(accept) x what an acceptance costs.
    incentive
        What the offer gives away for each order, accepted with it or not.
    retention, retention_lower, retention_upper
        Uplift x remaining value; NaN where no uplift is known or nobody is contacted.
    value, lower, upper
        Offer value, and its bounds as far as the errors of its terms were measured.
    """

    any_of_them: Floats
    p_accept: Floats
    margin: Floats
    discount: Floats
    acceptance_cost: Floats
    incentive: Floats
    retention: Floats
    retention_lower: Floats
    retention_upper: Floats
    value: Floats
    lower: Floats
    upper: Floats


def price_offers(plan: Plan, stakes: Stakes, sums: Sums) -> Priced:
    """Price every offer in money.

    The bounds are those of P(buys), by the calibration error that was measured, and of the
    uplift, by its 95 % interval, both at their worst and at their best at once.
    """
    chance = sums.chance[..., plan.scope]
    each = 1.0 / np.where(chance > 0, chance, 1.0)
    margin = sums.margin[..., plan.scope] * each
    price = sums.price[..., plan.scope] * each
    any_of_them = -np.expm1(sums.log_none[..., plan.scope])
    p_accept = stakes.p_buys * any_of_them
    price_cut = plan.discount_rate * price
    per_acceptance = margin - price_cut - plan.acceptance_cost
    retention, low, high = (
        np.where(chance > 0, uplift * stakes.remaining_value, np.nan)
        for uplift in (stakes.uplift, stakes.uplift_lower, stakes.uplift_upper)
    )
    accepted = p_accept * per_acceptance
    spread = plan.p_buys_error * any_of_them * np.abs(per_acceptance)
    return Priced(
        any_of_them=any_of_them,
        p_accept=p_accept,
        margin=margin,
        discount=p_accept * price_cut,
        acceptance_cost=p_accept * plan.acceptance_cost,
        incentive=any_of_them * (price_cut + plan.acceptance_cost),
        retention=retention,
        retention_lower=low,
        retention_upper=high,
        value=accepted + _or_nothing(retention) - plan.contact_cost,
        lower=accepted - spread + _or_nothing(low) - plan.contact_cost,
        upper=accepted + spread + _or_nothing(high) - plan.contact_cost,
    )


def _or_nothing(money: Floats) -> Floats:
    return np.where(np.isnan(money), 0.0, money)
