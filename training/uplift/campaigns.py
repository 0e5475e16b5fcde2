"""Campaigns to learn from: whom they contacted and held out, and how those were beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.errors import TrainingError
from features.family import Column, discover_families
from features.labels import offer_responses
from features.rollup import DAY
from features.vectors import build_vectors
from features.vocabulary import Columns as C
from models.uplift.trial import Floats
from training.task import TrainingTask

ORDERED = "ordered"
"""The outcome: a net-positive order within the response days, whether or not contacted."""

_JUDGED_SHARE = 0.25
# Effects are small, and every contact counts: two years of monthly campaigns whatever their size,
# and of weekly ones as many as cost no more than those of a middling shop.
_FEWEST_DAYS, _MOST_DAYS = 24, 104
_MOST_CONTACTS = 300_000
_KEYS = [C.CUSTOMER_ID, C.AS_OF]


@dataclass(frozen=True, eq=False)
class Campaigns:
    """Contacts made and held out, each with the customer's vector as of its day.

    Attributes
    ----------
    rows
        Vectors with ``treated``, ``ordered`` and ``campaign_id``; one row per customer and day,
        sorted by ``as_of``.
    """

    rows: pd.DataFrame
    columns: tuple[Column, ...]
    vector_fingerprint: str
    response_days: int

    @property
    def treated(self) -> Floats:
        """1 where contacted, 0 where held out; shape (n,)."""
        return self.rows[C.TREATED].to_numpy(dtype=np.float64)

    @property
    def ordered(self) -> Floats:
        """1 where an order followed; shape (n,)."""
        return self.rows[ORDERED].to_numpy(dtype=np.float64)

    @property
    def designed_propensity(self) -> Floats:
        """P(contacted) if drawn at random: the share of the campaign day; shape (n,)."""
        shares = self.rows.groupby(C.AS_OF)[C.TREATED].transform("mean")
        return shares.to_numpy(dtype=np.float64)

    def between(self, first: date, last: date) -> Campaigns:
        """Return the contacts from one day to another, both included, without copying them."""
        days = self.rows[C.AS_OF]
        start, end = days.searchsorted(first), days.searchsorted(last, side="right")
        chosen = self.rows.iloc[start:end].reset_index(drop=True)
        return Campaigns(chosen, self.columns, self.vector_fingerprint, self.response_days)


def load_campaigns(task: TrainingTask) -> Campaigns:
    """Return the latest campaigns that both contacted and held out, and are over by ``as_of``.

    A customer drawn twice on a day counts once, as treated if either was.

    Raises
    ------
    TrainingError
        The shop has no contacts, or nobody was held out.
    """
    engine, prepared, as_of = task.engine, task.prepared, task.as_of
    tick = task.progress("Campaigns and their vectors", 2)
    contacts = offer_responses(
        engine,
        prepared.rollups,
        [prepared.first_day],
        (as_of - prepared.first_day).days,
        response_days=task.response_days,
    )
    tick()
    over = contacts.dropna(subset=[ORDERED])
    once = over.groupby([C.CUSTOMER_ID, DAY], as_index=False).agg(
        {C.TREATED: "max", ORDERED: "max", C.CAMPAIGN_ID: "first"}
    )
    once = with_both_arms(once, DAY)
    days = latest_days(Counter(once[DAY]))
    if not days:
        raise TrainingError(
            f"no campaign over by {as_of} held customers out: what it changed is unknown",
            "hold out customers of the next campaign, drawn at random, and record them in contacts "
            "with treated = false",
        )
    vectors = build_vectors(engine, prepared.rollups, discover_families(), days)
    tick()
    # Who has no history yet has no vector: without them, a day may have lost one of its arms.
    keys = once.rename(columns={DAY: C.AS_OF}).merge(vectors.frame[_KEYS], on=_KEYS)
    compared = with_both_arms(keys, C.AS_OF).sort_values([C.AS_OF, C.CUSTOMER_ID])
    # Joined last, and once: the vectors are nearly all of the job's memory.
    rows = compared.merge(vectors.frame, on=_KEYS, validate="one_to_one", suffixes=("", "_known"))
    return Campaigns(rows, vectors.columns, vectors.fingerprint, task.response_days)


def with_both_arms(contacts: pd.DataFrame, day: str) -> pd.DataFrame:
    """Return the contacts of days, by that column, on which some were treated and some held out."""
    return contacts[contacts.groupby(day)[C.TREATED].transform("nunique") == 2]


def latest_days(contacts: Mapping[date, int]) -> list[date]:
    """Return the latest campaign days to learn from, in order.

    As many as there are contacts to afford, but two years of monthly campaigns at least and of
    weekly ones at most.

    Parameters
    ----------
    contacts
        Customers contacted or held out on each campaign day.
    """
    latest_first = sorted(contacts, reverse=True)[:_MOST_DAYS]
    so_far = np.cumsum([contacts[day] for day in latest_first])
    affordable = int(np.searchsorted(so_far, _MOST_CONTACTS, side="right"))
    return sorted(latest_first[: max(affordable, _FEWEST_DAYS)])


def split_by_time(campaigns: Campaigns) -> tuple[Campaigns, Campaigns]:
    """Return past and latest campaigns; the past ones were over when the latest began.

    Raises
    ------
    TrainingError
        There are too few campaigns for both.
    """
    days = sorted(set(campaigns.rows[C.AS_OF]))
    latest = days[-max(1, round(_JUDGED_SHARE * len(days))) :]
    response = timedelta(days=campaigns.response_days)
    past = [day for day in days if day + response <= latest[0]]
    if not past:
        raise TrainingError(
            f"{len(days)} campaign days with a held-out group are too few: none was over, "
            f"{campaigns.response_days} days on, when the latest began",
            "run another campaign with a held-out group, or shorten the response days",
        )
    return campaigns.between(past[0], past[-1]), campaigns.between(latest[0], latest[-1])
