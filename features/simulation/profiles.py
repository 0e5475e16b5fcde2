"""The simulated customers table: what a shop records of its customers, and what some declare.

Declared attributes depend on the customers' taste and price sensitivity, so they are informative;
they say nothing about who is still a customer.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from pandas.arrays import IntegerArray

from features.simulation.customers import ACQUISITIONS, GENDERS, REGIONS, Customers, sign_up_seconds
from features.simulation.frames import customer_ids, labels, timestamps, vocabulary_frame
from features.simulation.plan import Floats, Integers, ShopPlan, random_stream
from features.simulation.words import CATEGORIES
from features.vocabulary import Columns as C

LARGEST_HOUSEHOLD: Final = 6
# Each goes with a taste for its categories; thrifty goes with price sensitivity.
LIFESTYLES: Final = {
    "family": ("Baby", "Toys"),
    "gourmet": ("Pantry", "Coffee & Tea", "Kitchen"),
    "homemaker": ("Cleaning", "Bed & Bath", "Garden"),
    "wellness": ("Beauty", "Health"),
    "thrifty": (),
}

_HOUSEHOLD_DECLARED_SHARE = 0.60
_INCOME_DECLARED_SHARE = 0.35
_LIFESTYLE_DECLARED_SHARE = 0.45
_MEDIAN_INCOME = 34_000.0
_SWISS_INCOME_FACTOR = 1.6
_MEAN_PRICE_SENSITIVITY = 0.4
_LIFESTYLE_PULL = 0.7


def customers_frame(plan: ShopPlan, customers: Customers, block: int) -> pd.DataFrame:
    """Return the vocabulary's ``customers`` table of one block."""
    rng = random_stream(plan, "profiles", block)
    n = customers.size
    household = _household_sizes(customers, rng)
    silent_on_household = rng.random(n) >= _HOUSEHOLD_DECLARED_SHARE
    income = _incomes(customers, rng)
    silent_on_income = rng.random(n) >= _INCOME_DECLARED_SHARE
    lifestyle = _lifestyles(customers, rng)
    silent_on_lifestyle = rng.random(n) >= _LIFESTYLE_DECLARED_SHARE
    channels = [way.name for way in ACQUISITIONS]
    return vocabulary_frame(
        "customers",
        {
            C.CUSTOMER_ID: customer_ids(customers.number),
            C.SIGNED_UP_AT: timestamps(plan, sign_up_seconds(customers)),
            C.BIRTH_YEAR: customers.birth_year,
            C.GENDER: labels(GENDERS, customers.gender),
            C.COUNTRY: labels([place.country for place in REGIONS], customers.region),
            C.REGION: labels([place.name for place in REGIONS], customers.region),
            C.ACQUISITION_CHANNEL: labels(channels, customers.acquisition),
            C.ACQUISITION_COST: np.array([way.cost for way in ACQUISITIONS])[customers.acquisition],
            C.EMAIL_CONSENT: customers.email_consent,
            C.HOUSEHOLD_SIZE: IntegerArray(household, silent_on_household),
            C.INCOME: np.where(silent_on_income, np.nan, income),
            C.LIFESTYLE: labels(tuple(LIFESTYLES), np.where(silent_on_lifestyle, -1, lifestyle)),
        },
    )


def _household_sizes(customers: Customers, rng: np.random.Generator) -> Integers:
    """Draw household sizes, larger for customers who buy for children and fill larger baskets."""
    leaning = np.clip(_leaning(customers.taste, LIFESTYLES["family"]), -1.0, 3.0)
    others = 0.9 * np.exp(0.25 * leaning + 0.25 * (customers.basket_size - 0.9))
    return np.minimum(1 + rng.poisson(others), LARGEST_HOUSEHOLD)


def _incomes(customers: Customers, rng: np.random.Generator) -> Floats:
    """Draw yearly incomes, rounded to thousands: log-normal, lower for the price-sensitive."""
    swiss = np.array([place.country == "Switzerland" for place in REGIONS])[customers.region]
    thrift = customers.price_sensitivity - _MEAN_PRICE_SENSITIVITY
    spread = 0.35 * rng.standard_normal(customers.size) - 0.9 * thrift
    income = _MEDIAN_INCOME * np.where(swiss, _SWISS_INCOME_FACTOR, 1.0) * np.exp(spread)
    return np.asarray(np.round(income, -3), dtype=np.float64)


def _lifestyles(customers: Customers, rng: np.random.Generator) -> Integers:
    """Draw one lifestyle for each customer: a multinomial logit on taste and thrift."""
    thrift = (customers.price_sensitivity - _MEAN_PRICE_SENSITIVITY) / 0.2
    pull = np.stack(
        [
            _leaning(customers.taste, categories) if categories else thrift
            for categories in LIFESTYLES.values()
        ],
        axis=1,
    )
    chosen: Integers = (_LIFESTYLE_PULL * pull + rng.gumbel(size=pull.shape)).argmax(axis=1)
    return chosen


def _leaning(taste: Floats, categories: tuple[str, ...]) -> Floats:
    """Return by what share each taste for some categories exceeds the average taste."""
    chosen = np.array([kind.name in categories for kind in CATEGORIES])
    demand = np.array([kind.demand for kind in CATEGORIES])
    leaning: Floats = taste[:, chosen].sum(axis=1) / demand[chosen].sum() - 1
    return leaning
