"""What is limited, as rows of a linear programme: contacts and money, in all and for each action.

Action ``a`` for customer ``i`` uses of resource ``r``

    by_head[r, a] + by_money[r, a] x cost[i, a]

so that one form holds every limit: a resource counts either heads or money.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Resources:
    """Limited resources, and which actions use them.

    Attributes
    ----------
    by_head, by_money
        1 where an action uses a resource, once or as much as it costs; shape (resources, actions).
    limit
        How much there is of each, shape (resources,).
    """

    by_head: Floats
    by_money: Floats
    limit: Floats

    @classmethod
    def of(
        cls,
        contacts: float,
        money: float,
        action_contacts: Floats,
        action_money: Floats,
    ) -> Resources:
        """Keep those that are limited; infinite where there is no limit."""
        actions = len(action_contacts)
        all_and_each = np.vstack([np.ones(actions), np.eye(actions)])
        unused = np.zeros_like(all_and_each)
        limit = np.concatenate([[contacts], action_contacts, [money], action_money])
        is_limited = np.isfinite(limit)
        return cls(
            by_head=np.vstack([all_and_each, unused])[is_limited],
            by_money=np.vstack([unused, all_and_each])[is_limited],
            limit=limit[is_limited],
        )

    def charges(self, prices: Floats, cost: Floats) -> Floats:
        """Return what each action for each customer costs at these prices, shape (n, actions)."""
        return np.asarray(prices @ self.by_head + cost * (prices @ self.by_money))

    def used_by_one(self, cost: Floats) -> Floats:
        """Return what each action with these costs (actions,) uses, shape (resources, actions)."""
        return np.asarray(self.by_head + self.by_money * cost)

    def used_by_all(self, actions: Integers, cost: Floats) -> Floats:
        """Return what chosen actions with these costs use in all, shape (resources,)."""
        width = self.by_head.shape[1]
        heads, money = (np.bincount(actions, weight, width) for weight in (None, cost))
        return np.asarray(self.by_head @ heads + self.by_money @ money)


@dataclass(frozen=True, eq=False)
class Programme:
    """A linear programme over the pairs of customer and action that gain something.

    Which share of each pair to take, for the largest gain, with ``used @ share <= limit``: first
    the resources, then one action for each customer.

    Attributes
    ----------
    customers, actions
        Of each pair, shape (pairs,).
    gain
        Shape (pairs,).
    used, limit
        Of shapes (resources + customers, pairs) and (resources + customers,).
    """

    customers: Integers
    actions: Integers
    gain: Floats
    used: sparse.csr_matrix[np.float64]
    limit: Floats

    @classmethod
    def of(cls, worth: Floats, cost: Floats, resources: Resources) -> Programme:
        """State the programme; ``worth`` is 0 for pairs that gain nothing, shape (n, actions)."""
        customers, actions = np.nonzero(worth)
        heads, money = (
            sparse.csc_matrix(each)[:, actions] for each in (resources.by_head, resources.by_money)
        )
        eligible, row = np.unique(customers, return_inverse=True)
        one_each = sparse.csr_matrix((np.ones(len(row)), (row, np.arange(len(row)))))
        used = heads + money @ sparse.diags(cost[customers, actions])
        return cls(
            customers,
            actions,
            gain=worth[customers, actions],
            used=sparse.csr_matrix(sparse.vstack([used, one_each])),
            limit=np.concatenate([resources.limit, np.ones(len(eligible))]),
        )
