"""Simulated customers: who they are, and the rates by which they buy, browse and drop out.

The world is Pareto/NBD (Schmittlein, Morrison & Colombo 1987): exponential lifetimes and Poisson
purchases while alive, both rates Gamma over customers, tilted by what a profile shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from features.simulation.assortment import draw_products
from features.simulation.catalogue import Catalogue
from features.simulation.frames import customer_ids, frame
from features.simulation.plan import (
    BLOCK_CUSTOMERS,
    LONGEST_VISIT_SECONDS,
    Booleans,
    Floats,
    Integers,
    ShopPlan,
    random_stream,
)
from features.simulation.seasons import clock_seconds, season
from features.simulation.words import CATEGORIES
from features.vocabulary import Columns as C

MEAN_PURCHASES_PER_DAY = 0.014
MEAN_DROPOUT_PER_DAY = 1 / 380
MEAN_SESSIONS_PER_DAY = 0.013
PURCHASE_SHAPE = 1.5
DROPOUT_SHAPE = 1.4
SESSION_SHAPE = 1.5
SHARE_THERE_AT_START = 0.25
N_FAVOURITES = 6
SMALLEST_EFFECT, LARGEST_EFFECT = -0.6, 2.5

SURVIVORS_DROPOUT = 0.6  # customers who are still there at the start drop out more slowly
TASTE_CONCENTRATION = 4.0
TREATS = ("Beauty", "Bed & Bath", "Toys")


class Acquisition(NamedTuple):
    """One channel of acquisition, and how customers acquired by it differ."""

    name: str
    share: float
    cost: float
    purchase_tilt: float
    dropout_tilt: float
    effect_shift: float


class Region(NamedTuple):
    """One region, its share of the customers, and how they differ."""

    country: str
    name: str
    share: float
    purchase_tilt: float
    dropout_tilt: float


ACQUISITIONS = (
    Acquisition("search", 0.30, 14.0, 1.00, 1.00, 0.00),
    Acquisition("social", 0.22, 11.0, 0.80, 1.60, 0.45),
    Acquisition("referral", 0.13, 6.0, 1.25, 0.55, -0.15),
    Acquisition("affiliate", 0.15, 9.0, 0.80, 1.35, 0.20),
    Acquisition("direct", 0.20, 2.0, 1.25, 0.65, -0.20),
)
REGIONS = (
    Region("Germany", "North", 0.22, 1.00, 1.00),
    Region("Germany", "South", 0.28, 1.15, 0.80),
    Region("Germany", "East", 0.14, 0.90, 1.15),
    Region("Austria", "Vienna", 0.12, 1.10, 0.95),
    Region("Austria", "Alps", 0.08, 0.80, 0.85),
    Region("Switzerland", "Zurich", 0.10, 1.10, 1.25),
    Region("Switzerland", "Romandy", 0.06, 0.85, 1.30),
)
GENDERS = ("female", "male", "undisclosed")


@dataclass(frozen=True)
class Customers:
    """One block of customers, one entry each; times in days from the plan's start.

    ``taste`` is (customers, categories) and sums to 1; ``favourites`` (customers, favourites)
    numbers repeat goods. ``born`` is negative for those already there at the start, whose first
    order is older than the history. ``responsiveness`` is the part of the effect of e-mails that no
    profile or order tells, standard normal.
    """

    number: Integers
    born: Floats
    died: Floats
    purchase_rate: Floats
    dropout_rate: Floats
    session_rate: Floats
    campaign_effect: Floats
    responsiveness: Floats
    satisfaction: Floats
    price_sensitivity: Floats
    basket_size: Floats
    app_share: Floats
    taste: Floats
    favourites: Integers
    email_consent: Booleans
    acquisition: Integers
    region: Integers
    birth_year: Integers
    gender: Integers

    @property
    def size(self) -> int:
        """Number of customers in the block."""
        return self.number.size


def draw_customers(plan: ShopPlan, catalogue: Catalogue, block: int) -> Customers:
    """Draw one block of customers."""
    rng = random_stream(plan, "customers", block)
    first = block * BLOCK_CUSTOMERS
    number = np.arange(first, min(first + BLOCK_CUSTOMERS, plan.n_customers))
    n = number.size
    acquisition = rng.choice(len(ACQUISITIONS), n, p=[way.share for way in ACQUISITIONS])
    region = rng.choice(len(REGIONS), n, p=[place.share for place in REGIONS])
    born = _draw_births(plan, n, rng)

    purchase_tilt = np.array([way.purchase_tilt for way in ACQUISITIONS])[acquisition]
    purchase_tilt = purchase_tilt * np.array([place.purchase_tilt for place in REGIONS])[region]
    purchase = purchase_tilt * rng.gamma(PURCHASE_SHAPE, 1 / PURCHASE_SHAPE, n)
    dropout_tilt = np.array([way.dropout_tilt for way in ACQUISITIONS])[acquisition]
    dropout_tilt = dropout_tilt * np.array([place.dropout_tilt for place in REGIONS])[region]
    dropout_tilt = dropout_tilt * np.where(born < 0, SURVIVORS_DROPOUT, 1.0)
    # A floor keeps lifetimes finite: a Gamma of small shape can come out as zero.
    dropout = np.maximum(dropout_tilt * rng.gamma(DROPOUT_SHAPE, 1 / DROPOUT_SHAPE, n), 1e-4)
    lifetime = rng.standard_exponential(n) / (MEAN_DROPOUT_PER_DAY * dropout)

    taste = _draw_taste(n, rng)
    email_consent = rng.random(n) < 0.75
    names = [kind.name for kind in CATEGORIES]
    treats = taste[:, [names.index(name) for name in TREATS]].sum(axis=1)
    shift = np.array([way.effect_shift for way in ACQUISITIONS])[acquisition]
    responsiveness = rng.standard_normal(n)
    effect = campaign_effect(purchase, shift, treats, responsiveness)
    return Customers(
        number=number,
        born=born,
        died=np.maximum(born, 0.0) + lifetime,
        purchase_rate=MEAN_PURCHASES_PER_DAY * purchase,
        dropout_rate=MEAN_DROPOUT_PER_DAY * dropout,
        session_rate=MEAN_SESSIONS_PER_DAY * rng.gamma(SESSION_SHAPE, 1 / SESSION_SHAPE, n),
        campaign_effect=np.where(email_consent, effect, 0.0),
        responsiveness=responsiveness,
        satisfaction=0.8 * rng.standard_normal(n) - 0.5 * np.clip(np.log(dropout), -3.0, 2.0),
        price_sensitivity=rng.beta(2.0, 3.0, n),
        basket_size=rng.gamma(2.0, 0.45, n),
        app_share=rng.beta(0.6, 0.9, n),
        taste=taste,
        favourites=_draw_favourites(plan, catalogue, taste, born, rng),
        email_consent=email_consent,
        acquisition=acquisition,
        region=region,
        birth_year=np.clip(rng.normal(1984, 13, n), 1938, 2007).astype(np.int64),
        gender=rng.choice(len(GENDERS), n, p=[0.55, 0.38, 0.07]),
    )


def campaign_effect(purchase: Floats, shift: Floats, treats: Floats, noise: Floats) -> Floats:
    """Return the relative change of the purchase rate after an e-mail; all of shape (n,).

    It can be learned in part: infrequent buyers, customers acquired by social media and those
    with a taste for treats respond more; frequent ones buy anyway; some are put off.

    Parameters
    ----------
    purchase
        Purchase rate relative to the shop's mean.
    shift
        Effect of the acquisition channel.
    treats
        Share of the taste that goes to the categories ``TREATS``.
    noise
        Standard normal: what neither profile nor orders show.
    """
    rarity = -np.clip(np.log(purchase + 1e-9), -2.5, 1.5)
    effect = 0.05 + shift + 0.30 * rarity + 0.9 * treats + 0.30 * noise
    bounded: Floats = np.clip(effect, SMALLEST_EFFECT, LARGEST_EFFECT)
    return bounded


def pick_categories(taste: Floats, rng: np.random.Generator) -> Integers:
    """Draw one category for each row of taste."""
    reached = rng.random(len(taste))[:, None] >= np.cumsum(taste[:, :-1], axis=1)
    category: Integers = reached.sum(axis=1)
    return category


def sign_up_seconds(customers: Customers) -> Integers:
    """Return when the accounts were opened, hours before the first orders; seconds from start."""
    return clock_seconds(customers.born) - LONGEST_VISIT_SECONDS


def customer_truth_frame(plan: ShopPlan, customers: Customers) -> pd.DataFrame:
    """Return what no customers table holds: rates per day, the effect of e-mails, birth, death.

    ``born_day`` and ``died_day`` count from the plan's start; ``died_day`` is missing for those
    alive at the end.
    """
    died = np.where(customers.died < plan.days, customers.died, np.nan)
    numbers = {
        "purchase_rate": customers.purchase_rate,
        "dropout_rate": customers.dropout_rate,
        "session_rate": customers.session_rate,
        "campaign_effect": customers.campaign_effect,
        "satisfaction": customers.satisfaction,
        "price_sensitivity": customers.price_sensitivity,
        "born_day": customers.born,
        "died_day": died,
    }
    return frame(
        {C.CUSTOMER_ID: ("string", customer_ids(customers.number))}
        | {name: ("float64", values) for name, values in numbers.items()}
    )


def _draw_births(plan: ShopPlan, n: int, rng: np.random.Generator) -> Floats:
    """Draw arrivals in days: some before the start, the rest by growth and season."""
    days = np.arange(plan.days)
    arrivals = np.cumsum((1 + 0.5 * days / plan.days) * season(plan, days))
    day = np.searchsorted(arrivals, rng.random(n) * arrivals[-1], side="right")
    arrived = np.minimum(day, plan.days - 1) + rng.random(n)
    before = -rng.exponential(250.0, n)
    return np.where(rng.random(n) < SHARE_THERE_AT_START, before, arrived)


def _draw_taste(n: int, rng: np.random.Generator) -> Floats:
    demand = np.array([kind.demand for kind in CATEGORIES])
    weight = rng.gamma(TASTE_CONCENTRATION * demand, 1.0, (n, demand.size)) + 1e-9
    taste: Floats = weight / weight.sum(axis=1, keepdims=True)
    return taste


def _draw_favourites(
    plan: ShopPlan, catalogue: Catalogue, taste: Floats, born: Floats, rng: np.random.Generator
) -> Integers:
    """Draw each customer's favourites among the repeat goods on sale when they arrive."""
    category = pick_categories(np.repeat(taste, N_FAVOURITES, axis=0), rng)
    day = np.repeat(np.clip(born, 0, plan.days - 1).astype(np.int64), N_FAVOURITES)
    return draw_products(catalogue.repeat_goods, category, day, rng).reshape(-1, N_FAVOURITES)
