"""The retention list: whom to contact with what, for the best use of contacts and money.

A customer is worth contacting when

    p1 (v - incentive) - contact cost > p0 v

where ``p0`` and ``p1`` are the chances of an order without and with a contact, ``v`` is the margin
of the order, and the incentive is what the offer gives away with each order, also with those that
would have come anyway. The difference is the expected gain, which the list maximises.

Where nobody was ever held out, ``p1`` cannot be told from ``p0``: the list then ranks by the value
at risk, says so, and has no gains.

Customers are judged by the bundle's scores: see :mod:`serving.decisions.bulk`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.progress import Progress
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from models.recommend.wording import percent
from serving.decisions.bulk.batch import BLOCK_CUSTOMERS, Positions, price_blocks
from serving.decisions.bulk.budget import NOTHING, Allocation, Limits, allocate
from serving.decisions.gates.contact_policy import ContactHistories
from serving.decisions.gates.gate import gate
from serving.decisions.gates.moment import Context
from serving.decisions.gates.stops import Stop
from serving.decisions.inputs import DecisionInputs, customers_at
from serving.decisions.offers import Offer
from serving.decisions.pricing.arbitration import Floats
from serving.lookups.columns import floats
from serving.products.shoppers import Shoppers

PLAIN_CONTACT: Final = Offer("contact", "a contact without an offer", channels=("email",))
"""The action where there is no outbound offer: the treatment whose effect was measured."""

_REASONS: Final = 2
_SCORES: Final = (B.CHURN_PROBABILITY, B.VALUE_AT_RISK, B.TIER, B.STAGE)


@dataclass(frozen=True, eq=False)
class ActionValues:
    """The value of every action for every customer, money, shape (customers, actions).

    Attributes
    ----------
    worth
        What the list maximises: the expected gain, or with ``risk_only`` evidence the value at
        risk less the action's cost; -inf where the action may not be taken.
    cost
        Expected cost of contact and incentives.
    gain_lower, gain_upper
        By the uplift's 95 % interval; NaN with ``risk_only`` evidence.
    channel
        Index in ``channels``; -1 where no channel may be used.
    stop
        Value of :class:`Stop`: where the offer stopped on the first of its channels, if it did on
        all of them.
    """

    worth: Floats
    cost: Floats
    gain_lower: Floats
    gain_upper: Floats
    channel: NDArray[np.int8]
    stop: NDArray[np.int8]
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RetentionList:
    """One row per customer to contact, best first, and how it was chosen.

    Attributes
    ----------
    stopped
        How many contacts, one for each customer and offer, stopped where; ``PASSED``: they are
        allowed, whatever they are worth.
    """

    rows: pd.DataFrame
    allocation: Allocation
    considered: int
    stopped: Mapping[Stop, int]


def retention_list(
    inputs: DecisionInputs,
    customers: Positions,
    limits: Limits,
    now: datetime,
    shoppers: Shoppers,
    history: ContactHistories,
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
        When the contacts would be made, with its time zone.
    history
        Recent contacts by customer.
    """
    inputs = _outgoing(inputs)
    values = value_actions(inputs, customers, now, shoppers, history, progress)
    budgets = [np.inf if o.budget is None else o.budget for o in inputs.book.offers]
    tick = progress("Best use of contacts and money", 1)
    chosen = allocate(values.worth, values.cost, replace(limits, action_money=np.array(budgets)))
    tick()
    rows = _rows(inputs, customers, values, chosen)
    return RetentionList(rows, chosen, len(customers), _stopped(values))


def value_actions(
    inputs: DecisionInputs,
    customers: Positions,
    now: datetime,
    shoppers: Shoppers,
    history: ContactHistories,
    progress: Progress,
) -> ActionValues:
    """Value every offer for every customer; those that a gate stops may not be taken."""
    book, plan = inputs.book, inputs.plan
    channels = tuple(
        name
        for name, declared in book.channels.items()
        if declared.outbound and any(name in offer.channels for offer in book.offers)
    )
    shape = (len(customers), len(book))
    values = ActionValues(
        worth=np.full(shape, -np.inf),
        cost=np.zeros(shape),
        gain_lower=np.full(shape, np.nan),
        gain_upper=np.full(shape, np.nan),
        channel=np.full(shape, -1, dtype=np.int8),
        stop=np.full(shape, Stop.OTHER_CHANNEL, dtype=np.int8),
        channels=channels,
    )
    at_risk = floats(inputs.catalogue.bundle.customers.column(B.VALUE_AT_RISK))
    tick = progress("Customers and offers weighed", -(-len(customers) // BLOCK_CUSTOMERS))
    start = 0
    for block in price_blocks(inputs.catalogue, plan, customers, shoppers, is_contact=True):
        rows = slice(start, start + len(block.customers))
        start = rows.stop
        columns = customers_at(inputs.columns, block.customers)
        for place in reversed(range(len(channels))):
            context = Context(channel=channels[place])
            gated = gate(book, columns, context, now, shoppers, history)
            values.channel[rows][gated.passed] = place
            np.copyto(values.stop[rows], gated.stops, where=gated.stops != Stop.OTHER_CHANNEL)
        p_order = plan.p_orders[block.customers][:, None]
        incentive, value = block.priced.incentive, block.stakes.remaining_value
        uplift = block.stakes.uplift
        if uplift is None or plan.evidence == "risk_only":
            values.cost[rows] = block.stakes.p_buys * incentive + plan.contact_cost
            values.worth[rows] = at_risk[block.customers][:, None] - values.cost[rows]
        else:
            gains = (
                more * value - (p_order + more) * incentive - plan.contact_cost
                for more in (uplift.value, uplift.lower, uplift.upper)
            )
            values.worth[rows], values.gain_lower[rows], values.gain_upper[rows] = gains
            values.cost[rows] = (p_order + uplift.value) * incentive + plan.contact_cost
        tick()
    may = (values.channel >= 0) & ~np.isnan(values.worth)
    np.copyto(values.worth, -np.inf, where=~may)
    np.copyto(values.cost, 0.0, where=~may)
    return values


def _stopped(values: ActionValues) -> dict[Stop, int]:
    stop = np.where(values.channel >= 0, Stop.PASSED, values.stop)
    places, counts = np.unique(stop, return_counts=True)
    return {Stop(place): int(count) for place, count in zip(places, counts, strict=True)}


def _outgoing(inputs: DecisionInputs) -> DecisionInputs:
    """Keep the offers on outbound channels, or the plain contact where there are none."""
    book = inputs.book
    outgoing = tuple(
        offer
        for offer in book.offers
        if any(book.channels[name].outbound for name in offer.channels)
    )
    if not outgoing:
        cost = inputs.catalogue.manifest.contact_cost or 0.0
        outgoing = (replace(PLAIN_CONTACT, contact_cost=cost),)
    return inputs.with_book(replace(book, offers=outgoing))


def _rows(
    inputs: DecisionInputs, customers: Positions, values: ActionValues, chosen: Allocation
) -> pd.DataFrame:
    row = np.flatnonzero(chosen.action != NOTHING)
    action = chosen.action[row]
    order = np.argsort(-values.worth[row, action], kind="stable")
    row, action = row[order], action[order]
    manifest, plan = inputs.catalogue.manifest, inputs.plan
    position = customers[row]
    scores = inputs.catalogue.bundle.customers.select([C.CUSTOMER_ID, *_SCORES, B.DRIVERS])
    known = scores.take(position).to_pandas()
    offers = [inputs.book.offers[place] for place in action]
    is_gain = plan.evidence != "risk_only"
    gain = values.worth[row, action] if is_gain else np.full(len(row), np.nan)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(row) + 1),
            C.CUSTOMER_ID: known[C.CUSTOMER_ID],
            "action": [offer.name for offer in offers],
            C.OFFER_ID: [offer.offer_id for offer in offers],
            C.CHANNEL: [values.channels[place] for place in values.channel[row, action]],
            "expected_gain": gain,
            "expected_gain_lower": values.gain_lower[row, action],
            "expected_gain_upper": values.gain_upper[row, action],
            "expected_cost": values.cost[row, action],
            "evidence": plan.evidence,
            "reasons": _reasons(inputs, known, plan.uplift[position], plan.p_orders[position]),
            "uplift": plan.uplift[position],
            **{name: known[name] for name in _SCORES},
            "currency": manifest.currency,
            C.AS_OF: manifest.as_of,
            "model_version": manifest.version,
        }
    )


def _reasons(
    inputs: DecisionInputs, known: pd.DataFrame, uplift: Floats, p_orders: Floats
) -> list[str]:
    days = inputs.catalogue.manifest.response_days
    texts = []
    for drivers, effect, chance in zip(known[B.DRIVERS], uplift, p_orders, strict=True):
        words = _leaving(drivers)
        if np.isnan(effect):
            words.append("no effect of a contact was learned: nothing is known of what it changes")
        else:
            moved = f"{percent(chance)} to {percent(chance + effect)}"
            words.append(f"a contact moves the chance of an order in {days} days from {moved}")
        texts.append("; ".join(words))
    return texts


def _leaving(drivers: Any) -> list[str]:
    """Return the strongest drivers towards leaving, in words."""
    explained = json.loads(drivers) if isinstance(drivers, str) else []
    return [each["text"] for each in explained if each.get("direction") == "raises"][:_REASONS]
