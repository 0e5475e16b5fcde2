"""A customer's next order: the chance that it comes, and which products may be in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from models.bundle.schema import BundleColumns as B
from serving.answers import Source
from serving.catalogue import Catalogue, Indices
from serving.decisions.pricing.arbitration import Floats
from serving.decisions.pricing.plan import Plan
from serving.products.eligibility import Rules, eligible

_NO_PRODUCTS: Final[Indices] = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class NextOrder:
    """A customer's next order: P(buys), and which eligible products may be in it.

    Attributes
    ----------
    p_buys
        P(at least one order within the churn horizon).
    products
        Positions of eligible products of known margin.
    probability
        Of each: P(product in the next order | the customer orders).
    source, fallback
        Where the products come from, and why it is not the usual source; None where it is.
    """

    p_buys: float
    products: Indices
    probability: Floats
    source: Source
    fallback: str | None


def next_order_of(
    catalogue: Catalogue,
    plan: Plan,
    customer: int | None,
    rules: Rules,
    scores: Mapping[str, Any] | None = None,
) -> NextOrder:
    """Return a customer's next order, or a base rate where too little is known.

    Parameters
    ----------
    scores
        Scores made since the bundle, by column; None where the bundle's hold.
    """
    fallback = "new_customer" if customer is None else None
    p_buys = catalogue.average_p_buys
    source: Source = "personal"
    matrix, row = catalogue.bundle.candidates, customer
    churn = None
    if scores is not None:
        churn = scores[B.CHURN_PROBABILITY]
    elif customer is not None:
        churn = float(catalogue.churn_probability[customer])
    if churn is not None and not math.isnan(churn):
        p_buys = 1 - churn
    elif customer is not None and p_buys is not None:
        p_buys, fallback = catalogue.lapsed_p_buys, "no_churn_score"
    span = products = allowed = None
    if row is not None:
        span = matrix.span(row)
        products = matrix.indices[span]
        allowed = eligible(catalogue, products, rules)
    if span is None or products is None or allowed is None or not allowed.any():
        fallback = fallback or "no_candidates"
        source, matrix = "popular", catalogue.bundle.popular
        span = matrix.span(0)
        products = matrix.indices[span]
        allowed = eligible(catalogue, products, rules)
    if p_buys is None:
        return NextOrder(0.0, _NO_PRODUCTS, np.empty(0), source, "no_churn_model")
    keep = allowed & plan.has_margin[products]
    probability = matrix.values[B.PROBABILITY][span][keep].astype(np.float64)
    return NextOrder(p_buys, products[keep], probability, source, fallback)
