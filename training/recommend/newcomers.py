"""What to show to new customers: the list that predicted first orders best on the latest window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from features.engine import Engine
from features.prepare import Prepared
from features.vocabulary import Columns as C
from models.metrics.ranking import hits, recall_at, truth_sizes
from models.recommend.interactions import Interactions
from models.recommend.matrices import Candidates
from models.recommend.newcomers import Newcomers
from models.recommend.popular import Popular
from models.recommend.topk import ranked_products, tie_order

_ATTRIBUTES: Final = (C.ACQUISITION_CHANNEL, C.COUNTRY, C.REGION)
"""What a shop may know of a customer before the first order."""

_DEEPEST: Final = 10
_LISTED: Final = 200
_POPULAR: Final = "popular"
_EVERYBODY: Final = "everybody"

Segments = Mapping[str, NDArray[np.str_]]


@dataclass(frozen=True, eq=False)
class NewcomerLists:
    """What new customers are shown.

    Attributes
    ----------
    scores
        One row per segment, then one for everybody; shape (n_segments + 1, n_products).
    attribute, segments
        Attribute that the rows are for, and its values; None and empty if no attribute helps.
    shares
        Share of all first orders that hold each product; shape (n_products,).
    recalls
        Recall at 10 of each list on the latest window, by name; empty without new customers.
    """

    scores: Candidates
    attribute: str | None
    segments: tuple[str, ...]
    shares: NDArray[np.float64]
    recalls: Mapping[str, float]


def newcomer_lists(
    interactions: Interactions, attributes: Segments, window_days: int
) -> NewcomerLists:
    """Choose between popular products, those of first orders, and those by an attribute.

    Each must beat the best simpler one by two standard errors, on the first orders of those who
    came in the last ``window_days``.

    Parameters
    ----------
    attributes
        Values by name of attribute, empty where unknown; each of shape (n_customers,).
    """
    nobody = np.full(interactions.n_customers, "")
    segmentations = {_EVERYBODY: nobody, **attributes}
    chosen, recalls = _chosen(interactions, segmentations, window_days)
    model = Newcomers().fit(interactions, segmentations.get(chosen, nobody))
    if chosen == _POPULAR:
        scores = Popular().fit(interactions).score(np.array([-1]), _LISTED)
        return NewcomerLists(scores, None, (), model.shares(), recalls)
    segments = tuple(model.segments_.tolist())
    scores = model.score(np.array([*segments, ""]), _LISTED)
    attribute = None if chosen == _EVERYBODY else chosen
    return NewcomerLists(scores, attribute, segments, model.shares(), recalls)


def known_attributes(
    engine: Engine, prepared: Prepared, customer_ids: NDArray[np.str_]
) -> dict[str, NDArray[np.str_]]:
    """Return the attributes that differ between customers, from the customers table."""
    if "customers" not in prepared.clean:
        return {}
    frame = engine.frame(prepared.clean["customers"]).set_index(C.CUSTOMER_ID)
    found = {}
    for name in _ATTRIBUTES:
        values = frame[name].reindex(customer_ids).fillna("").to_numpy(dtype=str)
        if np.unique(values[values != ""]).size > 1:
            found[name] = values
    return found


def _chosen(
    interactions: Interactions, segmentations: Segments, window_days: int
) -> tuple[str, dict[str, float]]:
    """Return the name of the list that predicted the latest first orders best, and all recalls."""
    cutoff = interactions.as_of_day - window_days
    known = interactions.kept(interactions.days < cutoff, cutoff)
    first_days = np.full(interactions.n_customers, interactions.as_of_day)
    np.minimum.at(first_days, interactions.customers, interactions.days)
    own_first = interactions.days == first_days[interactions.customers]
    came = interactions.kept(own_first & (interactions.days >= cutoff))
    baskets = came.customer_matrix()
    customers = np.flatnonzero(np.diff(baskets.indptr))
    if not customers.size or not known.days.size:
        return _POPULAR, {}
    truth = sparse.csr_matrix(baskets[customers])
    ties = tie_order(known.popularity())
    answers = {_POPULAR: Popular().fit(known).score(customers, _DEEPEST)}
    for name, values in segmentations.items():
        answers[name] = Newcomers().fit(known, values).score(values[customers], _DEEPEST)
    recalls = {
        name: recall_at(
            hits(ranked_products(answer, _DEEPEST, ties), truth), truth_sizes(truth), _DEEPEST
        )
        for name, answer in answers.items()
    }
    best = _POPULAR
    for name, recall in recalls.items():
        gain = recall - recalls[best]
        if gain.mean() > 2 * gain.std() / np.sqrt(gain.size):
            best = name
    return best, {name: float(recall.mean()) for name, recall in recalls.items()}
