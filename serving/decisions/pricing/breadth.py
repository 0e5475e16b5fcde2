"""Breadth: what holding more does for retention, and which product holders take next.

Customers who hold one more category, or one more product under contract, may be less likely to
leave (:mod:`models.uplift.cross_sell`). An offer of something new to the customer is credited with
the effect where it is proven (the adjusted interval excludes zero), over the churn horizon only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle.schema import BundleColumns as B
from models.uplift.breadth import HELD_COLUMNS
from models.uplift.evidence import Evidence
from serving.catalogue import Catalogue, Indices
from serving.decisions.pricing.bounded import Bounded
from serving.lookups.columns import coded, floats
from serving.products.shoppers import Shopper

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BreadthEffects:
    """The effect of holding one more, for each customer of the bundle.

    Attributes
    ----------
    what
        What is held: ``categories`` or ``products``.
    effect
        Fall in P(churned) over the churn horizon; 0 where none is proven for the number held.
    remaining_value
        Margin within the churn horizon, given that the customer stays; money, 0 where not known.
    """

    what: str
    effect: Bounded
    remaining_value: Floats
    evidence: Evidence


def breadth_effects_of(catalogue: Catalogue) -> BreadthEffects | None:
    """Return the effect of holding one more; None where none is proven."""
    manifest, vectors = catalogue.manifest, catalogue.bundle.vectors
    proven = [step for step in manifest.breadth if step.retention > 0]
    # A shop's customers hold categories, or products where there are contracts, never both.
    what = proven[0].what if proven else ""
    if HELD_COLUMNS.get(what) not in vectors.column_names:
        return None
    # The last column is for all larger numbers held, for which no effect is known.
    effects = np.zeros((3, max(step.held for step in proven) + 2))
    for step in proven:
        effects[:, step.held] = step.retention, -step.adjusted_high, -step.adjusted_low
    held = np.nan_to_num(floats(vectors.column(HELD_COLUMNS[what])))
    of_each = effects[:, held.clip(0, effects.shape[1] - 1).astype(np.int64)]
    return BreadthEffects(what, Bounded(*of_each), _remaining_value(catalogue), proven[0].evidence)


def _remaining_value(catalogue: Catalogue) -> Floats:
    """Return each customer's E[margin within the churn horizon | stays]; 0 where not known.

    Margin is taken to come evenly over the value horizon. The result never exceeds the margin
    expected over all of that horizon from a customer who stays.
    """
    manifest, customers = catalogue.manifest, catalogue.bundle.customers
    share = min(1.0, manifest.horizon_days / manifest.value_horizon_days)
    stays = np.maximum(1.0 - catalogue.churn_probability, 1e-9)
    of_horizon = floats(customers.column(B.CLV_PREDICTED)) * share / stays
    if_stays = floats(customers.column(B.VALUE_IF_RETAINED))
    return np.nan_to_num(np.minimum(of_horizon, if_stays))


@dataclass(frozen=True, eq=False)
class Breadth:
    """The effect of accepting each offer, shape (offers,) or (n, offers).

    Attributes
    ----------
    effect
        Fall in P(churned); 0 where an offer brings nothing new.
    remaining_value
        As in :class:`BreadthEffects`.
    """

    effect: Bounded
    remaining_value: Any
    evidence: Evidence


def breadth_by(
    effects: BreadthEffects | None, customers: Any, new: Booleans | None
) -> Breadth | None:
    """Return the effect of offers that bring something new; None where none is proven.

    Parameters
    ----------
    customers
        Position of one, or positions of n as a column.
    new
        Whether offers bring what the customers do not hold, shape (offers,) or (n, offers).
    """
    if effects is None or new is None or not new.any():
        return None
    effect = Bounded(*(np.where(new, of_each[customers], 0.0) for of_each in effects.effect))
    return Breadth(effect, effects.remaining_value[customers], effects.evidence)


@dataclass(frozen=True, eq=False)
class NextProducts:
    """The product under contract that each customer of the bundle would take next.

    Attributes
    ----------
    product
        Position of the likeliest one, -1 where there is none or it cannot be sold and priced.
    chance
        P(it | one more is held).
    rate
        P(one more is held within the churn horizon): the share of holders who took one.
    """

    product: Indices
    chance: Floats
    rate: float


def next_products_of(catalogue: Catalogue, can_be_offered: Booleans) -> NextProducts | None:
    """Return the next products; None where nobody holds a contract or took one more."""
    customers, rate = catalogue.bundle.customers, catalogue.manifest.further_product_rate
    column = customers.column(B.NEXT_PRODUCT)
    if not rate or column.null_count == len(column):
        return None
    codes, product_ids = coded(column)
    positions = [catalogue.products.position(each) for each in product_ids]
    offered = [-1 if p is None or not can_be_offered[p] else p for p in positions]
    if max(offered) < 0:
        return None
    chance = np.nan_to_num(floats(customers.column(B.NEXT_PRODUCT_PROBABILITY)))
    return NextProducts(np.array([*offered, -1], dtype=np.int32)[codes], chance, rate)


def bought_categories(catalogue: Catalogue, customer: int | None, shopper: Shopper) -> set[int]:
    """Return the codes of the categories that a customer bought from, new orders included."""
    bought = catalogue.products.positions(shopper.purchases)
    codes = {int(catalogue.category_code[product]) for product in bought}
    if customer is not None:
        rows = catalogue.bundle.bought
        codes.update(catalogue.category_code[rows.indices[rows.span(customer)]].tolist())
    return codes
