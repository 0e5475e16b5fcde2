"""The uplift job: the effect of contacting customers, from campaigns with a held-out group.

The judged model is fitted on campaigns that were over when the latest ones began, and judged on
these; the served model is fitted on all campaigns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.engine import Engine
from features.errors import TrainingError
from features.family import Column, discover_families
from features.labels import offer_responses
from features.prepare import Prepared
from features.rollup import to_epoch_day
from features.vectors import build_vectors
from features.vocabulary import Columns as C
from models.tabular import Encoder
from models.uplift.evidence import Design
from models.uplift.learners import RESPONSE
from models.uplift.model import UpliftModel
from models.uplift.order_margin import OrderMargin
from models.uplift.overlap import bounded, check_overlap, estimate_propensity
from models.uplift.qini import qini_table
from models.uplift.response import ResponseModel
from models.uplift.traits import EffectColumns
from models.uplift.trial import Floats, Trial
from training.task import TrainingTask

ORDERED = "ordered"
"""The outcome: a net-positive order within the response days, whether or not contacted."""

ORDERS_AND_MARGIN = ("orders_lifetime", "margin_per_order")
"""The columns from which it is told what an order of a customer brings."""

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
        Vectors with ``treated``, ``ordered`` and ``campaign_id``; one row per customer and day.
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
    def lot(self) -> Floats:
        """Chance to be contacted, were it by lot: the share of the campaign day; shape (n,)."""
        shares = self.rows.groupby(C.AS_OF)[C.TREATED].transform("mean")
        return shares.to_numpy(dtype=np.float64)

    def on(self, days: set[date]) -> Campaigns:
        """Return the contacts of some days."""
        chosen = self.rows[self.rows[C.AS_OF].isin(days)].reset_index(drop=True)
        return Campaigns(chosen, self.columns, self.vector_fingerprint, self.response_days)


@dataclass(frozen=True, eq=False)
class UpliftReport:
    """What the job found.

    Attributes
    ----------
    scorecard
        Qini on the judged campaigns of ours (``uplift``), the response model and random, with
        95 % bootstrap bands; see :mod:`models.uplift.qini`.
    judged, model
        Fitted before the judged campaigns, and on everything.
    contact_cost
        What a contact made cost on average, money; None where no cost was recorded.
    order_margin
        What an order brings, as of the latest campaign.
    latest, trial, scores
        The judged campaigns, as what judges took them, and what each ranking said of them.
    """

    as_of: date
    judged_from: date
    definition: dict[str, str | int]
    scorecard: pd.DataFrame
    average_effect: float
    judged: UpliftModel
    model: UpliftModel
    vector_fingerprint: str
    contact_cost: float | None
    order_margin: OrderMargin
    latest: Campaigns
    trial: Trial
    scores: Mapping[str, Floats]


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
    once = over.groupby([C.CUSTOMER_ID, "day"], as_index=False).agg(
        {C.TREATED: "max", ORDERED: "max", C.CAMPAIGN_ID: "first"}
    )
    once = once[once.groupby("day")[C.TREATED].transform("nunique") == 2]
    days = latest_days(Counter(once["day"]))
    if not days:
        raise TrainingError(
            f"no campaign over by {as_of} held customers out: nothing tells what it changed",
            "hold out customers of the next campaign, drawn by lot, and record them in contacts "
            "with treated = false",
        )
    vectors = build_vectors(engine, prepared.rollups, discover_families(), days)
    tick()
    renamed = once.rename(columns={"day": C.AS_OF})
    joined = renamed.merge(vectors.frame, on=_KEYS, validate="one_to_one", suffixes=("", "_known"))
    joined = joined.sort_values([C.AS_OF, C.CUSTOMER_ID], ignore_index=True)
    return Campaigns(joined, vectors.columns, vectors.fingerprint, task.response_days)


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


def train_uplift(task: TrainingTask, design: Design = "randomised") -> UpliftReport:
    """Run the uplift job.

    Parameters
    ----------
    design
        How the held-out were chosen, as the shop declares it; the model looks for itself.

    Raises
    ------
    TrainingError
        No campaign held customers out, or too few of them to learn from and judge by.
    """
    seed = task.settings.seed
    campaigns = load_campaigns(task)
    past, latest = split_by_time(campaigns)
    trial = _as_trial(latest, design, seed)
    trial.require_enough()
    tick = task.progress("Uplift, judged and served", 2 * UpliftModel(design).folds)
    judged, model = (
        UpliftModel(design, seed=seed).fit(
            part.rows,
            part.treated,
            part.ordered,
            part.columns,
            propensity=part.lot,
            columns_of_effects=EffectColumns.of_shop,
            on_fold=tick,
        )
        for part in (past, campaigns)
    )
    contacted = past.treated == 1
    response = ResponseModel(seed=seed).fit(
        past.rows[contacted], past.ordered[contacted], past.columns
    )
    scores = {
        "uplift": judged.effect(latest.rows),
        RESPONSE: response.predict_proba(latest.rows)[:, 1],
        "random": np.zeros(len(latest.rows)),
    }
    return UpliftReport(
        as_of=task.as_of,
        judged_from=min(latest.rows[C.AS_OF]),
        definition={
            "treatment": "contacted in a campaign, against held out",
            "outcome": f"a net-positive order within {task.response_days} days of it",
            "response_days": task.response_days,
            "evidence": model.grade_.evidence,
            "because": model.grade_.because,
            "ranking": model.choice_.chosen,
        },
        scorecard=qini_table(scores, trial, RESPONSE, seed=seed),
        average_effect=trial.average_effect,
        judged=judged,
        model=model,
        vector_fingerprint=campaigns.vector_fingerprint,
        contact_cost=mean_contact_cost(task.engine, task.prepared, task.as_of),
        order_margin=_order_margin(latest),
        latest=latest,
        trial=trial,
        scores=scores,
    )


def mean_contact_cost(engine: Engine, prepared: Prepared, as_of: date) -> float | None:
    """Return what contacts made before a day cost on average, money; None where none says."""
    moves = prepared.rollups["contact_moves"]
    known = moves.filter(moves.sent_on < to_epoch_day(as_of))
    mean = engine.frame(known.aggregate(cost=known.cost.mean()))["cost"].iloc[0]
    return None if pd.isna(mean) else float(mean)


def _order_margin(latest: Campaigns) -> OrderMargin:
    """Learn what an order brings from the customers of the last campaign day."""
    rows = latest.rows[latest.rows[C.AS_OF] == max(latest.rows[C.AS_OF])]
    orders, own = (rows[name].to_numpy(dtype=np.float64) for name in ORDERS_AND_MARGIN)
    return OrderMargin.fit(orders, own)


def _as_trial(campaigns: Campaigns, design: Design, seed: int) -> Trial:
    """Return what judges: by the lot, or by estimated propensities where there was none."""
    encoder = Encoder.fit(campaigns.rows, campaigns.columns)
    X, categorical = encoder.transform(campaigns.rows), encoder.categorical_positions
    treated, lot = campaigns.treated, campaigns.lot
    estimated = estimate_propensity(X, treated, categorical, seed=seed)
    by_lot = design == "randomised" and check_overlap(treated, estimated, lot).looks_random
    propensity = lot if by_lot else bounded(estimated)
    return Trial(X, treated, campaigns.ordered, propensity, categorical)


def split_by_time(campaigns: Campaigns) -> tuple[Campaigns, Campaigns]:
    """Return past and latest campaigns; the past ones were over when the latest began.

    Raises
    ------
    TrainingError
        There are too few campaigns for both.
    """
    days = sorted(set(campaigns.rows[C.AS_OF]))
    latest = days[-max(1, round(_JUDGED_SHARE * len(days))) :]
    over_by = latest[0] - timedelta(days=campaigns.response_days)
    past = [day for day in days if day <= over_by] if latest else []
    if not past:
        raise TrainingError(
            f"{len(days)} campaign days with a held-out group are too few: none was over, "
            f"{campaigns.response_days} days on, when the latest began",
            "run another campaign with a held-out group, or shorten the response days",
        )
    return campaigns.on(set(past)), campaigns.on(set(latest))
