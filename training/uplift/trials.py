"""Campaigns with a held-out group as trials: who was contacted, who was held out, who churned."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from features.engine import Engine
from features.families.recency_frequency_monetary import FAMILY
from features.labels import offer_responses
from features.prepare import Prepared
from features.rollup import DAY
from features.vectors import build_vectors
from features.vocabulary import Columns as C
from training.uplift.campaigns import ORDERED

# Known before a contact: in a randomised campaign the two arms have the same distribution of them.
KNOWN_BEFORE = ("recency_days", "orders_lifetime", "revenue_365d")
TRIAL_COLUMNS = (C.CUSTOMER_ID, C.CAMPAIGN_ID, C.TREATED, "churned", *KNOWN_BEFORE)


def campaign_trials(
    engine: Engine, prepared: Prepared, horizon_days: int, lookback_days: int, as_of: date
) -> pd.DataFrame:
    """Return the customers of every campaign that held some out, and whether they churned.

    Only customers who could churn: with an order in the look-back before the contact. A customer
    who was in a campaign several times counts once, by the first contact. Contacts whose horizon
    is not over by ``as_of`` do not count.

    Returns
    -------
    ``TRIAL_COLUMNS``, one row per customer and campaign, sorted by campaign and customer;
    ``churned`` is 1.0 without a net-positive order in ``horizon_days`` from the contact on.
    Empty if the shop has no contacts, or held nobody out.
    """
    if "campaign_contacts" not in prepared.rollups:
        return pd.DataFrame(columns=list(TRIAL_COLUMNS))
    contacts = offer_responses(
        engine,
        prepared.rollups,
        [prepared.first_day],
        (as_of - prepared.first_day).days,
        response_days=horizon_days,
    )
    keys = [C.CAMPAIGN_ID, C.CUSTOMER_ID]
    judged = contacts.dropna(subset=[ORDERED]).sort_values([*keys, DAY, C.CONTACT_ID])
    first = judged.drop_duplicates(keys)
    both_arms = first.groupby(C.CAMPAIGN_ID)[C.TREATED].transform("nunique") == 2
    first = first[both_arms]
    if first.empty:
        return pd.DataFrame(columns=list(TRIAL_COLUMNS))
    days = sorted(set(first[DAY]))
    before = build_vectors(engine, prepared.rollups, [FAMILY], days).frame
    known = before[[C.CUSTOMER_ID, C.AS_OF, *KNOWN_BEFORE]].rename(columns={C.AS_OF: DAY})
    trials = first.drop(columns=C.AS_OF).merge(known, on=[C.CUSTOMER_ID, DAY])
    trials = trials[trials["recency_days"] <= lookback_days]
    trials = trials.assign(churned=np.where(trials[ORDERED] == 1, 0.0, 1.0))
    return trials[list(TRIAL_COLUMNS)].sort_values(keys, ignore_index=True)
