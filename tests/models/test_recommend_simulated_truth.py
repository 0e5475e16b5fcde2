"""The simulated shop knows which products its customers add to which: what is learned of that?"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.simulate import ShopPlan, write_shop
from features.vocabulary import Columns as C
from models.recommend.cross_sell import CrossSell
from models.recommend.interactions import Interactions
from models.recommend.matrices import rows_of

_EPOCH = pd.Timestamp("1970-01-01")
Planted = tuple[Interactions, pd.DataFrame]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Return the purchases of a simulated shop, and its true complements by their codes."""
    plan, folder = ShopPlan(n_customers=4_000), tmp_path_factory.mktemp("shop")
    write_shop(plan, folder)
    lines = pd.read_parquet(folder / "orders")
    lines = lines[lines[C.QUANTITY] > 0]
    columns = (
        lines[name].to_numpy(dtype=str) for name in (C.CUSTOMER_ID, C.PRODUCT_ID, C.ORDER_ID)
    )
    customers, products, orders = columns
    days = (lines[C.TS].dt.normalize() - _EPOCH).dt.days
    end = date.fromordinal(plan.end.toordinal() + 1)
    shop = Interactions.from_arrays(customers, products, orders, days, end)
    catalogue = pd.read_parquet(folder / "products").set_index(C.PRODUCT_ID)[C.CATEGORY]
    shop = shop.described(categories=catalogue.reindex(shop.product_ids).fillna("").to_numpy(str))
    truth = pd.read_parquet(folder / "truth" / "complements")
    known = truth.assign(
        anchor=shop.product_index(truth[C.PRODUCT_ID].to_numpy(dtype=str)),
        added=shop.product_index(truth["complement_id"].to_numpy(dtype=str)),
    )
    return shop, known[(known["anchor"] >= 0) & (known["added"] >= 0)]


def test_true_complements_come_first_and_are_called_so(planted: Planted) -> None:
    shop, truth = planted
    model = CrossSell().fit(shop)
    anchors, added = truth["anchor"].to_numpy(), truth["added"].to_numpy()
    pairs = np.arange(len(truth))
    pages = model.similar(anchors, 50).toarray()
    rank = (pages > pages[pairs, added][:, None]).sum(axis=1) + 1
    # Half of the anchors have two complements, of which one alone can come first.
    assert (rank == 1).mean() >= 0.95 * truth["anchor"].nunique() / len(truth)
    assert (rank <= 3).mean() >= 0.95
    called = rows_of(model.complements_, anchors).toarray()[pairs, added] > 0
    # A fifth of the customers of the example shop, where all are beyond doubt.
    assert called.mean() >= 0.8
    assert not model.substitutes_[anchors, added].any()


def test_few_are_called_complements_that_are_not(planted: Planted) -> None:
    shop, truth = planted
    model = CrossSell().fit(shop)
    either_way = set(zip(truth["anchor"], truth["added"], strict=True))
    either_way |= {(added, anchor) for anchor, added in either_way}
    # Two complements of one product also meet more often than chance: they are no mistake.
    siblings = truth.merge(truth, on="anchor")
    either_way |= set(zip(siblings["added_x"], siblings["added_y"], strict=True))
    called = model.complements_.tocoo()
    true = [pair in either_way for pair in zip(called.row, called.col, strict=True)]
    assert np.mean(true) >= 0.9
