"""A bundle opened for serving: positions by id, and arrays that requests index directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.vocabulary import Columns as C
from models.bundle.folder import Bundle, Manifest
from models.bundle.schema import BundleColumns as B
from serving.lookups.columns import booleans, coded, floats
from serving.lookups.id_index import IdIndex
from serving.lookups.name_index import NameIndex
from serving.lookups.table_rows import TableRows

Indices = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The bundle, and what requests look up in it, prepared once.

    Parameters
    ----------
    customers, products
        Positions by id.
    product_ids, names, categories
        Of each product; a name or category is None where unknown.
    category_codes, category_code
        A number for each category, and that of each product; -1 where unknown.
    members
        Each category's products, in fill order.
    price, margin
        Money per unit, NaN where unknown.
    sellable
        In stock and not retired.
    fill_order
        Positions of all products: the popular ones first, best first, then the others by id.
    fill_position
        Position of each product in ``fill_order``; breaks all ties.
    popular_score, popular_probability
        Of every product; 0 outside the popular ones.
    usual_gap_days, repeat_share, newcomer_share
        Of each product: median days between purchases by repeat buyers, the share of buyers who
        repeat, and the share of first orders that hold it; NaN where unknown.
    newcomer_rows
        Row of the bundle's ``newcomers`` by segment; the last row is for all segments.
    names_index
        Finds products by the words of a search.
    churn_probability
        Of each customer, NaN where not scored.
    average_p_buys
        Mean of 1 - churn probability over the scored customers; None where none is scored.
    lapsed_p_buys
        Of known customers who are not scored: the share of such who came back, if that was
        measured, else as the average.
    """

    bundle: Bundle
    customers: IdIndex
    products: IdIndex
    product_ids: list[str]
    names: list[str | None]
    categories: list[str | None]
    category_codes: Mapping[str, int]
    category_code: Indices
    members: Mapping[str, Indices]
    price: NDArray[np.float64]
    margin: NDArray[np.float64]
    sellable: NDArray[np.bool_]
    fill_order: Indices
    fill_position: Indices
    popular_score: NDArray[np.float32]
    popular_probability: NDArray[np.float32]
    usual_gap_days: NDArray[np.float64]
    repeat_share: NDArray[np.float64]
    newcomer_share: NDArray[np.float64]
    newcomer_rows: Mapping[str, int]
    names_index: NameIndex
    churn_probability: NDArray[np.float64]
    average_p_buys: float | None
    lapsed_p_buys: float | None

    @cached_property
    def customer_rows(self) -> TableRows:
        """Reads customers by position."""
        return TableRows(self.bundle.customers)

    @cached_property
    def vector_rows(self) -> TableRows:
        """Reads customer vectors by position."""
        return TableRows(self.bundle.vectors)

    @property
    def manifest(self) -> Manifest:
        """What the bundle says about itself."""
        return self.bundle.manifest

    def display_name(self, product: int) -> str:
        """Return the product's name, or its id where it has none."""
        return self.names[product] or self.product_ids[product]


def open_catalogue(bundle: Bundle) -> Catalogue:
    """Prepare a bundle for serving."""
    table = bundle.products
    products = IdIndex(table.column(C.PRODUCT_ID))
    names: list[str | None] = table.column(C.PRODUCT_NAME).to_pylist()
    category_of, known = coded(table.column(C.CATEGORY))
    # Products of one category share one string object.
    categories = [None if code < 0 else known[code] for code in category_of.tolist()]
    codes = {category: code for code, category in enumerate(sorted(known))}
    category_code = np.array(
        [-1 if name is None else codes[name] for name in categories], dtype=np.int32
    )
    popular = bundle.popular
    fill_order, fill_position = _fill_order(popular.indices, len(products))
    churn_probability = floats(bundle.customers.column(B.CHURN_PROBABILITY))
    average_p_buys = _average_p_buys(churn_probability)
    reactivated = bundle.manifest.reactivation_rate
    return Catalogue(
        bundle=bundle,
        customers=IdIndex(bundle.customers.column(C.CUSTOMER_ID)),
        products=products,
        product_ids=products.ids(),
        names=names,
        categories=categories,
        category_codes=codes,
        category_code=category_code,
        members={
            category: fill_order[category_code[fill_order] == code]
            for category, code in codes.items()
        },
        price=floats(table.column(B.PRICE)),
        margin=floats(table.column(B.MARGIN)),
        sellable=booleans(table.column(B.IN_STOCK)) & ~booleans(table.column(B.RETIRED)),
        fill_order=fill_order,
        fill_position=fill_position,
        popular_score=_scatter(popular.indices, popular.values[C.SCORE], len(products)),
        popular_probability=_scatter(popular.indices, popular.values[B.PROBABILITY], len(products)),
        usual_gap_days=floats(table.column(B.USUAL_GAP_DAYS)),
        repeat_share=floats(table.column(B.REPEAT_SHARE)),
        newcomer_share=floats(table.column(B.NEWCOMER_SHARE)),
        newcomer_rows={
            segment: row for row, segment in enumerate(bundle.manifest.newcomer_segments)
        },
        names_index=NameIndex(
            " ".join(filter(None, words)) for words in zip(names, categories, strict=True)
        ),
        churn_probability=churn_probability,
        average_p_buys=average_p_buys,
        lapsed_p_buys=average_p_buys if reactivated is None else reactivated,
    )


def _fill_order(popular: Indices, n_products: int) -> tuple[Indices, Indices]:
    """Return all products, the popular ones first, and the position of each in that order."""
    others = np.ones(n_products, dtype=bool)
    others[popular] = False
    order = np.concatenate([popular, np.flatnonzero(others)]).astype(np.int32)
    position = np.empty_like(order)
    position[order] = np.arange(n_products, dtype=np.int32)
    return order, position


def _average_p_buys(churn_probability: NDArray[np.float64]) -> float | None:
    scored = ~np.isnan(churn_probability)
    return float(1 - churn_probability.mean(where=scored)) if scored.any() else None


def _scatter(indices: Indices, values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    scattered = np.zeros(size, dtype=np.float32)
    scattered[indices] = values
    return scattered
