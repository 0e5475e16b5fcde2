"""The simulated catalogue: products, their true complements, offers and promotions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.simulation.assortment import Assortment, build_assortment
from features.simulation.frames import (
    frame,
    labels,
    midnight,
    product_ids,
    timestamps,
    vocabulary_frame,
)
from features.simulation.plan import NEVER, Booleans, Floats, Integers, ShopPlan, random_stream
from features.simulation.words import CATEGORIES, ONE_OFF_ADJECTIVES, REPEAT_ADJECTIVES
from features.vocabulary import Columns as C

PRODUCTS_PER_CATEGORY = 34
N_LAUNCHED = 24
N_RETIRED = 16
N_OUT_OF_STOCK = 12
N_ANCHORS = 60
PRICE_RISE_PER_YEAR = 0.03

_ZIPF_EXPONENT = 0.8
_FOREVER_DAY = 1_000_000
_PRICE_SPREAD = 0.45


@dataclass(frozen=True)
class Catalogue:
    """All that orders depend on about products; one entry per product unless stated otherwise.

    ``complement`` and ``complement_probability`` are (products, 2), -1 where there is none;
    ``promoted_category`` and ``promotion_rate`` are by day.
    """

    names: tuple[str, ...]
    category: Integers
    repeat_good: Booleans
    popularity: Floats
    list_price: Floats
    unit_cost: Floats
    stock: Integers
    first_day: Integers
    last_day: Integers
    complement: Integers
    complement_probability: Floats
    all_goods: Assortment
    repeat_goods: Assortment
    promoted_category: Integers
    promotion_rate: Floats


def build_catalogue(plan: ShopPlan) -> Catalogue:
    """Return the catalogue of a plan."""
    rng = random_stream(plan, "catalogue")
    names, repeat_good = _name_products(rng)
    n = len(names)
    category = np.repeat(np.arange(len(CATEGORIES)), PRODUCTS_PER_CATEGORY)
    median_price = np.array([kind.median_price for kind in CATEGORIES])[category]
    margin = np.array([kind.margin for kind in CATEGORIES])[category]
    scale = np.exp(_PRICE_SPREAD * rng.standard_normal(n))
    list_price = np.round(median_price * np.where(repeat_good, 1.0, 1.4) * scale, 1) + 0.09
    cost_share = np.clip(1 - margin + 0.05 * rng.standard_normal(n), 0.40, 0.85)
    popularity = _zipf(rng)
    complement, complement_probability = _draw_complements(repeat_good, popularity, rng)
    bound = complement.max(axis=1) >= 0
    bound[complement[complement >= 0]] = True
    first_day, last_day = _draw_sale_days(~bound, plan.days, rng)
    stock = np.ceil(popularity * rng.lognormal(5.5, 0.6, n)).astype(np.int64)
    gone = last_day < plan.days
    stock[gone] = 0
    stock[rng.choice(np.flatnonzero(~gone), N_OUT_OF_STOCK, replace=False)] = 0
    promoted_category, promotion_rate = _draw_promotions(plan.days, rng)
    return Catalogue(
        names=names,
        category=category,
        repeat_good=repeat_good,
        popularity=popularity,
        list_price=list_price,
        unit_cost=np.round(list_price * cost_share, 2),
        stock=stock,
        first_day=first_day,
        last_day=last_day,
        complement=complement,
        complement_probability=complement_probability,
        all_goods=build_assortment(popularity, category, first_day, last_day, plan.days),
        repeat_goods=build_assortment(
            np.where(repeat_good, popularity, 0.0), category, first_day, last_day, plan.days
        ),
        promoted_category=promoted_category,
        promotion_rate=promotion_rate,
    )


def price_on(catalogue: Catalogue, plan: ShopPlan, product: Integers, day: Integers) -> Floats:
    """Return the list price of each product on a day: today's minus the quarterly rises since."""
    quarters_ago = (plan.days - 1 - day) // 91
    price = catalogue.list_price[product] * (1 - PRICE_RISE_PER_YEAR / 4) ** quarters_ago
    return np.asarray(np.round(price, 2), dtype=np.float64)


def products_frame(catalogue: Catalogue, plan: ShopPlan) -> pd.DataFrame:
    """Return the vocabulary's ``products`` table."""
    retired = np.where(catalogue.last_day < plan.days, catalogue.last_day, NEVER)
    return vocabulary_frame(
        "products",
        {
            C.PRODUCT_ID: product_ids(np.arange(len(catalogue.names))),
            C.PRODUCT_NAME: list(catalogue.names),
            C.CATEGORY: labels([kind.name for kind in CATEGORIES], catalogue.category),
            C.LIST_PRICE: catalogue.list_price,
            C.UNIT_COST: catalogue.unit_cost,
            C.STOCK: catalogue.stock,
            C.LAUNCHED_AT: timestamps(plan, midnight(catalogue.first_day)),
            C.RETIRED_AT: timestamps(plan, midnight(retired)),
        },
    )


def complements_frame(catalogue: Catalogue) -> pd.DataFrame:
    """Return P(an order of ``product_id`` is extended by ``complement_id``), for all pairs."""
    anchor, place = np.nonzero(catalogue.complement >= 0)
    return frame(
        {
            C.PRODUCT_ID: ("string", product_ids(anchor)),
            "complement_id": ("string", product_ids(catalogue.complement[anchor, place])),
            "probability": ("float64", catalogue.complement_probability[anchor, place]),
        }
    )


def product_truth_frame(catalogue: Catalogue) -> pd.DataFrame:
    """Return what no products table holds: popularity, and whether a good is bought repeatedly."""
    return frame(
        {
            C.PRODUCT_ID: ("string", product_ids(np.arange(len(catalogue.names)))),
            "popularity": ("float64", catalogue.popularity),
            "repeat_good": ("boolean", catalogue.repeat_good),
        }
    )


def _name_products(rng: np.random.Generator) -> tuple[tuple[str, ...], Booleans]:
    names: list[str] = []
    repeat_good: list[bool] = []
    for kind in CATEGORIES:
        n_one_off = round(PRODUCTS_PER_CATEGORY * kind.one_off_share)
        n_repeat = PRODUCTS_PER_CATEGORY - n_one_off
        chosen = _combine(REPEAT_ADJECTIVES, kind.repeat_nouns, n_repeat, rng)
        chosen += _combine(ONE_OFF_ADJECTIVES, kind.one_off_nouns, n_one_off, rng)
        order = rng.permutation(PRODUCTS_PER_CATEGORY)
        names += [chosen[place] for place in order]
        repeat_good += [bool(place < n_repeat) for place in order]
    return tuple(names), np.array(repeat_good)


def _combine(
    adjectives: tuple[str, ...], nouns: tuple[str, ...], n: int, rng: np.random.Generator
) -> list[str]:
    pairs = [f"{adjective} {noun}" for noun in nouns for adjective in adjectives]
    return [pairs[place] for place in rng.permutation(len(pairs))[:n]]


def _zipf(rng: np.random.Generator) -> Floats:
    ranks = [rng.permutation(PRODUCTS_PER_CATEGORY) + 1 for _ in CATEGORIES]
    return np.concatenate(ranks).astype(np.float64) ** -_ZIPF_EXPONENT


def _draw_complements(
    repeat_good: Booleans, popularity: Floats, rng: np.random.Generator
) -> tuple[Integers, Floats]:
    """Give each anchor one or two complements.

    Complements are repeat goods and never anchors themselves, so that only the stated probability
    decides whether one is added.
    """
    n = repeat_good.size
    anchors = rng.choice(n, N_ANCHORS, replace=False, p=popularity / popularity.sum())
    free = np.setdiff1d(np.flatnonzero(repeat_good), anchors)
    complement = np.full((n, 2), -1)
    complement[anchors] = [rng.choice(free, 2, replace=False) for _ in anchors]
    complement[anchors[rng.random(N_ANCHORS) < 0.5], 1] = -1
    probability = np.where(complement >= 0, np.round(rng.uniform(0.2, 0.5, (n, 2)), 3), 0.0)
    return complement, probability


def _draw_sale_days(
    may_change: Booleans, days: int, rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """Launch some products and retire others within the history; the rest are always on sale."""
    n = may_change.size
    first_day = -rng.integers(30, 1_500, n)
    last_day = np.full(n, _FOREVER_DAY)
    changing = rng.choice(np.flatnonzero(may_change), N_LAUNCHED + N_RETIRED, replace=False)
    launched, retired = changing[:N_LAUNCHED], changing[N_LAUNCHED:]
    first_day[launched] = rng.integers(days // 10, days - 20, N_LAUNCHED)
    last_day[retired] = rng.integers(days // 5, days - 20, N_RETIRED)
    return first_day, last_day


def _draw_promotions(days: int, rng: np.random.Generator) -> tuple[Integers, Floats]:
    """Put one category a week on promotion."""
    weeks = -(-days // 7)
    promoted = np.repeat(rng.integers(0, len(CATEGORIES), weeks), 7)[:days]
    rate = np.repeat(rng.choice([0.05, 0.10, 0.15], weeks), 7)[:days]
    return promoted, rate
