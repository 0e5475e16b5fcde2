"""The simulated catalogue and its offers: what is on sale, when, and what of it is sold."""

from __future__ import annotations

import pandas as pd
import pytest

from features.simulate import ShopPlan, SimulatedChunk, simulate
from features.vocabulary import Columns as C

PLAN = ShopPlan(n_customers=4_000, seed=3)


@pytest.fixture(scope="module")
def shop() -> SimulatedChunk:
    return next(simulate(PLAN))


@pytest.fixture(scope="module")
def sales(shop: SimulatedChunk) -> pd.DataFrame:
    orders = shop.tables["orders"]
    return orders[orders[C.QUANTITY] > 0]


def test_products_sell_only_while_on_sale(shop: SimulatedChunk, sales: pd.DataFrame) -> None:
    products = shop.tables["products"]
    seen = pd.concat([sales, shop.tables["events"].dropna(subset=C.PRODUCT_ID)])
    seen = seen[[C.PRODUCT_ID, C.TS]].merge(products, on=C.PRODUCT_ID)
    day = seen[C.TS].dt.normalize()
    assert (day >= seen[C.LAUNCHED_AT]).all()
    assert ((day <= seen[C.RETIRED_AT]) | seen[C.RETIRED_AT].isna()).all()
    assert (products[C.LAUNCHED_AT] > pd.Timestamp(PLAN.start)).sum() == 24
    assert products[C.RETIRED_AT].notna().sum() == 16
    assert (products.loc[products[C.RETIRED_AT].notna(), C.STOCK] == 0).all()


def test_the_catalogue_is_plausible(shop: SimulatedChunk) -> None:
    products = shop.tables["products"]
    margin = 1 - products[C.UNIT_COST] / products[C.LIST_PRICE]
    assert products[C.PRODUCT_NAME].is_unique
    assert products[C.CATEGORY].nunique() == 12
    assert margin.between(0.14, 0.61).all()
    popularity = shop.truth["products"].set_index(C.PRODUCT_ID)["popularity"]
    category = products.set_index(C.PRODUCT_ID)[C.CATEGORY]
    shares = popularity.groupby(category).apply(lambda each: each.nlargest(7).sum() / each.sum())
    assert (shares > 0.4).all()  # a fifth of the goods, by Zipf's law


def test_one_off_goods_are_never_bought_twice_and_repeat_goods_are(
    shop: SimulatedChunk, sales: pd.DataFrame
) -> None:
    repeat_good = shop.truth["products"].set_index(C.PRODUCT_ID)["repeat_good"]
    is_repeat = sales[C.PRODUCT_ID].map(repeat_good)
    one_offs, repeats = sales[~is_repeat], sales[is_repeat]
    assert len(one_offs) > 1_000
    assert (one_offs[C.QUANTITY] == 1).all()
    assert not one_offs.duplicated([C.CUSTOMER_ID, C.PRODUCT_ID]).any()
    assert repeats.duplicated([C.CUSTOMER_ID, C.PRODUCT_ID]).mean() > 0.2


def test_offers_can_be_made_today(shop: SimulatedChunk) -> None:
    offers = shop.tables["offers"]
    today = pd.Timestamp(PLAN.end)
    assert (offers[C.STARTS_AT] <= today).all()
    assert (offers[C.ENDS_AT] > today).all()
    assert offers[C.DISCOUNT_RATE].between(0.1, 0.25).all()
    assert set(offers[C.CATEGORY]) == set(shop.tables["products"][C.CATEGORY])
