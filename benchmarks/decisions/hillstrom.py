"""Hillstrom's e-mail test: whom to write to, and which e-mail, judged on customers held out.

64,000 customers, each sent the men's e-mail, the women's, or none, by lot; the outcome is a
visit within two weeks. Five times over, every customer is scored once by models that learned
from the other four fifths, the chooser included. Qini is Radcliffe's Q0 (models/uplift/qini.py):
0 for random, 1 for the best ranking on which nobody is put off. Customers are ranked within
their fifth, as models of different fifths do not compare. The response model, P(visit | e-mail
sent), learns from the same customers; it is the stronger of its two usual forms here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.table import Row
from features.family import Column
from features.progress import Progress
from models.policy.intervals import mean_interval
from models.tabular import Encoder
from models.uplift.chooser import choose
from models.uplift.learners import RESPONSE, UPLIFT_BOOSTING, fit_learners
from models.uplift.policy_rule import arm_scores, learn_rule
from models.uplift.qini import qini_curve, qini_table
from models.uplift.trial import Trial, deal_folds

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Table = dict[str, dict[str, float]]

FILE: Final = Path(__file__).parents[3] / "shared" / "data" / "hillstrom" / "hillstrom.parquet"
_COLUMNS = tuple(
    Column(name, name, "", kind="category" if name in {"zip_code", "channel"} else "number")
    for name in ("recency", "history", "mens", "womens", "zip_code", "newbie", "channel")
)
_ARMS = ("No E-Mail", "Womens E-Mail", "Mens E-Mail")
_CHOSEN = "chosen"
_FOLDS, _REPEATS, _INNER_FOLDS = 5, 5, 3
_SHARE_OF_EACH = 1 / 3


def rows(progress: Progress) -> list[Row]:
    """Return the Qini of both e-mails and the value of choosing between them."""
    customers = pd.read_parquet(FILE)
    segment = customers["segment"].to_numpy(dtype=str)
    arm = np.array([_ARMS.index(name) for name in segment])
    visited = customers["visit"].to_numpy(dtype=np.float64)
    tick = progress("Hillstrom: both e-mails and the choice", 3 * _FOLDS * _REPEATS)
    womens, mens = (_qini(customers, arm, visited, number, tick) for number in (1, 2))
    table, learners = womens
    ours, rival = table[_CHOSEN], table[RESPONSE]
    band = {name: ours[name] for name in ("low", "high")}
    beside = {**_lead(table), **learners}
    return [
        Row("women's e-mail: Qini (random: 0)", ours["qini"], ">=", 0.05, band),
        Row("women's e-mail: Qini above the response model's", ours["qini"], ">", rival["qini"],
            beside),
        _mens_row(*mens),
        _choice_row(customers, arm, visited, tick),
    ]  # fmt: skip


def _qini(
    customers: pd.DataFrame, arm: Integers, visited: Floats, sent: int, tick: Callable[[], None]
) -> tuple[Table, dict[str, float]]:
    """Return Qini with bands of ours and the response model; learners' Qini, and who was chosen."""
    own = np.flatnonzero((arm == 0) | (arm == sent))
    encoder = Encoder.fit(customers, _COLUMNS)
    treated = (arm[own] == sent).astype(np.float64)
    trial = Trial(
        encoder.transform(customers.iloc[own]), treated, visited[own],
        np.full(len(own), 0.5), encoder.categorical_positions,
    )  # fmt: skip
    places: dict[str, Floats] = {}
    chosen: Counter[str] = Counter()
    for repeat in range(_REPEATS):
        fold = deal_folds(2 * treated + trial.outcome, _FOLDS, seed=repeat)
        for held in range(_FOLDS):
            past, asked = trial.take(fold != held), fold == held
            choice = choose(past, UPLIFT_BOOSTING, folds=_INNER_FOLDS, seed=repeat)
            learned = fit_learners(past, UPLIFT_BOOSTING)
            said = {name: model.score(trial.X[asked]) for name, model in learned.items()}
            said[_CHOSEN] = said.get(choice.chosen, np.zeros(int(asked.sum())))
            chosen[choice.chosen] += 1
            for name, scores in said.items():
                whole = places.setdefault(name, np.empty((_REPEATS, len(trial))))
                whole[repeat, asked] = rankdata(scores) / len(scores)
            tick()
    both = {name: places[name] for name in (_CHOSEN, RESPONSE)}
    measured = qini_table(both, trial, RESPONSE)
    table = {
        str(name): {str(figure): float(value) for figure, value in row.items()}
        for name, row in measured.iterrows()
    }
    learners = {
        name: float(np.mean([qini_curve(each, trial).qini for each in repeats]))
        for name, repeats in places.items()
        if name != _CHOSEN
    }
    picks = {f"chose {name}": count / chosen.total() for name, count in chosen.items()}
    return table, learners | picks


def _lead(table: Table) -> dict[str, float]:
    return {name: table[_CHOSEN][name] for name in ("lead", "lead_low", "lead_high")}


def _mens_row(table: Table, beside: dict[str, float]) -> Row:
    """Ours may lie below the response model by no more than half of that one's band."""
    what = "men's e-mail: Qini, not below the response model's band"
    ours, rival = table[_CHOSEN]["qini"], table[RESPONSE]
    return Row(what, ours, ">=", rival["low"], {**_lead(table), **beside})


def _choice_row(
    customers: pd.DataFrame, arm: Integers, visited: Floats, tick: Callable[[], None]
) -> Row:
    """Choose the e-mail, or none, by a rule of one question; its value by IPS."""
    encoder = Encoder.fit(customers, _COLUMNS)
    X = encoder.transform(customers)
    propensity = np.full((len(arm), len(_ARMS)), _SHARE_OF_EACH)
    chosen = np.empty((_REPEATS, len(arm)), dtype=np.int64)
    for repeat in range(_REPEATS):
        fold = deal_folds(2 * arm + visited, _FOLDS, seed=repeat)
        for held in range(_FOLDS):
            past, asked = fold != held, fold == held
            scores = arm_scores(
                X[past], arm[past], visited[past], propensity[past], parameters=UPLIFT_BOOSTING,
                categorical=encoder.categorical_positions, seed=repeat,
            )  # fmt: skip
            rule = learn_rule(customers[past], _COLUMNS, scores, _ARMS)
            chosen[repeat, asked] = [_ARMS.index(name) for name in rule.choose(customers[asked])]
            tick()
    ours = (chosen == arm).mean(axis=0) / _SHARE_OF_EACH * visited
    single = [(arm == number) / _SHARE_OF_EACH * visited for number in range(len(_ARMS))]
    best = max(single, key=lambda values: float(values.mean()))
    (low, high), (lead_low, lead_high) = mean_interval(ours), mean_interval(ours - best)
    return Row(
        "visit rate of the chosen e-mail (men's, women's or none) by IPS",
        float(ours.mean()),
        ">",
        float(best.mean()),
        {
            "low": low,
            "high": high,
            "lead": float((ours - best).mean()),
            "lead_low": lead_low,
            "lead_high": lead_high,
            **{f"all {name}": float(each.mean()) for name, each in zip(_ARMS, single, strict=True)},
            **{f"sent {name}": float((chosen == k).mean()) for k, name in enumerate(_ARMS)},
        },
    )
