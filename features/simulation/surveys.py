"""The simulated customers' answers to surveys: about orders, aspects of them, and support."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from features.simulation.costs import Tickets
from features.simulation.customers import Customers
from features.simulation.frames import labels, timestamps, vocabulary_frame
from features.simulation.lateness import known_late
from features.simulation.orders import Orders, order_columns
from features.simulation.plan import SECONDS_PER_DAY, Floats, Integers, ShopPlan, random_stream
from features.vocabulary import Columns as C

SURVEYS: Final = ("nps", "csat", "ces")
ASPECTS: Final = ("quality", "price", "service", "image")

_CSAT, _CES = 1, 2
_SECONDS_PER_QUESTION = 15
_RESPONSE_RATE = 0.15
_SUPPORT_RESPONSE_RATE = 0.30
_ASPECTS_SHARE = 0.5
_PAPER_SHARE = 0.04
_PAPER_MOST_DAYS = 14


@dataclass(frozen=True)
class Answers:
    """Answers to single questions; ``aspect`` is -1 where the question is about the whole."""

    order: Integers
    second: Integers
    survey: Integers
    aspect: Integers
    score: Floats


def surveys_frame(
    plan: ShopPlan,
    customers: Customers,
    orders: Orders,
    tickets: Tickets,
    first_return: Integers,
    rng: np.random.Generator,
    block: int,
) -> pd.DataFrame:
    """Return the vocabulary's ``surveys`` table of one block, by customer and time.

    Some orders are rated days later, half of them by NPS and half by CSAT; half of the latter go
    on to the four aspects. Some tickets are followed by the question how easy it was (CES). A few
    answers come on paper and are entered days later.
    """
    own = random_stream(plan, "questionnaires", block)
    overall, mood = _about_orders(plan, customers, orders, first_return, rng)
    aspects = _about_aspects(customers, orders, first_return, overall, mood, own)
    support = _about_support(customers, orders, tickets, own)
    columns = zip(*(vars(each).values() for each in (overall, aspects, support)), strict=True)
    answers = Answers(*map(np.concatenate, columns))
    customer = orders.customer[answers.order]
    row = np.lexsort((answers.aspect, answers.order, answers.second, customer))
    row = row[answers.second[row] < plan.end_second]
    second = answers.second[row]
    available = known_late(plan, second, np.full(row.size, _PAPER_SHARE), _PAPER_MOST_DAYS, own)
    return vocabulary_frame(
        "surveys",
        order_columns(plan, customers, orders, answers.order[row], second)
        | {
            C.SURVEY: labels(SURVEYS, answers.survey[row]),
            C.SCORE: answers.score[row],
            C.ASPECT: labels(ASPECTS, answers.aspect[row]),
            C.AVAILABLE_AT: timestamps(plan, available),
        },
    )


def _about_orders(
    plan: ShopPlan,
    customers: Customers,
    orders: Orders,
    first_return: Integers,
    rng: np.random.Generator,
) -> tuple[Answers, Floats]:
    """Ask for NPS or CSAT; return the answers, and the mood behind each.

    The score falls with late parcels and with returns before the answer, and rises with the
    customer's satisfaction, which is lower for those who drop out sooner.
    """
    order = np.flatnonzero(rng.random(orders.size) < _RESPONSE_RATE)
    wait = rng.uniform(2, 12, order.size) * SECONDS_PER_DAY
    second = orders.second[order] + wait.astype(np.int64)
    known = second < plan.end_second
    order, second = order[known], second[known]
    mood = customers.satisfaction[orders.customer[order]] + 0.7 * rng.standard_normal(order.size)
    felt = mood - 1.6 * orders.late[order] - 0.9 * (first_return[order] < second)
    is_csat = rng.random(order.size) < 0.5
    score = np.where(is_csat, _on_scale(4.1 + 0.7 * felt, 1, 5), _on_scale(7.9 + 1.5 * felt, 0, 10))
    return Answers(order, second, is_csat.astype(np.int64), np.full(order.size, -1), score), mood


def _about_aspects(
    customers: Customers,
    orders: Orders,
    first_return: Integers,
    overall: Answers,
    mood: Floats,
    rng: np.random.Generator,
) -> Answers:
    """Ask some of those who answered CSAT for each aspect, in the same survey.

    Returns lower the score of quality, late parcels that of service, and price sensitivity that
    of price; the image depends on the mood only.
    """
    asked = (overall.survey == _CSAT) & (rng.random(mood.size) < _ASPECTS_SHARE)
    order, second = overall.order[asked], overall.second[asked]
    thrift = customers.price_sensitivity[orders.customer[order]] - 0.4
    feeling = 0.7 * mood[asked] + 0.6 * rng.standard_normal((len(ASPECTS), order.size))
    feeling[0] -= 1.8 * (first_return[order] < second)
    feeling[1] -= 2.5 * thrift
    feeling[2] -= 2.4 * orders.late[order]
    aspect = np.repeat(np.arange(len(ASPECTS)), order.size)
    return Answers(
        order=np.tile(order, len(ASPECTS)),
        second=np.tile(second, len(ASPECTS)) + _SECONDS_PER_QUESTION * (aspect + 1),
        survey=np.full(aspect.size, _CSAT),
        aspect=aspect,
        score=_on_scale(4.0 + 0.7 * feeling.ravel(), 1, 5),
    )


def _about_support(
    customers: Customers, orders: Orders, tickets: Tickets, rng: np.random.Generator
) -> Answers:
    """Ask for the ease of getting help, days after the ticket; late parcels lower it."""
    ticket = np.flatnonzero(rng.random(tickets.order.size) < _SUPPORT_RESPONSE_RATE)
    order = tickets.order[ticket]
    wait = rng.uniform(0.5, 4, ticket.size) * SECONDS_PER_DAY
    ease = 0.6 * customers.satisfaction[orders.customer[order]] - 1.3 * orders.late[order]
    ease = 5.2 + ease + 0.9 * rng.standard_normal(ticket.size)
    return Answers(
        order=order,
        second=tickets.second[ticket] + wait.astype(np.int64),
        survey=np.full(order.size, _CES),
        aspect=np.full(order.size, -1),
        score=_on_scale(ease, 1, 7),
    )


def _on_scale(score: Floats, lowest: int, highest: int) -> Floats:
    """Round to the scale; adding zero turns a rounded -0.0 into 0.0."""
    answer: Floats = np.clip(np.rint(score), lowest, highest) + 0.0
    return answer
