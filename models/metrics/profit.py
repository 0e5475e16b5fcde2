"""What a churn score is worth to a retention campaign: profit by how many are contacted.

A contacted customer costs the contact. A customer who was leaving accepts the incentive with
probability gamma and stays; one who was staying takes it anyway. Gamma is not known, so the
expected maximum profit averages the best achievable profit over a beta distribution of it.
Verbraken, Verbeke & Baesens (2013), "A novel profit maximizing metric for measuring classification
performance of customer churn prediction models", IEEE TKDE 25(5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import betainc

from models.metrics.order import once, rank_rows

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Campaign:
    """The economics of keeping a customer; the defaults are those of the paper (in euro).

    Attributes
    ----------
    clv
        Money that a customer who stays is worth.
    incentive
        Money given to each customer who accepts.
    contact_cost
        Money per customer contacted.
    acceptance_alpha, acceptance_beta
        Beta distribution of the chance that a leaving customer accepts and stays.
    """

    clv: float = 200.0
    incentive: float = 10.0
    contact_cost: float = 1.0
    acceptance_alpha: float = 6.0
    acceptance_beta: float = 14.0

    @property
    def mean_acceptance(self) -> float:
        """The expected chance that a leaving customer accepts."""
        return self.acceptance_alpha / (self.acceptance_alpha + self.acceptance_beta)


PUBLISHED_CAMPAIGN = Campaign()


def expected_maximum_profit(
    outcomes: Floats, scores: Floats, campaign: Campaign = PUBLISHED_CAMPAIGN
) -> tuple[float, float]:
    """Return the expected maximum profit per customer, and the share to contact for it.

    The integral over gamma is exact: between two points of the ROC curve's convex hull the best
    cut-off does not move, and there profit is linear in gamma.

    Parameters
    ----------
    outcomes
        1 where the customer left, shape (n,).
    scores
        Higher means likelier to leave; only their order matters.
    """
    ranking = rank_rows(-scores)
    rows = ranking.merge(once(len(scores)))[0]
    churners = ranking.merge(outcomes[ranking.order])
    profits, shares = expected_maxima(rows[None, :], churners[None, :], campaign)
    return float(profits[0]), float(shares[0])


def profit_curve(
    outcomes: Floats, scores: Floats, campaign: Campaign = PUBLISHED_CAMPAIGN
) -> tuple[Floats, Floats]:
    """Return the share contacted, highest scores first, and the profit per customer scored.

    At the mean chance of acceptance; from nobody to everybody, a point per distinct score.
    """
    ranking = rank_rows(-scores)
    rows = ranking.merge(once(len(scores)))[0]
    churners = ranking.merge(outcomes[ranking.order])
    gain = campaign.mean_acceptance * (campaign.clv - campaign.incentive)
    profit = churners * gain - (rows - churners) * campaign.incentive - rows * campaign.contact_cost
    points = (np.concatenate([[0.0], np.cumsum(part)]) / len(scores) for part in (rows, profit))
    share, per_customer = points
    return share, per_customer


def expected_maxima(rows: Floats, churners: Floats, campaign: Campaign) -> tuple[Floats, Floats]:
    """Return :func:`expected_maximum_profit` of each resample, both (resamples,).

    Parameters
    ----------
    rows, churners
        Numbers in each group of equal score, highest first, shape (resamples, groups).
    """
    found = [_expected_maximum(r, c, campaign) for r, c in zip(rows, churners, strict=True)]
    profits, shares = np.array(found).T
    return profits, shares


def _expected_maximum(rows: Floats, churners: Floats, campaign: Campaign) -> tuple[float, float]:
    """Return profit and share, from rows and churners by group, highest scores first.

    The ROC curve's convex hull is the isotonic regression of the outcomes (Fawcett &
    Niculescu-Mizil 2007): blocks of rows with one churn rate each, contacted together as soon
    as gamma makes them pay.
    """
    drawn = rows > 0
    weights = rows[drawn]
    hull = isotonic_regression(churners[drawn] / weights, weights=weights, increasing=False)
    rate, share = hull.x[hull.blocks[:-1]], hull.weights / weights.sum()
    gain = rate * (campaign.clv - campaign.incentive)
    cost = campaign.contact_cost + (1 - rate) * campaign.incentive
    pays_from = np.divide(cost, gain, out=np.ones_like(cost), where=gain > cost)
    alpha, beta = campaign.acceptance_alpha, campaign.acceptance_beta
    contacted = 1 - betainc(alpha, beta, pays_from)
    accepted = campaign.mean_acceptance * (1 - betainc(alpha + 1, beta, pays_from))
    return float(share @ (gain * accepted - cost * contacted)), float(share @ contacted)
