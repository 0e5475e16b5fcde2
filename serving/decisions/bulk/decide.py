"""The best action of each of many customers, with every term of its value.

Priced by the bundle's scores: see :mod:`serving.decisions.bulk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.progress import Progress
from features.vocabulary import Columns as C
from models.bundle.schema import BundleColumns as B
from serving.decisions.bulk.batch import BLOCK_CUSTOMERS, Block, Positions, price_blocks
from serving.decisions.bulk.budget import NOTHING, Limits, allocate
from serving.decisions.gates.contact_policy import ContactHistories
from serving.decisions.gates.gate import gate
from serving.decisions.gates.moment import Context
from serving.decisions.inputs import DecisionInputs, customers_at
from serving.decisions.pricing.arbitration import Floats, Priced
from serving.products.shoppers import Shoppers

# Columns for shops with contracts; the latter two are missing for customers without any.
_CONTRACT_COLUMNS: Final = (B.BANK_TIER, B.NEXT_PRODUCT, B.NEXT_PRODUCT_PROBABILITY)


@dataclass(frozen=True)
class Situation:
    """The channel, the time, and what customers did and were sent since the bundle was made.

    Parameters
    ----------
    now
        With its time zone.
    """

    channel: str
    now: datetime
    shoppers: Shoppers
    history: ContactHistories


def decide(
    inputs: DecisionInputs, customers: Positions, situation: Situation, progress: Progress
) -> Iterator[pd.DataFrame]:
    """Yield one row per customer, by blocks of some thousands: the best action and its terms.

    Budgets of offers hold over all customers together: see :mod:`serving.decisions.bulk.budget`.
    Where no offer has a budget, memory is bounded by one block.
    """
    chosen = _within_budgets(inputs, customers, situation, progress)
    tick = progress("Best actions", _count_blocks(customers))
    start = 0
    for block, passed in _priced_blocks(inputs, customers, situation):
        if chosen is None:
            action = _best_actions(_advantage(inputs, block, passed))
        else:
            action = chosen[start : start + len(passed)]
            start += len(passed)
        yield _rows(inputs, block, passed, action, situation)
        tick()


def _within_budgets(
    inputs: DecisionInputs, customers: Positions, situation: Situation, progress: Progress
) -> NDArray[np.int64] | None:
    """Return each customer's action within the offers' budgets; None where none has a budget."""
    budgets = np.array([np.inf if o.budget is None else o.budget for o in inputs.book.offers])
    if not np.isfinite(budgets).any():
        return None
    tick = progress("Offers within their budgets", _count_blocks(customers) + 1)
    pieces = []
    for block, passed in _priced_blocks(inputs, customers, situation):
        priced = block.priced
        given = priced.price_cut + priced.acceptance_cost
        spent = priced.p_accept * given + priced.contact_cost
        pieces.append((_advantage(inputs, block, passed), spent))
        tick()
    gain, cost = (np.concatenate(each) for each in zip(*pieces, strict=True))
    action = allocate(gain, cost, Limits(action_money=budgets)).action
    tick()
    return action


def _best_actions(advantage: Floats) -> NDArray[np.int64]:
    """Return the offer of largest positive advantage for each customer, else doing nothing."""
    if not advantage.shape[1]:
        return np.full(len(advantage), NOTHING, dtype=np.int64)
    return np.where(advantage.max(axis=1) > 0, advantage.argmax(axis=1), NOTHING)


def _count_blocks(customers: Positions) -> int:
    return -(-len(customers) // BLOCK_CUSTOMERS)


def _priced_blocks(
    inputs: DecisionInputs, customers: Positions, situation: Situation
) -> Iterator[tuple[Block, NDArray[np.bool_]]]:
    """Yield blocks of priced offers, and which offer may be made to which customer, (n, offers)."""
    declared = inputs.book.channels.get(situation.channel)
    is_contact = declared is not None and declared.outbound
    context = Context(channel=situation.channel)
    for block in price_blocks(
        inputs.catalogue, inputs.plan, customers, situation.shoppers, is_contact=is_contact
    ):
        columns = customers_at(inputs.columns, block.customers)
        gated = gate(
            inputs.book, columns, context, situation.now, situation.shoppers, situation.history
        )
        yield block, gated.passed & (block.priced.any_of_them > 0)


def _advantage(inputs: DecisionInputs, block: Block, passed: NDArray[np.bool_]) -> Floats:
    """Return each offer's value over the better of the best product and doing nothing, money."""
    otherwise = np.maximum(block.product_value, 0.0)[:, None]
    if block.is_contact:  # no product is sent by itself
        otherwise = np.zeros_like(otherwise)
    return np.where(passed, block.priced.value * inputs.plan.weight - otherwise, -np.inf)


def _rows(
    inputs: DecisionInputs,
    block: Block,
    passed: NDArray[np.bool_],
    action: NDArray[np.int64],
    situation: Situation,
) -> pd.DataFrame:
    catalogue, plan, priced = inputs.catalogue, inputs.plan, block.priced
    rows, offered = np.arange(len(action)), action != NOTHING
    shown = ~offered & (block.product_value > 0) & (not block.is_contact)

    def term(of_offer: Floats, of_product: Floats | float = 0.0) -> Floats:
        picked = np.broadcast_to(of_offer, passed.shape)[rows, action] if passed.size else 0.0
        return np.where(offered, picked, np.where(shown, of_product, 0.0))

    p_buys = block.stakes.p_buys[:, 0]
    p_accept = term(priced.p_accept, p_buys * block.product_chance)
    lower, upper = priced.bounds
    spread = plan.p_buys_error * block.product_chance * np.abs(block.product_margin)
    manifest, customers = catalogue.manifest, catalogue.bundle.customers.take(block.customers)
    return pd.DataFrame(
        {
            C.CUSTOMER_ID: customers.column(C.CUSTOMER_ID).to_pylist(),
            **_names(inputs, block, action, offered, shown),
            C.CHANNEL: situation.channel,
            "p_buys": np.where(offered, term(priced.p_buys), p_buys),
            "p_product_given_buys": term(priced.any_of_them, block.product_chance),
            "p_accept": p_accept,
            "acceptance_basis": np.where(_taken(priced, term), "next_product", "orders"),
            "margin": term(priced.margin, block.product_margin),
            "discount": p_accept * term(priced.price_cut),
            "acceptance_cost": p_accept * term(priced.acceptance_cost),
            "contact_cost": term(priced.contact_cost),
            **_retention(inputs, block, offered, term),
            **_breadth(priced, p_accept, term),
            "offer_value": term(priced.value, block.product_value),
            "offer_value_lower": term(lower, block.product_value - spread),
            "offer_value_upper": term(upper, block.product_value + spread),
            "currency": manifest.currency,
            "offers_allowed": passed.sum(axis=1),
            **{name: customers.column(name).to_pandas() for name in _CONTRACT_COLUMNS},
            C.AS_OF: manifest.as_of,
            "model_version": manifest.version,
        }
    )


def _names(
    inputs: DecisionInputs,
    block: Block,
    action: NDArray[np.int64],
    offered: NDArray[np.bool_],
    shown: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return what each action is, and the ids and the name of what it offers or shows."""
    catalogue, offers = inputs.catalogue, inputs.book.offers
    offer_ids, offer_names, product_ids, product_names = (
        np.array([*texts, None], dtype=object)  # None at place -1: nothing
        for texts in (
            [offer.offer_id for offer in offers],
            [offer.name for offer in offers],
            catalogue.product_ids,
            catalogue.names,
        )
    )
    product = np.where(shown, block.product, np.append(inputs.plan.product, -1)[action])
    name = np.where(offered, offer_names[action], product_names[product])
    return {
        "action": np.select([offered, shown], ["offer", "product"], "do_nothing"),
        C.OFFER_ID: pd.array(offer_ids[action], dtype="str"),
        C.PRODUCT_ID: pd.array(product_ids[product], dtype="str"),
        "name": pd.array(name, dtype="str"),
    }


def _taken(priced: Priced, term: Callable[[Any], Floats]) -> NDArray[np.bool_]:
    """Return for whom P(accept) is by the next product, shape (n,)."""
    return term(False if priced.by_next_product is None else priced.by_next_product) > 0


def _retention(
    inputs: DecisionInputs, block: Block, offered: NDArray[np.bool_], term: Callable[[Any], Floats]
) -> dict[str, Any]:
    """Return what a contact changes; nothing where none is made or its effect is not known."""
    stakes, unknown = block.stakes, np.full(len(offered), np.nan)
    kept = [unknown] * 3 if block.priced.retention is None else map(term, block.priced.retention)
    value, lower, upper = kept
    known = offered & ~np.isnan(value)
    uplift = unknown if stakes.uplift is None else stakes.uplift.value[:, 0]
    remaining = unknown if stakes.uplift is None else stakes.remaining_value[:, 0]
    return {
        "uplift": np.where(known, uplift, np.nan),
        "remaining_value": np.where(known, remaining, np.nan),
        "retention": np.where(known, value, 0.0),
        "retention_lower": np.where(known, lower, np.nan),
        "retention_upper": np.where(known, upper, np.nan),
        "evidence": np.where(known, inputs.plan.evidence, "risk_only"),
    }


def _breadth(priced: Priced, p_accept: Floats, term: Callable[[Any], Floats]) -> dict[str, Any]:
    """Return what holding more changes; nothing where it is not proven to change anything."""
    breadth = priced.breadth
    effect = np.zeros(len(p_accept)) if breadth is None else term(breadth.effect.value)
    proven = effect > 0
    gain, lower, upper = (p_accept * term(each) for each in priced.gain)
    remaining = np.nan if breadth is None else term(breadth.remaining_value)
    return {
        "breadth_effect": np.where(proven, effect, np.nan),
        "breadth_remaining_value": np.where(proven, remaining, np.nan),
        "breadth": np.where(proven, gain, 0.0),
        "breadth_lower": np.where(proven, lower, np.nan),
        "breadth_upper": np.where(proven, upper, np.nan),
        "breadth_evidence": pd.array(
            [breadth.evidence if breadth and each else None for each in proven], dtype="str"
        ),
    }
