"""What every model that learns from customer vectors promises: a new model file is found by itself.

Such a model has ``fit(vectors, ..., columns)``, ``save`` and ``load``; whatever else ``fit`` asks
for is taken by name from what is known of the training customers.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import models
from features.errors import TrainingError
from features.vocabulary import Columns as C
from models import churn_value
from models.boosting import BoostingParameters

Floats = NDArray[np.float64]
QUICK = BoostingParameters(rounds=12, learning_rate=0.2, members=2)
HORIZON_DAYS = 60


def discover_vector_models() -> dict[str, type[Any]]:
    """Find the classes of ``models/*.py`` and ``models/churn_value/`` that fit on vectors."""
    found = {}
    rooms = (models, churn_value)
    for module in chain(*(pkgutil.iter_modules(r.__path__, f"{r.__name__}.") for r in rooms)):
        if module.name == "models.registry":
            continue  # opens MLflow, holds no model
        for member in vars(importlib.import_module(module.name)).values():
            fit = getattr(member, "fit", None)
            if not inspect.isclass(member) or member.__module__ != module.name or fit is None:
                continue
            if {"vectors", "columns"} <= set(inspect.signature(fit).parameters):
                found[member.__name__] = member
    return found


MODELS = discover_vector_models()
every_model = pytest.mark.parametrize("kind", MODELS.values(), ids=MODELS.keys())


def fitted(kind: type[Any], people: Any, seed: int = 0, **replaced: Any) -> Any:
    given = {**vars(people), **replaced}
    wanted = [name for name in inspect.signature(kind.fit).parameters if name in given]
    model = kind(HORIZON_DAYS, boosting=replace(QUICK, seed=seed))
    return model.fit(**{name: given[name] for name in wanted})


def answers(model: Any, vectors: pd.DataFrame) -> dict[str, Floats]:
    """Return all that a model says of customers, by method."""
    said = ("predict_proba", "predict", "predict_if_buys")
    return {name: getattr(model, name)(vectors) for name in said if hasattr(model, name)}


def assert_same_to_the_bit(left: dict[str, Floats], right: dict[str, Floats]) -> None:
    assert left.keys() == right.keys()
    assert left
    for name, values in left.items():
        assert values.shape == right[name].shape
        assert values.tobytes() == right[name].tobytes(), name


@pytest.fixture(scope="module")
def all_learned(past: Any) -> dict[type[Any], Any]:
    return {kind: fitted(kind, past) for kind in MODELS.values()}


@pytest.fixture
def learned(kind: type[Any], all_learned: dict[type[Any], Any]) -> Any:
    return all_learned[kind]


@pytest.fixture(scope="module")
def some(later: Any) -> pd.DataFrame:
    return later.vectors.iloc[:200]


def test_churn_and_value_are_found() -> None:
    assert {"ChurnModel", "ValueModel"} <= set(MODELS)


@every_model
def test_a_saved_model_says_the_same_to_the_bit(
    learned: Any, kind: type[Any], some: pd.DataFrame, tmp_path: Path
) -> None:
    learned.save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model")
    assert_same_to_the_bit(answers(loaded, some), answers(learned, some))
    loaded.save(tmp_path / "again")
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert files
    for path in files:
        if path.suffix == ".json":
            again = tmp_path / "again" / path.relative_to(tmp_path / "model")
            assert again.read_bytes() == path.read_bytes()


@every_model
def test_state_is_json_arrays_and_text_and_no_pickle(learned: Any, tmp_path: Path) -> None:
    learned.save(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".npz", ".txt"}
    for path in files:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                assert all(stored[name].dtype != object for name in stored.files)


@every_model
def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    learned: Any, kind: type[Any], past: Any, some: pd.DataFrame
) -> None:
    assert_same_to_the_bit(answers(fitted(kind, past), some), answers(learned, some))
    other = answers(fitted(kind, past, seed=100), some)
    for name, said in answers(learned, some).items():
        assert other[name].tobytes() != said.tobytes(), name


@every_model
def test_unknown_names_and_missing_rows_still_get_a_finite_answer(
    learned: Any, some: pd.DataFrame
) -> None:
    strange = some.head(3).copy()
    strange[C.COUNTRY] = pd.Series(["never heard of", None, None], dtype="str")
    numbers = ["recency_days", "orders_lifetime", "margin_365d", "noise"]
    strange.iloc[2, [strange.columns.get_loc(name) for name in numbers]] = np.nan
    for name, said in answers(learned, strange).items():
        assert np.isfinite(said).all(), name


@every_model
def test_a_customer_alone_gets_the_answer_of_the_batch(learned: Any, some: pd.DataFrame) -> None:
    together = answers(learned, some)
    for place in (0, 7, len(some) - 1):
        alone = answers(learned, some.iloc[[place]])
        assert_same_to_the_bit(alone, {name: said[[place]] for name, said in together.items()})


@every_model
def test_the_order_of_rows_is_irrelevant(learned: Any, some: pd.DataFrame) -> None:
    order = np.random.default_rng(5).permutation(len(some))
    together = answers(learned, some)
    shuffled = answers(learned, some.iloc[order])
    assert_same_to_the_bit(shuffled, {name: said[order] for name, said in together.items()})


@every_model
def test_nobody_gets_an_empty_answer(learned: Any, some: pd.DataFrame) -> None:
    for said in answers(learned, some.head(0)).values():
        assert said.shape[0] == 0


@every_model
def test_probabilities_and_money_are_in_range(learned: Any, some: pd.DataFrame) -> None:
    extreme = pd.concat([some, some.assign(recency_days=1e9), some.assign(margin_365d=-1e9)])
    for name, said in answers(learned, extreme).items():
        assert (said >= 0).all(), name
        if name == "predict_proba":
            assert (said <= 1).all()
            np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=0, atol=1e-12)


@every_model
@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_outcome_alone_teaches_nothing(kind: type[Any], past: Any, outcome: float) -> None:
    churned = np.full(len(past.churned), outcome)
    margin = np.full(len(churned), 5.0) * (outcome == 0)
    with pytest.raises(TrainingError) as raised:
        fitted(kind, past, churned=churned, margin=margin)
    assert "history" in raised.value.remedy


@every_model
def test_progress_is_reported_exactly_as_often_as_promised(kind: type[Any], past: Any) -> None:
    told = []
    model = kind(HORIZON_DAYS, boosting=BoostingParameters(rounds=2, members=2))
    known = {**vars(past), "on_round": lambda: told.append(1)}
    wanted = [name for name in inspect.signature(kind.fit).parameters if name in known]
    model.fit(**{name: known[name] for name in wanted})
    assert len(told) == model.fit_rounds(past.vectors)
