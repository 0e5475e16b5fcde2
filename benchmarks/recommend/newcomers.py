"""Cold starts on Online Retail II: new products, new customers, the first steps of a visit.

Judged on the last ninety days. Models know the purchases before them and, of new products, only
names and prices.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.recommend.data import online_retail, table
from benchmarks.table import Row
from features.progress import Progress
from models.metrics.ranking import hits, recall_at, truth_sizes
from models.recommend.content import Content
from models.recommend.cross_sell import CrossSell
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates
from models.recommend.newcomers import Newcomers
from models.recommend.popular import Popular
from models.recommend.topk import ranked_products, tie_order

_TEST_DAYS: Final = 90
_NEW_DAYS: Final = 45
_K: Final = 10


def rows(progress: Progress) -> list[Row]:
    """Measure the three slices."""
    tick = progress("New customers and products, Online Retail II", 3)
    shop = online_retail()
    cutoff = shop.as_of_day - _TEST_DAYS
    known = shop.kept(shop.days < cutoff, cutoff)
    names, countries = _described(shop)
    out = [_new_products(shop, known, names)]
    tick()
    newcomers = _first_baskets(shop, cutoff)
    out.append(_new_customers(known, newcomers, countries))
    tick()
    out.append(_first_steps(known, newcomers))
    tick()
    return out


def _described(shop: Interactions) -> tuple[NDArray[np.str_], NDArray[np.str_]]:
    """Return the name of each product and the country of each customer, as most often written."""
    parts = []
    for year in ("online_retail_ii_2009_2010", "online_retail_2010_2011"):
        frame = table(f"online_retail_ii/{year}.parquet")
        frame.columns = pd.Index(name.replace(" ", "") for name in frame.columns)
        parts.append(frame[["StockCode", "Description", "CustomerID", "Country"]])
    lines = pd.concat(parts)
    lines["StockCode"] = lines["StockCode"].astype(str).str.upper()
    # The first year writes missing names as the text nan.
    named = lines[lines["Description"].fillna("nan") != "nan"]
    names = _most_often(named["StockCode"], named["Description"]).reindex(shop.product_ids)
    placed = lines.dropna(subset=["CustomerID"])
    customers = placed["CustomerID"].astype(int).astype(str)
    countries = _most_often(customers, placed["Country"]).reindex(shop.customer_ids)
    return (
        np.asarray(names.fillna("").str.lower().to_numpy(dtype=str)),
        np.asarray(countries.fillna("").to_numpy(dtype=str)),
    )


def _most_often(keys: pd.Series, values: pd.Series) -> pd.Series:
    """Return the most frequent value of each key; of equals the first in the alphabet."""
    counts = pd.DataFrame({"key": keys, "value": values}).value_counts().reset_index()
    ordered = counts.sort_values(["key", "count", "value"], ascending=[True, False, True])
    return ordered.drop_duplicates("key").set_index("key")["value"]


def _new_products(shop: Interactions, known: Interactions, names: NDArray[np.str_]) -> Row:
    """Offer the products that were new early in the window to known customers who bought one."""
    first_days = np.full(shop.n_products, shop.as_of_day)
    np.minimum.at(first_days, shop.products, shop.days)
    new = np.flatnonzero(
        (first_days >= known.as_of_day) & (first_days < known.as_of_day + _NEW_DAYS)
    )
    later = shop.kept(shop.days >= known.as_of_day)
    bought = later.customer_matrix()[:, new]
    before = np.bincount(known.customers, minlength=shop.n_customers) > 0
    customers = np.flatnonzero((np.diff(bought.indptr) > 0) & before)
    truth = sparse.csr_matrix(later.customer_matrix()[customers].multiply(_indicator(shop, new)))
    ties = tie_order(known.popularity())
    histories = known.customer_matrix(90.0)[customers]

    def reached(model: Content) -> float:
        answers = model.score_histories(histories, _K, among=new)
        return _mean_recall(answers, truth, ties)

    prices = shop.prices
    ours = reached(Content().fit(names, ties, prices=prices))
    beside = {
        "price alone": reached(Content(name_weight=0.0).fit(names, ties, prices=prices)),
        "by chance": _K / new.size,
    }
    what = f"New products recall@{_K} ({new.size} products, {customers.size} customers)"
    return Row(what, ours, ">", max(beside.values()), beside)


def _first_baskets(shop: Interactions, cutoff: int) -> Interactions:
    """Return first orders of customers who came at or after the cutoff."""
    first_days = np.full(shop.n_customers, shop.as_of_day)
    np.minimum.at(first_days, shop.customers, shop.days)
    came = first_days[shop.customers] >= cutoff
    return shop.kept(came & (shop.days == first_days[shop.customers]))


def _new_customers(
    known: Interactions, newcomers: Interactions, countries: NDArray[np.str_]
) -> Row:
    """Name everything in a first order from the country alone."""
    truth = newcomers.customer_matrix()
    customers = np.flatnonzero(np.diff(truth.indptr))
    truth, ties = sparse.csr_matrix(truth[customers]), tie_order(known.popularity())
    by_profile = Newcomers().fit(known, countries).score(countries[customers], _K)
    beside = {
        f"popular, half-life {half_life:.0f} days": _mean_recall(
            Popular(half_life).fit(known).score(customers, _K), truth, ties
        )
        for half_life in (14.0, 90.0)
    }
    what = f"New customers recall@{_K} from the country ({customers.size} customers)"
    ours = _mean_recall(by_profile, truth, ties)
    return Row(what, ours, ">=", max(beside.values()), beside)


def _first_steps(known: Interactions, newcomers: Interactions) -> Row:
    """Complete first orders from two of their products, as a visit shows them."""
    random = np.random.default_rng(0)
    baskets = newcomers.customer_matrix()
    rows_, shown, hidden = [], [], []
    for customer in np.flatnonzero(np.diff(baskets.indptr) >= 3):
        basket = baskets.indices[baskets.indptr[customer] : baskets.indptr[customer + 1]]
        mixed = random.permutation(basket)
        rows_.append(customer)
        shown.append(mixed[:2])
        hidden.append(mixed[2:])
    visit, truth = (_stacked(part, known.n_products) for part in (shown, hidden))
    ties = tie_order(known.popularity())
    answers = CrossSell().fit(known).complete(visit, np.full(len(rows_), -1), _K)
    popular = Popular(90.0).fit(known).score(np.arange(len(rows_)), _K)
    beside = {"popular": _mean_recall(popular, truth, ties)}
    what = f"New customers recall@{_K} from two products of the visit ({len(rows_)} customers)"
    return Row(what, _mean_recall(answers, truth, ties), ">", beside["popular"], beside)


def _stacked(parts: list[NDArray[Any]], n_products: int) -> sparse.csr_matrix[np.float64]:
    lengths = [len(part) for part in parts]
    places = (np.repeat(np.arange(len(parts)), lengths), np.concatenate(parts))
    return sparse.csr_matrix((np.ones(sum(lengths)), places), shape=(len(parts), n_products))


def _indicator(shop: Interactions, products: NDArray[np.int64]) -> sparse.csr_matrix[np.float64]:
    row = np.zeros((1, shop.n_products))
    row[0, products] = 1.0
    return sparse.csr_matrix(row)


def _mean_recall(
    answers: Candidates, truth: sparse.csr_matrix[Any], ties: NDArray[np.int64]
) -> float:
    found = hits(ranked_products(answers, _K, ties), truth)
    return float(np.nanmean(recall_at(found, truth_sizes(truth), _K)))
