"""The retention list: whom to contact with what, for the best use of contacts and money.

A customer is worth contacting when

    p1 (v - incentive) - contact cost > p0 v

with ``p0`` and ``p1`` the chances of an order left alone and contacted, ``v`` the margin that
comes with it and the incentive what the offer gives away with each order, those included that
would have come anyway. The difference is the expected gain, and the list makes the most of it.

Where nobody was ever held out, nothing tells ``p1`` from ``p0``: the list then ranks by what is
at risk, says so, and no column of it is a gain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.progress import Progress
from features.vocabulary import Columns as C
from models.bundle_schema import BundleColumns as B
from models.recommend.wording import percent
from serving.columns import floats
from serving.decisions.bulk.batch import BLOCK_CUSTOMERS, Positions, price_blocks
from serving.decisions.bulk.budget import NOTHING, Allocation, Limits, allocate
from serving.decisions.desk import Desk, customers_at
from serving.decisions.gates.contact_policy import History
from serving.decisions.gates.gate import gate
from serving.decisions.gates.moment import Context
from serving.decisions.offers import Offer
from serving.decisions.pricing.arbitration import Floats
from serving.products.shoppers import Shoppers

PLAIN_CONTACT: Final = Offer("contact", "a contact without an offer", channels=("email",))
"""What is done where no offer goes out: the treatment itself whose effect was measured."""

_REASONS: Final = 2
_SCORES: Final = (B.CHURN_PROBABILITY, B.VALUE_AT_RISK, B.TIER, B.STAGE)


@dataclass(frozen=True, eq=False)
class Stake:
    """What every action would bring for every customer, shape (customers, actions).

    Attributes
    ----------
    worth
        What is made the most of: the expected gain, or with ``risk_only`` evidence the value at
        risk less the action's cost. -inf where the action may not be taken.
    cost
        Expected, money: contact and incentives.
    gain_lower, gain_upper
        By the uplift's 95 % interval; NaN with ``risk_only`` evidence.
    channel
        Place in ``channels``, -1 where no channel may be used.
    """

    worth: Floats
    cost: Floats
    gain_lower: Floats
    gain_upper: Floats
    channel: NDArray[np.int8]
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RetentionList:
    """One row per customer to contact, best first, and how it was chosen."""

    rows: pd.DataFrame
    allocation: Allocation
    considered: int


def retention_list(
    desk: Desk,
    customers: Positions,
    limits: Limits,
    now: datetime,
    shoppers: Shoppers,
    history: History,
    progress: Progress,
) -> RetentionList:
    """Choose whom to contact, with what and how.

    Parameters
    ----------
    customers
        Positions in the bundle to choose among.
    limits
        Contacts and money in all; the budgets of offers are kept besides.
    now
        With its zone: what may be sent at this moment.
    history
        What customers were sent lately.
    """
    desk = _outgoing(desk)
    stake = weigh(desk, customers, now, shoppers, history, progress)
    budgets = [np.inf if o.budget is None else o.budget for o in desk.book.offers]
    tick = progress("Best use of contacts and money", 1)
    chosen = allocate(stake.worth, stake.cost, replace(limits, action_money=np.array(budgets)))
    tick()
    return RetentionList(_rows(desk, customers, stake, chosen), chosen, len(customers))


def weigh(
    desk: Desk,
    customers: Positions,
    now: datetime,
    shoppers: Shoppers,
    history: History,
    progress: Progress,
) -> Stake:
    """Return what every offer would bring for every customer, gates and contact policy kept."""
    book, plan = desk.book, desk.plan
    channels = tuple(
        name
        for name, way in book.channels.items()
        if way.outbound and any(name in offer.channels for offer in book.offers)
    )
    shape = (len(customers), len(book))
    stake = Stake(
        worth=np.full(shape, -np.inf),
        cost=np.zeros(shape),
        gain_lower=np.full(shape, np.nan),
        gain_upper=np.full(shape, np.nan),
        channel=np.full(shape, -1, dtype=np.int8),
        channels=channels,
    )
    at_risk = floats(desk.catalogue.bundle.customers.column(B.VALUE_AT_RISK))
    tick = progress("Customers and offers weighed", -(-len(customers) // BLOCK_CUSTOMERS))
    start = 0
    for block in price_blocks(desk.catalogue, plan, customers, shoppers, is_contact=True):
        rows = slice(start, start + len(block.customers))
        start = rows.stop
        columns = customers_at(desk.columns, block.customers)
        for place in reversed(range(len(channels))):
            context = Context(channel=channels[place])
            passed = gate(book, columns, context, now, shoppers, history).passed
            stake.channel[rows][passed] = place
        p_order = plan.p_orders[block.customers][:, None]
        incentive, value = block.priced.incentive, block.stakes.remaining_value
        uplift = block.stakes.uplift
        if uplift is None or plan.evidence == "risk_only":
            stake.cost[rows] = block.stakes.p_buys * incentive + plan.contact_cost
            stake.worth[rows] = at_risk[block.customers][:, None] - stake.cost[rows]
        else:
            gains = (
                more * value - (p_order + more) * incentive - plan.contact_cost
                for more in (uplift.value, uplift.lower, uplift.upper)
            )
            stake.worth[rows], stake.gain_lower[rows], stake.gain_upper[rows] = gains
            stake.cost[rows] = (p_order + uplift.value) * incentive + plan.contact_cost
        tick()
    may = (stake.channel >= 0) & ~np.isnan(stake.worth)
    np.copyto(stake.worth, -np.inf, where=~may)
    np.copyto(stake.cost, 0.0, where=~may)
    return stake


def _outgoing(desk: Desk) -> Desk:
    """Return the desk with the offers that go out to customers, or the plain contact."""
    book = desk.book
    outgoing = tuple(
        offer
        for offer in book.offers
        if any(book.channels[name].outbound for name in offer.channels)
    )
    if not outgoing:
        cost = desk.catalogue.manifest.contact_cost or 0.0
        outgoing = (replace(PLAIN_CONTACT, contact_cost=cost),)
    return desk.with_book(replace(book, offers=outgoing))


def _rows(desk: Desk, customers: Positions, stake: Stake, chosen: Allocation) -> pd.DataFrame:
    row = np.flatnonzero(chosen.action != NOTHING)
    action = chosen.action[row]
    order = np.argsort(-stake.worth[row, action], kind="stable")
    row, action = row[order], action[order]
    manifest, plan = desk.catalogue.manifest, desk.plan
    position = customers[row]
    scores = desk.catalogue.bundle.customers.select([C.CUSTOMER_ID, *_SCORES, B.DRIVERS])
    known = scores.take(position).to_pandas()
    offers = [desk.book.offers[place] for place in action]
    is_gain = plan.evidence != "risk_only"
    gain = stake.worth[row, action] if is_gain else np.full(len(row), np.nan)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(row) + 1),
            C.CUSTOMER_ID: known[C.CUSTOMER_ID],
            "action": [offer.name for offer in offers],
            C.OFFER_ID: [offer.offer_id for offer in offers],
            C.CHANNEL: [stake.channels[place] for place in stake.channel[row, action]],
            "expected_gain": gain,
            "expected_gain_lower": stake.gain_lower[row, action],
            "expected_gain_upper": stake.gain_upper[row, action],
            "expected_cost": stake.cost[row, action],
            "evidence": plan.evidence,
            "reasons": _reasons(desk, known, plan.uplift[position], plan.p_orders[position]),
            "uplift": plan.uplift[position],
            **{name: known[name] for name in _SCORES},
            "currency": manifest.currency,
            C.AS_OF: manifest.as_of,
            "model_version": manifest.version,
        }
    )


def _reasons(desk: Desk, known: pd.DataFrame, uplift: Floats, p_orders: Floats) -> list[str]:
    days = desk.catalogue.manifest.response_days
    texts = []
    for drivers, effect, chance in zip(known[B.DRIVERS], uplift, p_orders, strict=True):
        said = _leaving(drivers)
        if np.isnan(effect):
            said.append("no effect of a contact was learned: nothing is known of what it changes")
        else:
            moved = f"{percent(chance)} to {percent(chance + effect)}"
            said.append(f"a contact moves the chance of an order in {days} days from {moved}")
        texts.append("; ".join(said))
    return texts


def _leaving(drivers: Any) -> list[str]:
    """Return what speaks most for leaving, in words."""
    told = json.loads(drivers) if isinstance(drivers, str) else []
    return [each["text"] for each in told if each.get("direction") == "raises"][:_REASONS]
