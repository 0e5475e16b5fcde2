"""The recommenders' part of a bundle: the tables from which the server answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.engine import Engine
from features.prepare import Prepared
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.bundle.sparse_rows import SparseRows
from models.next_purchase import NextPurchaseModel
from models.recommend.interactions import Interactions
from models.recommend.topk import tie_order
from training.recommend.newcomers import known_attributes, newcomer_lists
from training.recommend.product_rows import (
    basket_rows,
    bought_rows,
    candidate_rows,
    described,
    ordered_rows,
    popular_row,
    product_habits,
    similar_rows,
)
from training.recommend.purchases import describe_products


@dataclass(frozen=True, eq=False)
class RecommendationTables:
    """What a bundle holds of recommendations; see :class:`models.bundle.folder.Bundle`.

    Attributes
    ----------
    catalogue
        The products, with how each is bought again, and by new customers.
    rows
        Sparse matrices by their name in the bundle.
    directions
        Of the products' descriptions, (n_products, dimensions).
    manifest_fields
        Fields of the manifest, by name.
    """

    catalogue: pd.DataFrame
    rows: Mapping[str, SparseRows]
    directions: NDArray[np.float32]
    manifest_fields: Mapping[str, Any]


def build_recommendation_tables(
    engine: Engine,
    prepared: Prepared,
    model: NextPurchaseModel,
    interactions: Interactions,
    catalogue: pd.DataFrame,
    customer_ids: NDArray[np.str_],
    window_days: int,
) -> RecommendationTables:
    """Compute ahead of time what requests will ask of the recommenders.

    Parameters
    ----------
    model
        Fitted on ``interactions``.
    catalogue
        Every product, sorted by id, bought or not.
    customer_ids
        The customers of the bundle, sorted.
    window_days
        The latest days, on which it is chosen what carts and new customers are shown.
    """
    product_ids = catalogue[C.PRODUCT_ID].to_numpy(dtype=str)
    place = np.searchsorted(product_ids, interactions.product_ids)
    wide = describe_products(engine, prepared, interactions.among(product_ids))
    content = described(catalogue, tie_order(wide.popularity()))
    baskets = basket_rows(wide, content, window_days)
    attributes = known_attributes(engine, prepared, wide.customer_ids)
    newcomers = newcomer_lists(wide, attributes, window_days)
    rows = {
        "candidates": candidate_rows(model, interactions, customer_ids, place),
        "cross_sell": baskets.cross_sell,
        "substitutes": baskets.substitutes,
        "similar": similar_rows(wide, content),
        "bought": bought_rows(wide, customer_ids),
        "popular": popular_row(interactions, place),
        "newcomers": ordered_rows({C.SCORE: newcomers.scores}, content.ties_),
    }
    return RecommendationTables(
        catalogue.join(product_habits(wide)).assign(**{B.NEWCOMER_SHARE: newcomers.shares}),
        rows,
        content.directions(),
        {
            "newcomer_attribute": newcomers.attribute,
            "newcomer_segments": newcomers.segments,
            "cart_habit": baskets.habit,
        },
    )
