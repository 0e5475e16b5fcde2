"""What simulated customers put into an order, at what price and discount."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.simulation.assortment import draw_products
from features.simulation.catalogue import Catalogue, price_on
from features.simulation.customers import N_FAVOURITES, Customers, pick_categories
from features.simulation.offers import offer_rates
from features.simulation.orders import Orders
from features.simulation.plan import NEVER, Booleans, Floats, Integers, ShopPlan, random_stream
from features.simulation.seasons import campaign_days
from features.simulation.words import CATEGORIES

_FAVOURITE_SHARE = 0.45
_FAVOURITE_WEIGHTS = np.array([0.34, 0.22, 0.16, 0.12, 0.09, 0.07])
_MEAN_EXTRA_UNITS = 0.5


@dataclass(frozen=True)
class Lines:
    """The lines of a block's orders, by order and product; one entry each.

    ``order`` is the place in the block's orders; ``discount`` is money off the whole line.
    """

    order: Integers
    product: Integers
    quantity: Integers
    unit_price: Floats
    discount: Floats


def fill_baskets(
    plan: ShopPlan, catalogue: Catalogue, customers: Customers, orders: Orders, block: int
) -> tuple[Lines, Integers]:
    """Return the lines of a block's orders, and when each e-mail's offer was taken up.

    Returns
    -------
    lines
        At least one line per order; a product at most once in an order.
    accepted
        (customers, campaigns): the second of the first order under the offer, or ``NEVER``.
    """
    rng = random_stream(plan, "baskets", block)
    order, product = _intended(catalogue, customers, orders, rng)
    order, product = _once_per_order(order, product, catalogue)
    bought = _without_second_one_offs(catalogue, orders.customer[order], product)
    order, product = order[bought], product[bought]
    order, product = _fill_empty(catalogue, customers, orders, order, product, rng)
    order, product = _with_complements(catalogue, order, product, rng)

    repeat_good = catalogue.repeat_good[product]
    quantity = 1 + np.where(repeat_good, rng.poisson(_MEAN_EXTRA_UNITS, product.size), 0)
    unit_price = price_on(catalogue, plan, product, orders.day[order])
    used_offer, accepted = _take_up_offers(plan, catalogue, customers.size, orders, order, product)
    rate = np.where(
        catalogue.promoted_category[orders.day[order]] == catalogue.category[product],
        catalogue.promotion_rate[orders.day[order]],
        0.0,
    )
    offered_rate = np.where(used_offer, offer_rates()[catalogue.category[product]], 0.0)
    discount = np.round(unit_price * quantity * np.maximum(rate, offered_rate), 2)
    return Lines(order, product, quantity, unit_price, discount), accepted


def net_of_orders(lines: Lines, n_orders: int) -> Floats:
    """Return the revenue of each order after discounts, before any return."""
    net = lines.unit_price * lines.quantity - lines.discount
    total = np.bincount(lines.order, net, minlength=n_orders)
    return np.asarray(total, dtype=np.float64)


def campaign_category(campaign: Integers) -> Integers:
    """Return the category of each campaign, which is also the number of its offer."""
    return campaign * 5 % len(CATEGORIES)


def _intended(
    catalogue: Catalogue, customers: Customers, orders: Orders, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """Draw what customers want: favourites, or goods by taste, promotion, offer and popularity."""
    n_items = 1 + rng.poisson(customers.basket_size[orders.customer])
    order = np.repeat(np.arange(orders.size), n_items)
    customer, day = orders.customer[order], orders.day[order]
    sensitivity = customers.price_sensitivity[customer]

    category = pick_categories(customers.taste[customer], rng)
    lured = rng.random(order.size) < 0.35 * sensitivity
    category = np.where(lured, catalogue.promoted_category[day], category)
    first = np.diff(order, prepend=-1) > 0
    campaign = orders.campaign[order]
    follows_offer = first & (campaign >= 0)
    follows_offer &= rng.random(order.size) < 0.1 + 0.4 * sensitivity
    category = np.where(follows_offer, campaign_category(campaign), category)

    which = rng.choice(N_FAVOURITES, order.size, p=_FAVOURITE_WEIGHTS)
    favourite = customers.favourites[customer, which]
    on_sale = (catalogue.first_day[favourite] <= day) & (day <= catalogue.last_day[favourite])
    wants_favourite = rng.random(order.size) < _FAVOURITE_SHARE
    takes_favourite = wants_favourite & on_sale & ~lured & ~follows_offer
    other = draw_products(catalogue.all_goods, category, day, rng)
    return order, np.where(takes_favourite, favourite, other)


def _once_per_order(
    order: Integers, product: Integers, catalogue: Catalogue
) -> tuple[Integers, Integers]:
    key = np.unique(order * catalogue.category.size + product)
    return key // catalogue.category.size, key % catalogue.category.size


def _without_second_one_offs(
    catalogue: Catalogue, customer: Integers, product: Integers
) -> Booleans:
    """Keep repeat goods, and each customer's first of a one-off good."""
    keep = catalogue.repeat_good[product]
    one_off = np.flatnonzero(~keep)
    key = customer[one_off] * catalogue.category.size + product[one_off]
    keep[one_off[np.unique(key, return_index=True)[1]]] = True
    return keep


def _fill_empty(
    catalogue: Catalogue,
    customers: Customers,
    orders: Orders,
    order: Integers,
    product: Integers,
    rng: np.random.Generator,
) -> tuple[Integers, Integers]:
    """Put one repeat good into orders left empty because the customer owned all of their goods."""
    empty = np.flatnonzero(np.bincount(order, minlength=orders.size) == 0)
    category = pick_categories(customers.taste[orders.customer[empty]], rng)
    instead = draw_products(catalogue.repeat_goods, category, orders.day[empty], rng)
    return np.concatenate([order, empty]), np.concatenate([product, instead])


def _with_complements(
    catalogue: Catalogue, order: Integers, product: Integers, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    chance = catalogue.complement_probability[product]
    line, place = np.nonzero(rng.random(chance.shape) < chance)
    complement = catalogue.complement[product[line], place]
    return _once_per_order(
        np.concatenate([order, order[line]]), np.concatenate([product, complement]), catalogue
    )


def _take_up_offers(
    plan: ShopPlan,
    catalogue: Catalogue,
    n_customers: int,
    orders: Orders,
    order: Integers,
    product: Integers,
) -> tuple[Booleans, Integers]:
    """Apply an e-mail's offer to the first order within its window that has goods under it."""
    n_campaigns = campaign_days(plan).size
    campaign = orders.campaign[order]
    under_offer = campaign >= 0
    under_offer &= catalogue.category[product] == campaign_category(campaign)
    contact = orders.customer[order] * n_campaigns + campaign
    first_line = np.unique(contact[under_offer], return_index=True)[1]
    accepting = order[under_offer][first_line]
    accepted = np.full((n_customers, n_campaigns), NEVER)
    accepted[orders.customer[accepting], orders.campaign[accepting]] = orders.second[accepting]
    return under_offer & np.isin(order, accepting), accepted
