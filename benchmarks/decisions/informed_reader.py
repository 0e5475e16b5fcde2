"""The most that can be learned from a shop's records of what an e-mail changes.

The reader knows how the simulated customers were made - how purchase, dropout and visit rates,
tastes and the effects of e-mails are spread, what each channel and region does to them, the
season - and what the shop recorded of each customer, but neither anybody's own rates nor who is
still there. It weighs draws of all that is hidden by Bayes' rule: the Pareto/NBD posterior
(Schmittlein, Morrison & Colombo 1987) with visits as a second sign of life, and orders counted
apart where an e-mail was at work, and opened e-mails where they help. No list drawn from records
can be expected to gain more, but for two simplifications: the rates of a silence are taken as
even, and tastes read from half of the goods bought and viewed, since favourites come again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta, gamma, norm, qmc

from benchmarks.decisions.opens import Opens, read_opens
from features.simulate import ShopPlan
from features.simulation import customers as made
from features.simulation.contacts import open_attention, open_rates
from features.simulation.seasons import campaign_days, season
from features.simulation.words import CATEGORIES
from features.vocabulary import Columns as C

Floats = NDArray[np.float64]

_DRAWS: Final = 2**13
_SHORTEST_DROPOUT: Final = 1e-4
_VISIT_ENDS_IN_ORDER: Final = pd.Timedelta(hours=6)


@dataclass(frozen=True, eq=False)
class Read:
    """What is on record of n customers, shape (n,); ``*_mailed`` within an e-mail's window.

    ``exposure`` and ``silence`` are days weighed by the season, until the last sign of life and
    since. ``orders`` leave out the one that won the customer, ``visits`` those that ended in one.
    ``opens`` are None where they are not informative.
    """

    orders: Floats
    orders_mailed: Floats
    exposure: Floats
    exposure_mailed: Floats
    silence: Floats
    silence_mailed: Floats
    days_seen: Floats
    days_silent: Floats
    visits: Floats
    goods: Floats
    treats: Floats
    purchase_tilt: Floats
    dropout_tilt: Floats
    shift: Floats
    opens: Opens | None


def expected_effect(plan: ShopPlan, data: Path, customer_ids: list[str]) -> pd.Series[float]:
    """Return E[change of P(order within its window) by an e-mail at the end | the records]."""
    return pd.Series(_effect(plan, read(plan, data, customer_ids)), index=customer_ids)


def read(plan: ShopPlan, data: Path, customer_ids: list[str]) -> Read:
    """Count what a simulated shop's tables hold; the truth says who was there at the start."""
    tables = {name: pd.read_parquet(data / name) for name in ("orders", "events", "products")}
    who, start = pd.Index(customer_ids), pd.Timestamp(plan.start)
    bought = tables["orders"][tables["orders"][C.QUANTITY] > 0]
    placed = bought.groupby([C.CUSTOMER_ID, C.ORDER_ID])[C.TS].min().reset_index()
    born = pd.read_parquet(data / "truth" / "customers").set_index(C.CUSTOMER_ID)["born_day"]
    signs = pd.concat([placed, tables["events"]])
    last = (signs.groupby(C.CUSTOMER_ID)[C.TS].max().reindex(who) - start).dt.days.to_numpy()
    first = np.maximum(np.floor(born.reindex(who).to_numpy()), 0.0)
    seen_until = np.minimum(np.nan_to_num(last, nan=-1.0) + 1, plan.days)

    days, mailed = np.arange(plan.days), _mailed(plan, data, who)
    weight = season(plan, days)
    seen = (days >= first[:, None]) & (days < seen_until[:, None])
    silent = days >= np.maximum(seen_until, first)[:, None]

    winning = placed.sort_values(C.TS).groupby(C.CUSTOMER_ID).cumcount() == 0
    own = placed[~(winning & (placed[C.CUSTOMER_ID].map(born) >= 0))]
    place = who.get_indexer(pd.Index(own[C.CUSTOMER_ID]))
    day = (own[C.TS] - start).dt.days.to_numpy()[place >= 0]
    place = place[place >= 0]
    by_mail = mailed[place, day]
    goods, treats = _goods(tables, bought, who)
    tilts = _tilts(data, who, born.reindex(who).to_numpy() < 0)
    return Read(
        orders=np.bincount(place[~by_mail], minlength=len(who)).astype(np.float64),
        orders_mailed=np.bincount(place[by_mail], minlength=len(who)).astype(np.float64),
        exposure=(seen & ~mailed) @ weight,
        exposure_mailed=(seen & mailed) @ weight,
        silence=(silent & ~mailed) @ weight,
        silence_mailed=(silent & mailed) @ weight,
        days_seen=seen.sum(axis=1).astype(np.float64),
        days_silent=silent.sum(axis=1).astype(np.float64),
        visits=_visits(tables["events"], placed, who),
        goods=goods,
        treats=treats,
        purchase_tilt=tilts[0],
        dropout_tilt=tilts[1],
        shift=tilts[2],
        opens=_opens(plan, data, who, np.maximum(seen_until, first)),
    )


def _effect(plan: ShopPlan, seen: Read) -> Floats:
    window = plan.campaigns.window_days
    ahead = float(season(plan, plan.days + np.arange(window)).sum())
    silent_days = np.maximum(seen.days_silent, 1.0)
    highest = np.full(len(seen.orders), -np.inf)
    total, weighted = np.zeros_like(seen.orders), np.zeros_like(seen.orders)
    for bought, left, visit, treats, noise, own in _hidden(seen.opens is not None):
        tilted = bought * seen.purchase_tilt
        purchase = made.MEAN_PURCHASES_PER_DAY * tilted
        dropout = np.maximum(left * seen.dropout_tilt, _SHORTEST_DROPOUT)
        dropout = made.MEAN_DROPOUT_PER_DAY * dropout
        lift = 1 + made.campaign_effect(tilted, seen.shift, treats, noise)
        evidence = (seen.orders + seen.orders_mailed) * np.log(purchase)
        evidence += seen.orders_mailed * np.log(lift) + seen.visits * np.log(visit)
        evidence += seen.treats * np.log(treats) + (seen.goods - seen.treats) * np.log1p(-treats)
        evidence -= purchase * (seen.exposure + lift * seen.exposure_mailed)
        evidence -= (visit + dropout) * seen.days_seen
        acting = purchase * (seen.silence + lift * seen.silence_mailed) / silent_days + visit
        if seen.opens is None:
            there = np.exp(-(acting + dropout) * seen.days_silent)
            gone = dropout / (acting + dropout) * (1 - there)
        else:
            opening = float(open_rates(open_attention(noise, own)))
            evidence += seen.opens.evidence(opening)
            there, gone = seen.opens.silence(opening, acting, dropout, seen.days_silent)
        silent = there + gone
        evidence += np.log(silent)
        gain = _orders(purchase * lift * ahead, dropout * window)
        gain -= _orders(purchase * ahead, dropout * window)
        # Running sums relative to the likeliest so far: all draws need not be held at once.
        higher = np.maximum(highest, evidence)
        fade, weight = np.exp(highest - higher), np.exp(evidence - higher)
        weighted = weighted * fade + weight * there / silent * gain
        total, highest = total * fade + weight, higher
    return np.asarray(weighted / total, dtype=np.float64)


def _orders(expected: Floats, dropouts: Floats) -> Floats:
    """Return P(an order comes before the end of the window and before dropping out).

    Both arguments are what is expected over the window.
    """
    both = expected + dropouts
    return np.asarray(expected / both * -np.expm1(-both))


def _hidden(with_attention: bool) -> Floats:
    """Return even draws of rates over their means, visits a day, taste, noise and attention."""
    even = qmc.Sobol(6 if with_attention else 5, seed=0).random(_DRAWS)
    even = np.clip(even, 1e-6, 1 - 1e-6)
    demand = {kind.name: kind.demand for kind in CATEGORIES}
    treats = sum(demand[name] for name in made.TREATS)
    others = sum(demand.values()) - treats
    visit_mean = made.MEAN_SESSIONS_PER_DAY / made.SESSION_SHAPE
    return np.column_stack(
        [
            gamma.ppf(even[:, 0], made.PURCHASE_SHAPE, scale=1 / made.PURCHASE_SHAPE),
            gamma.ppf(even[:, 1], made.DROPOUT_SHAPE, scale=1 / made.DROPOUT_SHAPE),
            gamma.ppf(even[:, 2], made.SESSION_SHAPE, scale=visit_mean),
            np.clip(beta.ppf(even[:, 3], *(made.TASTE_CONCENTRATION * s for s in (treats, others))),
                    1e-6, 1 - 1e-6),
            norm.ppf(even[:, 4]),
            norm.ppf(even[:, 5]) if with_attention else np.zeros(_DRAWS),
        ]
    )  # fmt: skip


def _mailed(plan: ShopPlan, data: Path, who: pd.Index[str]) -> NDArray[np.bool_]:
    """Return whether an e-mail was at work on a customer on each day, (customers, days)."""
    contacts = pd.read_parquet(data / "contacts")
    sent = contacts[contacts[C.TREATED]]
    place = who.get_indexer(pd.Index(sent[C.CUSTOMER_ID]))
    campaign = np.searchsorted(
        campaign_days(plan), (sent[C.TS] - pd.Timestamp(plan.start)).dt.days, side="right"
    )
    mailed = np.zeros((len(who), plan.days), dtype=np.bool_)
    for number, day in enumerate(campaign_days(plan), start=1):
        reached = place[(campaign == number) & (place >= 0)]
        mailed[reached, day : day + plan.campaigns.window_days] = True
    return mailed


def _opens(plan: ShopPlan, data: Path, who: pd.Index[str], silent_from: Floats) -> Opens | None:
    return read_opens(plan, data, who, silent_from) if plan.campaigns.opens_tell else None


def _visits(events: pd.DataFrame, placed: pd.DataFrame, who: pd.Index[str]) -> Floats:
    visits = events.groupby([C.CUSTOMER_ID, C.SESSION_ID])[C.TS].max().reset_index()
    led = pd.merge_asof(
        visits.sort_values(C.TS), placed.sort_values(C.TS), on=C.TS, by=C.CUSTOMER_ID,
        direction="forward", tolerance=_VISIT_ENDS_IN_ORDER,
    )  # fmt: skip
    idle = led[led[C.ORDER_ID].isna()].groupby(C.CUSTOMER_ID).size()
    return np.asarray(idle.reindex(who).fillna(0), dtype=np.float64)


def _goods(
    tables: dict[str, pd.DataFrame], bought: pd.DataFrame, who: pd.Index[str]
) -> tuple[Floats, Floats]:
    """Return half the goods bought and viewed, and half the treats among them."""
    category = tables["products"].set_index(C.PRODUCT_ID)[C.CATEGORY]
    viewed = tables["events"].dropna(subset=C.PRODUCT_ID)
    met = pd.concat([bought, viewed])[[C.CUSTOMER_ID, C.PRODUCT_ID]]
    is_treat = met[C.PRODUCT_ID].map(category).isin(made.TREATS)
    counts = is_treat.groupby(met[C.CUSTOMER_ID]).agg(["size", "sum"]).reindex(who).fillna(0)
    goods, treats = (counts[name].to_numpy(dtype=np.float64) / 2 for name in ("size", "sum"))
    return goods, treats


def _tilts(
    data: Path, who: pd.Index[str], there_at_start: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    people = pd.read_parquet(data / "customers").set_index(C.CUSTOMER_ID).loc[who]
    ways = {way.name: way for way in made.ACQUISITIONS}
    places = {place.name: place for place in made.REGIONS}
    came = [ways[name] for name in people[C.ACQUISITION_CHANNEL]]
    lives = [places[name] for name in people[C.REGION]]
    both = list(zip(came, lives, strict=True))
    dropout = np.array([way.dropout_tilt * place.dropout_tilt for way, place in both])
    return (
        np.array([way.purchase_tilt * place.purchase_tilt for way, place in both]),
        dropout * np.where(there_at_start, made.SURVIVORS_DROPOUT, 1.0),
        np.array([way.effect_shift for way in came]),
    )
