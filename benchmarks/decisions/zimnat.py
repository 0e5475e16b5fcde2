"""Zimnat insurance: name the product that was hidden from what else each customer holds.

Customers are dealt into three parts by a hash of their id; each part is judged by models that
learned from the other two. Of every judged customer each product held is hidden in turn, with
weight one over the products held. Every rival says nothing of products held, and its scores are
made into probabilities as well as can be: a softmax of score and popularity whose two
coefficients maximise the likelihood on a quarter of the learning customers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

from benchmarks.table import Row
from features.family import Column
from features.progress import Progress
from models.next_product import Hidden, NextProductModel, hide_each
from models.policy.assignment import unit_uniforms
from models.recommend.ease_solver import ease_weights

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
Scorer = Callable[[Floats, Floats, Booleans, Booleans], Floats]

_FOLDER = Path(__file__).parents[3] / "shared" / "data" / "zimnat_insurance"
FILE: Final = _FOLDER / "customers_dev.parquet"
_NUMBERS = ("birth_year", "join_year", "join_month", "age_at_joining")
_NAMES = (
    "sex", "marital_status", "branch_code", "occupation_code", "occupation_category_code",
)  # fmt: skip
_ABOUT = {"ID", "join_date", "birth_year", *_NAMES}
_COLUMNS = tuple(
    [Column(name, name, "") for name in _NUMBERS]
    + [Column(name, name, "", kind="category") for name in _NAMES]
)
_FOLDS = 3
_NEIGHBOURS = 200
_EASE_PENALTY = 50.0


def rows(progress: Progress) -> list[Row]:
    """Return hit@1 and log loss beside popularity, kNN and EASE."""
    table = pd.read_parquet(FILE)
    products = [str(name) for name in table.columns if name not in _ABOUT]
    held = table[products].to_numpy(dtype=np.bool_)
    profiles = read_profiles(table)
    part = (unit_uniforms(table["ID"].tolist(), "zimnat") * _FOLDS).astype(np.int64)
    tick = progress("Zimnat: three parts", _FOLDS)
    parts_by_name: dict[str, list[Floats]] = {}
    for number in range(_FOLDS):
        judged = _judge(profiles, held, products, part == number)
        for name, losses in judged.items():
            parts_by_name.setdefault(name, []).append(losses)
        tick()
    means = {}
    for name, parts in parts_by_name.items():
        hits, losses, weights = np.concatenate(parts, axis=1)
        weights = weights / weights.sum()
        means[name] = (float(weights @ hits), float(weights @ losses))
    ours = means.pop("ours")
    hit, loss = ({name: each[k] for name, each in means.items()} for k in (0, 1))
    return [
        Row("next product: hit@1", ours[0], ">", max(hit.values()), hit),
        Row("next product: log loss", ours[1], "<=", min(loss.values()), loss),
    ]


def read_profiles(table: pd.DataFrame) -> pd.DataFrame:
    """Return the profile columns, dates and ages as numbers."""
    joined = pd.to_datetime(table["join_date"], format="%d/%m/%Y", errors="coerce")
    profiles = table[["birth_year", *_NAMES]].copy()
    profiles["join_year"] = joined.dt.year.astype("float64")
    profiles["join_month"] = joined.dt.month.astype("float64")
    profiles["age_at_joining"] = profiles["join_year"] - profiles["birth_year"]
    return profiles


def _judge(
    profiles: pd.DataFrame, held: Booleans, products: list[str], asked: Booleans
) -> dict[str, Floats]:
    """Return hits, losses and weights, (3, entries), of ours and each rival on one part."""
    hidden = hide_each(held[asked])
    left = hidden.remaining(held[asked])
    model = NextProductModel().fit(profiles[~asked], held[~asked], products, _COLUMNS)
    people = profiles[asked].iloc[hidden.customer]
    judged = {"ours": _marks(model.predict_proba(people, left), hidden)}
    crowd = _one_hot(profiles)
    for name, scorer in (("popularity", _popular), ("kNN", _neighbours), ("EASE", _ease)):
        chances = _rival(scorer, crowd[~asked], held[~asked], crowd[asked][hidden.customer], left)
        judged[name] = _marks(chances, hidden)
    return judged


def _marks(chances: Floats, hidden: Hidden) -> Floats:
    own = chances[np.arange(len(chances)), hidden.product]
    hit = chances.argmax(axis=1) == hidden.product
    return np.stack([hit.astype(np.float64), -np.log(np.maximum(own, 1e-15)), hidden.weight])


def _rival(scorer: Scorer, crowd: Floats, held: Booleans, people: Floats, left: Booleans) -> Floats:
    """Return probabilities by a rival, calibrated on a quarter of its learning customers."""
    quarter = np.arange(len(held)) % 4 == 0
    hidden = hide_each(held[quarter])
    rest = hidden.remaining(held[quarter])
    score = scorer(crowd[~quarter], crowd[quarter][hidden.customer], held[~quarter], rest)
    popular = _popular(crowd, crowd, held, rest)

    def chances(theta: Floats, scores: Floats, popular: Floats, taken: Booleans) -> Floats:
        logits = theta[0] * np.log(np.maximum(scores, 1e-4)) + theta[1] * popular
        return np.asarray(log_softmax(np.where(taken, -np.inf, logits), axis=1))

    def loss(theta: Floats) -> float:
        own = chances(theta, score, popular, rest)[np.arange(len(rest)), hidden.product]
        return float(-(hidden.weight @ own))

    best = minimize(loss, np.array([0.5, 0.5]), method="Nelder-Mead").x
    scores = scorer(crowd, people, held, left)
    return np.exp(chances(best, scores, _popular(crowd, people, held, left), left))


def _popular(crowd: Floats, people: Floats, held: Booleans, left: Booleans) -> Floats:
    """Return the log share of each product among the hidden, the same for everyone."""
    hidden = hide_each(held)
    counts = np.bincount(hidden.product, hidden.weight, minlength=held.shape[1]) + 0.5
    return np.tile(np.log(counts / counts.sum()), (len(left), 1))


def _neighbours(crowd: Floats, people: Floats, held: Booleans, left: Booleans) -> Floats:
    """Return the share of each product among the customers most alike, in profile and products."""
    known = np.hstack([crowd, held]).astype(np.float32)
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    asked = np.hstack([people, left]).astype(np.float32)
    scores = np.empty(left.shape)
    for begin in range(0, len(left), 1_000):
        alike = asked[begin : begin + 1_000] @ known.T
        nearest = np.argpartition(-alike, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        scores[begin : begin + 1_000] = held[nearest].mean(axis=1)
    return scores


def _ease(crowd: Floats, people: Floats, held: Booleans, left: Booleans) -> Floats:
    """Return the scores of products given those left, by the closed form of Steck 2019."""
    owned = held.astype(np.float64)
    return left @ ease_weights(owned.T @ owned, _EASE_PENALTY)


def _one_hot(profiles: pd.DataFrame) -> Floats:
    """Return profiles as indicators, numbers by their fifths."""
    frame = profiles[list(_NAMES)].copy()
    frame = frame.drop(columns="occupation_code")
    for name in _NUMBERS:
        frame[name] = pd.qcut(profiles[name], 5, duplicates="drop").astype("str")
    return pd.get_dummies(frame).to_numpy(dtype=np.float64)
