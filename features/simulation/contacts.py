"""The simulated shop's contacts table: who got which e-mail, opened it and took up its offer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from features.simulation.baskets import campaign_category
from features.simulation.customers import Customers
from features.simulation.frames import (
    customer_ids,
    frame,
    labels,
    numbered,
    numbered_within,
    timestamps,
    vocabulary_frame,
)
from features.simulation.offers import E_MAIL_COST, offer_ids
from features.simulation.orders import Assignment
from features.simulation.plan import (
    NEVER,
    SECONDS_PER_DAY,
    Floats,
    Integers,
    ShopPlan,
    random_stream,
)
from features.simulation.seasons import CAMPAIGN_HOUR, campaign_days
from features.simulation.truth import campaign_outcomes
from features.vocabulary import Columns as C

_OPEN_RATE = 0.32
# Where opens tell: log-odds of an average customer's, what a unit of attention adds to them, how
# attention goes with responsiveness, and the share that is still opened after leaving.
_OPEN_LEVEL = -0.75
_OPEN_SPREAD = 1.2
ATTENTION_CORRELATION = 0.8
OPENED_AFTER_LEAVING = 0.3
_MEAN_HOURS_TO_OPEN = 7.0
_OPENED_BEFORE_ORDER_SECONDS = 300


def campaign_ids(campaign: Integers) -> Any:
    """Return the ids of campaigns by number."""
    return numbered("M", campaign, 3)


def contacts_frame(
    plan: ShopPlan, customers: Customers, assignment: Assignment, accepted: Integers, block: int
) -> pd.DataFrame:
    """Return the vocabulary's ``contacts`` table, by customer and campaign.

    Whether an e-mail is opened depends on the customer where the plan's mailing says that opens
    tell, else on chance alone, or on an offer taken up: nothing but visits and orders then tells
    who is still a customer.
    """
    rng = random_stream(plan, "opening", block)
    customer, campaign = np.nonzero(assignment.registered)
    treated = assignment.treated[customer, campaign]
    accepted_second = accepted[customer, campaign]
    sent = campaign_days(plan)[campaign] * SECONDS_PER_DAY + CAMPAIGN_HOUR * 3_600
    sent += rng.integers(0, 1_800, sent.size)
    wait = rng.exponential(_MEAN_HOURS_TO_OPEN * 3_600, sent.size).astype(np.int64) + 1
    opens = rng.random(sent.size) < _open_chances(plan, customers, customer, sent, block)
    opened = np.where(treated & opens, sent + wait, NEVER)
    took_up = accepted_second != NEVER
    before_order = accepted_second[took_up] - _OPENED_BEFORE_ORDER_SECONDS
    natural = np.where(opened[took_up] == NEVER, before_order, opened[took_up])
    opened[took_up] = np.minimum(natural, before_order)
    opened = np.where(opened < plan.end_second, opened, NEVER)
    number = customers.number[customer]
    return vocabulary_frame(
        "contacts",
        {
            C.CUSTOMER_ID: customer_ids(number),
            C.CAMPAIGN_ID: campaign_ids(campaign),
            C.TS: timestamps(plan, sent),
            C.TREATED: treated,
            C.CONTACT_ID: numbered_within("K", number, campaign),
            C.CHANNEL: labels(("email",), np.zeros_like(campaign)),
            C.OFFER_ID: offer_ids(campaign_category(campaign)),
            C.COST: np.where(treated, E_MAIL_COST, 0.0),
            C.OPENED_AT: timestamps(plan, opened),
            C.ACCEPTED_AT: timestamps(plan, accepted_second),
        },
    )


def _open_chances(
    plan: ShopPlan, customers: Customers, customer: Integers, sent: Integers, block: int
) -> Floats:
    """Return P(opened) of each e-mail, were it sent: one for all, or each customer's own."""
    if not plan.campaigns.opens_tell:
        return np.full(sent.size, _OPEN_RATE)
    own = random_stream(plan, "attention", block).standard_normal(customers.size)
    attention = open_attention(customers.responsiveness, own)
    left = sent >= customers.died[customer] * SECONDS_PER_DAY
    return open_rates(attention)[customer] * np.where(left, OPENED_AFTER_LEAVING, 1.0)


def open_attention(responsiveness: Floats, own: Floats) -> Floats:
    """Return the attention paid to e-mails: who responds more opens more, but not by rule.

    Both arguments and the attention are standard normal, shape (n,).
    """
    rest = np.sqrt(1 - ATTENTION_CORRELATION**2)
    return np.asarray(ATTENTION_CORRELATION * responsiveness + rest * own)


def open_rates(attention: Floats) -> Floats:
    """Return the share of e-mails that customers open, by their attention, while they stay."""
    return np.asarray(expit(_OPEN_LEVEL + _OPEN_SPREAD * attention), dtype=np.float64)


def campaign_truth_frame(
    plan: ShopPlan, customers: Customers, assignment: Assignment, truth_customers: pd.DataFrame
) -> pd.DataFrame:
    """Return both potential outcomes of every contact, row for row as in ``contacts``.

    P(order within an e-mail's window) is given what no shop knows: whether the customer was still
    alive.
    """
    customer, campaign = np.nonzero(assignment.registered)
    days = campaign_days(plan)
    alive = customers.died[customer] > days[campaign]
    outcomes = [campaign_outcomes(plan, truth_customers, int(day)) for day in days]
    treated, held_out = (
        np.where(alive, np.stack([each[name] for each in outcomes])[campaign, customer], 0.0)
        for name in ("probability_treated", "probability_held_out")
    )
    return frame(
        {
            C.CUSTOMER_ID: ("string", customer_ids(customers.number[customer])),
            C.CAMPAIGN_ID: ("string", campaign_ids(campaign)),
            "campaign_effect": ("float64", customers.campaign_effect[customer]),
            "alive": ("boolean", alive),
            "probability_treated": ("float64", treated),
            "probability_held_out": ("float64", held_out),
        }
    )
