"""Contacts and money put to their best use: against brute force, and against the relaxation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from serving.decisions.bulk.budget import NOTHING, Allocation, Limits, allocate

SMALL = st.integers(0, 2**32 - 1)


def shop(seed: int, customers: int, actions: int) -> tuple[np.ndarray, np.ndarray, Limits]:
    rng = np.random.default_rng(seed)
    gain = rng.gamma(1.0, 3.0, (customers, 1)) * rng.random((customers, actions)) - 0.5
    gain[rng.random(gain.shape) < 0.1] = -np.inf
    cost = 0.1 + 2.0 * rng.random((customers, actions))
    limits = Limits(
        contacts=int(rng.integers(0, customers + 1)),
        money=float(rng.random() * customers),
        action_contacts=np.where(rng.random(actions) < 0.5, np.inf, customers / actions),
        action_money=np.where(rng.random(actions) < 0.5, np.inf, 0.3 * customers),
    )
    return gain, cost, limits


def fits(action: np.ndarray, cost: np.ndarray, limits: Limits) -> bool:
    rows = np.flatnonzero(action != NOTHING)
    chosen, spent = action[rows], cost[rows, action[rows]]
    width, slack = cost.shape[1], 1 + 1e-9
    assert limits.contacts is not None
    assert limits.money is not None
    assert limits.action_contacts is not None
    assert limits.action_money is not None
    return bool(
        len(rows) <= limits.contacts
        and spent.sum() <= limits.money * slack
        and (np.bincount(chosen, minlength=width) <= limits.action_contacts).all()
        and (np.bincount(chosen, spent, width) <= limits.action_money * slack).all()
    )


def worth(action: np.ndarray, gain: np.ndarray) -> float:
    rows = np.flatnonzero(action != NOTHING)
    return float(gain[rows, action[rows]].sum())


def best_of_all(gain: np.ndarray, cost: np.ndarray, limits: Limits) -> float:
    customers, actions = gain.shape
    every = map(np.array, product(range(-1, actions), repeat=customers))
    return max(worth(a, gain) for a in every if fits(a, cost, limits))


@settings(max_examples=40, deadline=None)
@given(SMALL)
def test_small_problems_are_solved_exactly(seed: int) -> None:
    gain, cost, limits = shop(seed, customers=5, actions=2)
    found = allocate(gain, cost, limits)
    assert fits(found.action, cost, limits)
    assert found.gain == pytest.approx(worth(found.action, gain))
    assert found.gain == pytest.approx(best_of_all(gain, cost, limits))
    assert found.gap == 0.0


def relaxed(gain: np.ndarray, cost: np.ndarray, limits: Limits) -> float:
    """The linear programme, in which a customer may get a part of an action."""
    rows, actions = np.nonzero(np.isfinite(gain) & (gain > 0))
    spent, width = cost[rows, actions], gain.shape[1]
    each = (actions == np.arange(width)[:, None]).astype(float)
    one = sparse.csr_matrix((np.ones(len(rows)), (rows, np.arange(len(rows)))))
    assert limits.action_contacts is not None
    assert limits.action_money is not None
    used = sparse.vstack([np.ones((1, len(rows))), spent[None], each, each * spent, one])
    limit = np.concatenate([
        [limits.contacts, limits.money], limits.action_contacts, limits.action_money,
        np.ones(len(gain)),
    ])  # fmt: skip
    kept = np.isfinite(limit)
    solved = linprog(-gain[rows, actions], A_ub=used.tocsr()[kept], b_ub=limit[kept], bounds=(0, 1))
    return -float(solved.fun)


@pytest.fixture(scope="module")
def large() -> tuple[np.ndarray, np.ndarray, Limits, Allocation]:
    gain, cost, _ = shop(11, customers=3_000, actions=5)
    limits = Limits(600, 400.0, np.full(5, 160.0), np.full(5, 110.0))
    return gain, cost, limits, allocate(gain, cost, limits)


def test_large_problems_come_within_one_percent_of_the_relaxation(large: tuple) -> None:
    gain, cost, limits, found = large
    assert fits(found.action, cost, limits)
    assert found.gain >= 0.99 * relaxed(gain, cost, limits)


def test_the_bound_is_one(large: tuple) -> None:
    gain, cost, limits, found = large
    best = relaxed(gain, cost, limits)
    assert best * (1 - 1e-9) <= found.bound <= best * 1.001
    assert found.gap == pytest.approx(1 - found.gain / found.bound)


@pytest.mark.parametrize(
    "limits",
    [
        Limits(action_contacts=np.array([1_000.0, np.inf])),
        Limits(action_money=np.array([500.0, np.inf])),
        Limits(contacts=3_000, action_contacts=np.array([1_000.0, np.inf])),
    ],
)
def test_who_cannot_have_the_best_action_gets_the_next_best(limits: Limits) -> None:
    gain, cost = np.tile([2.0, 1.0], (3_000, 1)), np.full((3_000, 2), 0.5)
    alike = allocate(gain, cost, limits)
    assert np.bincount(alike.action).tolist() == [1_000, 2_000]
    gain[::2, 1] = -np.inf
    # Half may have the first action alone: what is left of it goes to them, 500 go without.
    choosy = allocate(gain, cost, limits)
    assert np.bincount(choosy.action + 1).tolist() == [500, 1_000, 1_500]
    assert not (choosy.action[::2] == 1).any()
    assert (alike.gap, choosy.gap) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_without_limits_everyone_gets_the_best() -> None:
    gain, cost, _ = shop(3, customers=40, actions=3)
    found = allocate(gain, cost, Limits())
    best = np.where(gain.max(axis=1) > 0, gain.argmax(axis=1), NOTHING)
    assert found.action.tolist() == best.tolist()


def test_what_may_not_be_taken_need_not_have_a_cost() -> None:
    rng = np.random.default_rng(6)
    gain, cost = rng.gamma(1.0, 3.0, (5_000, 1)), rng.uniform(0.1, 2.0, (5_000, 1))
    unknown = np.full((5_000, 1), np.nan)
    alone = allocate(gain, cost, Limits(money=500.0))
    beside = allocate(np.hstack([gain, unknown]), np.hstack([cost, unknown]), Limits(money=500.0))
    assert beside.action.tolist() == alone.action.tolist()
    assert beside.bound == pytest.approx(alone.bound)


def test_n_contacts_go_to_the_n_largest_gains() -> None:
    gain, cost, _ = shop(4, customers=2_000, actions=4)
    found = allocate(gain, cost, Limits(contacts=100))
    best = np.sort(np.maximum(gain.max(axis=1), 0.0))[-100:].sum()
    assert found.contacts == 100
    assert found.gain == pytest.approx(best)


def test_where_nothing_is_gained_nobody_is_contacted() -> None:
    found = allocate(np.full((3, 2), -1.0), np.ones((3, 2)), Limits(contacts=3))
    assert found.action.tolist() == [NOTHING] * 3
    assert (found.gain, found.cost, found.contacts, found.gap) == (0.0, 0.0, 0, 0.0)


def test_the_same_problem_has_the_same_answer() -> None:
    gain, cost, limits = shop(9, customers=3_000, actions=3)
    one, other = allocate(gain, cost, limits), allocate(gain, cost, limits)
    assert one.action.tolist() == other.action.tolist()
