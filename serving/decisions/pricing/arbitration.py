"""Arbitration: what every action is worth to the shop, in money, term by term.

DEFINITIONS, Decisions. For a customer and an offer,

    offer value = P(accept) x (margin + breadth effect x remaining value)
                  + uplift in retention x remaining value - offer cost - contact cost

and doing nothing is worth 0. P(accept) = P(buys) x P(at least one of the products promoted is in
the order), products taken as independent; margin and price are means weighted by their chances.
Products under contract are not in orders. For the one that is the customer's likeliest next,
P(accept) is the share of holders who take one more within the horizon x P(the product | one more).
The uplift is the effect of a contact (:mod:`models.uplift`), so it counts on outbound channels
only. The breadth effect is that of holding more, so it comes with an acceptance, where what is
promoted is new to the customer. Each remaining value covers the days in which its effect was
measured, and no more.

Written once for any number of customers: values are scalars for one, columns for many.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.bundle.schema import BundleColumns as B
from serving.catalogue import Indices
from serving.decisions.pricing.bounded import Bounded
from serving.decisions.pricing.breadth import Breadth, NextProducts
from serving.decisions.pricing.plan import Plan

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

EVERY_OFFER: Final = slice(None)

_EFFECT: Final = (B.UPLIFT, B.UPLIFT_LOWER, B.UPLIFT_UPPER, B.VALUE_IF_ORDERS)

# P(product) is capped just below 1, so that its complement has a logarithm.
_NEARLY_ONE: Final = 1 - 1e-12


NO_MONEY: Final = Bounded(0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Stakes:
    """A customer's chance to buy and what a contact changes; n customers as columns, (n, 1).

    Attributes
    ----------
    customers
        Their positions in the bundle; None for somebody unknown.
    uplift, remaining_value
        The effect of a contact on P(order), and the margin that comes with an order, money. NaN
        where not known; None where nobody is contacted.
    """

    p_buys: Any
    customers: Any
    uplift: Bounded | None = None
    remaining_value: Any = None


def stakes_of(
    plan: Plan,
    customers: Any,
    p_buys: Any,
    *,
    is_contact: bool,
    scores: Mapping[str, Any] | None = None,
) -> Stakes:
    """Return the stakes of customers by position, or of somebody unknown (``customers`` None).

    Parameters
    ----------
    scores
        One customer's scores made since the bundle, by column; None where the bundle's hold.
    """
    if customers is None or not is_contact:
        return Stakes(p_buys, customers)
    if scores is not None:
        found = (scores.get(name) for name in _EFFECT)
        *bounds, remaining = (np.nan if each is None else each for each in found)
    else:
        columns = (plan.uplift, plan.uplift_lower, plan.uplift_upper, plan.remaining_value)
        *bounds, remaining = (column[customers] for column in columns)
    return Stakes(p_buys, customers, Bounded(*bounds), remaining)


def weights_of(plan: Plan, products: Indices, probability: Floats) -> Floats:
    """Return what is summed over the products of a scope, shape (4, products).

    P(product | buys), log(1 - P(product | buys)), and P(product | buys) x margin and x price.
    """
    weights = np.empty((4, len(products)))
    weights[0] = probability
    np.log1p(-np.minimum(probability, _NEARLY_ONE), out=weights[1])
    np.multiply(probability, plan.margin[products], out=weights[2])
    np.multiply(probability, plan.price[products], out=weights[3])
    return weights


def sums_of(plan: Plan, products: Indices, probability: Floats) -> Floats:
    """Return the sums of :func:`weights_of` over each scope for one customer, (4, scopes)."""
    promoted = plan.is_promoted[products].nonzero()[0]
    if not len(promoted):
        return np.zeros((4, plan.within.shape[1]))
    products = products[promoted]
    within = plan.within.take(products, axis=0).astype(np.float64)
    return np.asarray(weights_of(plan, products, probability[promoted]) @ within)


@dataclass(frozen=True, eq=False)
class Priced:
    """The terms of offers, shape (offers,) for one customer or (n, offers) for n; money.

    Attributes
    ----------
    p_buys
        P(buys), or P(one more is held) where P(accept) is by the next product.
    any_of_them
        P(at least one product promoted is in the order | buys); 0 where there is none to show.
    by_next_product
        Whether P(accept) is by the next product; None where it is for no offer.
    margin, price_cut, acceptance_cost
        Per acceptance; the margin is before the price cut.
    breadth
        The effect of what an acceptance adds to the customer's holdings; None without any.
    gain
        Breadth effect x remaining value, per acceptance.
    retention
        Uplift x remaining value; NaN where no uplift is known, None where nobody is contacted.
    value
        Offer value.
    """

    p_buys: Any
    any_of_them: Floats
    by_next_product: Booleans | None
    p_accept: Floats
    margin: Floats
    price_cut: Floats
    acceptance_cost: Floats
    contact_cost: Floats
    breadth: Breadth | None
    gain: Bounded
    retention: Bounded | None
    value: Floats
    p_buys_error: float

    @property
    def incentive(self) -> Floats:
        """What the offer gives away for each order, accepted with it or not."""
        return self.any_of_them * (self.price_cut + self.acceptance_cost)

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """The offer value with all measured errors at their worst, and at their best.

        Errors are the calibration error of P(buys) and the intervals of uplift and breadth.
        """
        earned, kept = self.margin - self.price_cut - self.acceptance_cost, self.retention
        error = self.p_buys_error * self.any_of_them * np.abs(earned + self.gain.value)
        lower = self.p_accept * (earned + self.gain.lower) - error - self.contact_cost
        upper = self.p_accept * (earned + self.gain.upper) + error - self.contact_cost
        if kept is None:
            return lower, upper
        return lower + _or_nothing(kept.lower), upper + _or_nothing(kept.upper)


def price_offers(
    plan: Plan,
    stakes: Stakes,
    sums: Floats,
    breadth: Breadth | None = None,
    is_next: Booleans | None = None,
    offers: NDArray[np.intp] | slice = EVERY_OFFER,
) -> Priced:
    """Price offers in money.

    Parameters
    ----------
    sums
        From :func:`sums_of`, shape (4, scopes), or (4, n, scopes) for n customers.
    breadth
        The effect of what these offers would add to holdings.
    is_next
        Which of these offers are on the customers' likeliest next product under contract.
    offers
        Numbers of the offers to price; all by default.
    """
    goods, p_buys, by_next_product = sums[..., plan.scope[offers]], stakes.p_buys, None
    if is_next is not None and plan.next_products is not None:
        by_next_product = is_next & (goods[0] <= 0)
        following = _next_goods(plan, plan.next_products, stakes.customers)
        goods = np.where(by_next_product, following, goods)
        p_buys = np.where(by_next_product, plan.next_products.rate, p_buys)
    chance, log_none, margins, prices = goods
    each = 1.0 / np.where(chance > 0, chance, 1.0)
    margin = margins * each
    price_cut = plan.discount_rate[offers] * prices * each
    acceptance_cost, contact_cost = plan.acceptance_cost[offers], plan.contact_cost[offers]
    any_of_them = -np.expm1(log_none)
    p_accept = p_buys * any_of_them
    gain, retention = NO_MONEY, None
    earned = margin - price_cut - acceptance_cost
    if breadth is not None:
        gain = breadth.effect.times(breadth.remaining_value)
        earned = earned + gain.value
    value = p_accept * earned - contact_cost
    if stakes.uplift is not None:
        shown = np.where(chance > 0, stakes.remaining_value, np.nan)
        retention = stakes.uplift.times(shown)
        value += _or_nothing(retention.value)
    return Priced(
        p_buys=p_buys,
        any_of_them=any_of_them,
        by_next_product=by_next_product,
        p_accept=p_accept,
        margin=margin,
        price_cut=price_cut,
        acceptance_cost=acceptance_cost,
        contact_cost=contact_cost,
        breadth=breadth,
        gain=gain,
        retention=retention,
        value=value,
        p_buys_error=plan.p_buys_error,
    )


def is_next_product(plan: Plan, customers: Any) -> Booleans | None:
    """Return which offers are on the customers' next product, shape (offers,) or (n, offers)."""
    if plan.next_products is None or customers is None:
        return None
    following = plan.next_products.product[customers]
    return np.asarray((plan.product == following) & (plan.product >= 0))


def _next_goods(plan: Plan, following: NextProducts, customers: Any) -> Floats:
    """Return :func:`weights_of` for the customers' next product, shape (4, 1) or (4, n, 1)."""
    product, chance = following.product[customers], following.chance[customers]
    none_of_it = np.log1p(-np.minimum(chance, _NEARLY_ONE))
    # Without a next product the position is -1, the last one's, and the result is not used.
    rows = (chance, none_of_it, chance * plan.margin[product], chance * plan.price[product])
    return np.stack([np.atleast_1d(row) for row in rows])


def _or_nothing(money: Floats) -> Floats:
    return np.where(np.isnan(money), 0.0, money)
