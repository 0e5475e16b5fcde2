"""What does not fit together is refused, and the part that does not is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.errors import BundleError
from models.bundle.folder import Bundle, SparseRows, read_bundle, write_bundle


def like(matrix: SparseRows, rows: list[dict[int, tuple[float, ...]]]) -> SparseRows:
    """Other rows with the same values."""
    types = {name: array.dtype.type for name, array in matrix.values.items()}
    return SparseRows.from_rows(rows, types)


def columns(table: Any, **changes: Any) -> Any:
    return pa.table(table.to_pydict() | changes)


UNFIT: dict[str, tuple[Callable[[Bundle], Bundle], str]] = {
    "candidates of other customers": (
        lambda b: replace(b, candidates=like(b.candidates, [{}])),
        "candidates has 1 rows where 2 belong",
    ),
    "a product that is not there": (
        lambda b: replace(b, popular=like(b.popular, [{3: (1.0, 0.1)}])),
        "column outside",
    ),
    "values shorter than indices": (
        lambda b: replace(
            b,
            popular=replace(b.popular, values=b.popular.values | {"score": np.empty(0, "f4")}),
        ),
        "popular.score is not as long",
    ),
    "a value missing": (
        lambda b: replace(b, popular=replace(b.popular, values={"score": np.ones(1, "f4")})),
        "popular must hold score, probability",
    ),
    "a value of another type": (
        lambda b: replace(
            b, popular=replace(b.popular, values=b.popular.values | {"score": np.ones(1)})
        ),
        "must be float32 or int32",
    ),
    "row pointers of another type": (
        lambda b: replace(b, popular=replace(b.popular, indptr=np.array([0, 1], "i4"))),
        "indptr must be int64",
    ),
    "row pointers that run backwards": (
        lambda b: replace(b, candidates=replace(b.candidates, indptr=np.array([0, 3, 2]))),
        "row pointers run backwards",
    ),
    "row pointers that stop short": (
        lambda b: replace(b, candidates=replace(b.candidates, indptr=np.array([0, 1, 1]))),
        "do not span its entries",
    ),
    "a product twice in a row": (
        lambda b: replace(
            b,
            popular=SparseRows(
                np.array([0, 2]),
                np.array([1, 1], "i4"),
                {"score": np.ones(2, "f4"), "probability": np.zeros(2, "f4")},
            ),
        ),
        "names a column twice",
    ),
    "a score that is not a number": (
        lambda b: replace(b, popular=like(b.popular, [{0: (np.nan, 0.1)}])),
        "not finite",
    ),
    "worst first": (
        lambda b: replace(b, popular=like(b.popular, [{0: (1.0, 0.1), 1: (2.0, 0.1)}])),
        "popular is not sorted by score",
    ),
    "a probability of 1.5": (
        lambda b: replace(b, popular=like(b.popular, [{0: (1.0, 1.5)}])),
        "popular.probability lies outside 0 to 1",
    ),
    "a reason that is no product": (
        lambda b: replace(b, candidates=like(b.candidates, [{0: (1.0, 0.1, 3)}, {}])),
        "candidates.because names no product",
    ),
    "a reason below none": (
        lambda b: replace(b, candidates=like(b.candidates, [{0: (1.0, 0.1, -2)}, {}])),
        "candidates.because names no product",
    ),
    "directions of other products": (
        lambda b: replace(b, directions=np.eye(2, dtype=np.float32)),
        "directions are not of the same products",
    ),
    "directions that lead nowhere": (
        lambda b: replace(b, directions=np.full((3, 2), np.nan, dtype=np.float32)),
        "directions must be finite",
    ),
    "new customers of segments that are not named": (
        lambda b: replace(b, newcomers=like(b.newcomers, [{}, {}])),
        "newcomers has 2 rows where 1 belong",
    ),
    "customers out of order": (
        lambda b: replace(b, customers=pa.table({"customer_id": ["ben", "ada"]})),
        "not sorted and unique",
    ),
    "a customer twice": (
        lambda b: replace(b, customers=pa.table({"customer_id": ["ada", "ada"]})),
        "not sorted and unique",
    ),
    "vectors of other customers": (
        lambda b: replace(b, vectors=pa.table({"customer_id": ["ada", "cleo"]})),
        "vectors are not of the same customers",
    ),
    "vectors of whole numbers": (
        lambda b: replace(b, vectors=columns(b.vectors, recency_days=[1, 2])),
        "neither floats nor text",
    ),
    "a misspelt column": (
        lambda b: replace(b, customers=columns(b.customers, churn_probabilty=[0.1, 0.2])),
        "unknown columns: churn_probabilty",
    ),
    "a required column missing": (
        lambda b: replace(b, products=b.products.drop_columns(["in_stock"])),
        "products lacks the column in_stock",
    ),
    "a null where none may be": (
        lambda b: replace(b, products=columns(b.products, in_stock=[True, None, True])),
        "products.in_stock holds nulls",
    ),
    "text where numbers belong": (
        lambda b: replace(b, products=columns(b.products, price=["a", "b", "c"])),
        "products.price is not double",
    ),
    "an unknown tier": (
        lambda b: replace(b, customers=columns(b.customers, tier=["gold", None])),
        "unknown tiers: gold",
    ),
}


SHARES: dict[str, tuple[str, Callable[[float], list[dict[int, tuple[float, ...]]]]]] = {
    "candidates": ("probability", lambda share: [{0: (1.0, share, -1)}, {}]),
    "popular": ("probability", lambda share: [{0: (1.0, share)}]),
    "cross_sell": ("support", lambda share: [{1: (1.0, share)}, {}, {}]),
}


@pytest.mark.parametrize("matrix", SHARES)
@pytest.mark.parametrize(
    ("share", "fits"),
    [
        (0.0, True),
        (1.0, True),
        (np.nextafter(np.float32(0), np.float32(-1)), False),
        (np.nextafter(np.float32(1), np.float32(2)), False),
    ],
)
def test_never_and_always_are_shares_and_nothing_beyond_them(
    tmp_path: Path, small_bundle: Callable[[], Bundle], matrix: str, share: float, fits: bool
) -> None:
    value, rows = SHARES[matrix]
    bundle = small_bundle()
    other: dict[str, Any] = {matrix: like(getattr(bundle, matrix), rows(share))}
    changed = replace(bundle, **other)
    if fits:
        read = read_bundle(write_bundle(tmp_path, changed))
        assert getattr(read, matrix).values[value].tolist() == [share]
    else:
        with pytest.raises(BundleError, match=f"{matrix}.{value} lies outside 0 to 1"):
            write_bundle(tmp_path, changed)


@pytest.mark.parametrize("because", [-1, 0, 2])
def test_every_product_may_be_a_reason_and_so_may_none(
    tmp_path: Path, small_bundle: Callable[[], Bundle], because: int
) -> None:
    bundle = small_bundle()
    told = like(bundle.candidates, [{0: (1.0, 0.1, because)}, {}])
    read = read_bundle(write_bundle(tmp_path, replace(bundle, candidates=told)))
    assert read.candidates.values["because"].tolist() == [because]


@pytest.mark.parametrize("name", UNFIT)
def test_parts_that_do_not_fit_are_refused_before_anything_is_left(
    tmp_path: Path, small_bundle: Callable[[], Bundle], name: str
) -> None:
    change, problem = UNFIT[name]
    with pytest.raises(BundleError, match=problem) as caught:
        write_bundle(tmp_path, change(small_bundle()))
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []
