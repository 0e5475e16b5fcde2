"""Spark says what DuckDB says, row for row, of the same files and after the same refresh."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from features import labels
from features.engine import Engine
from features.engines import open_engine
from features.errors import SettingsError
from features.family import discover_families
from features.prepare import Prepared, prepare
from features.rollup import discover_rollups
from features.settings import CheckSettings, DataSettings, EngineSettings
from features.simulate import ShopPlan, simulate
from features.spark_session import require_spark
from features.vectors import build_vectors
from features.vocabulary import TABLES

NOW = datetime(2026, 12, 1)  # noqa: DTZ001  the code counts in naive UTC
HORIZON_DAYS = 60
# Sums of the same numbers in another order differ in their last bits.
RELATIVE, ABSOLUTE = 1e-9, 1e-6
# For data this small Spark is mostly getting ready: to compile nothing halves that.
QUICK = {
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
KINDS = {
    "events": "parquet",
    "costs": "parquet",
    "contacts": "parquet",
    "referrals": "parquet",
    "products": "duckdb",
}
# Each is a copy of its table's first row with some values replaced; all are bad but those of "".
PLANTED: dict[str, list[tuple[str, dict[str, str]]]] = {
    "orders": [
        ("", {"ts": "2025/1/5 10:00", "channel": 'two\nlines, and a "quote"'}),
        ("", {"ts": " 2025-01-05T10:00+02:00", "customer_id": "\tfive \f"}),
        ("", {"ts": "2025-01-05 10:00:00.25Z", "quantity": " +1.e0 ", "discount": "nan"}),
        *(("ts_unreadable", {"ts": ts}) for ts in ("soon", "2025", "12:30", "2025-02-30")),
        ("ts_unreadable", {"ts": "2025-01-05 10:00 +02:00"}),
        *(("ts_impossible", {"ts": ts}) for ts in ("2999-01-01", "0001-01-01")),
        *(("ts_missing", {"ts": ts}) for ts in ("", "None")),
        *(("customer_id_missing", {"customer_id": name}) for name in ("  ", "nan")),
        *(("quantity_unreadable", {"quantity": text}) for text in ("1.5f", "1_000", "0x1p3")),
        ("quantity_zero", {"quantity": "0", "discount": ""}),
        *(("unit_price_unreadable", {"unit_price": text}) for text in ("inf", "1e400", "1,5")),
        ("unit_price_negative", {"unit_price": "-3"}),
        ("", {"product_id": "POSTAGE"}),
        ("", {"product_id": "DISCOUNT", "unit_price": "-3", "discount": ""}),
        ("", {"product_id": "FEE", "order_id": "a"}),
        ("discount_above_price", {"discount": "-1e9"}),
    ],
    "customers": [
        ("key_repeated", {}),
        ("", {"customer_id": "view", "birth_year": "1980.0", "email_consent": " Yes "}),
        ("birth_year_unreadable", {"customer_id": "a", "birth_year": "1980.5"}),
        ("birth_year_outside", {"customer_id": "b", "birth_year": "190"}),
        ("email_consent_unreadable", {"customer_id": "c", "email_consent": "maybe"}),
    ],
    "events": [("event_type_unknown", {"event_type": "purchase"})],
    "surveys": [
        ("survey_unknown", {"survey": "mood"}),
        ("score_outside", {"survey": "nps", "score": "11"}),
    ],
    "points": [("movement_unknown", {"movement": "lost"}), ("points_negative", {"points": "-5"})],
    "contracts": [("ends_before_start", {"contract_id": "a", "ends_at": "1999-01-01"})],
    "offers": [("discount_rate_outside", {"offer_id": "a", "discount_rate": "20"})],
}
# Each share of the customers, and these differ, has rows of its own in them.
SHOP_WIDE = [rollup.name for rollup in discover_rollups() if not rollup.by_customer]
Found = dict[str, pd.DataFrame]


# The comparison


def differences(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """Columns in which two frames differ, whatever the order of their rows."""
    if list(ours.columns) != list(theirs.columns) or len(ours) != len(theirs):
        return ["columns or number of rows"]
    ours, theirs = _in_order(ours), _in_order(theirs)
    return [name for name in ours if not _same(ours[name], theirs[name])]


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """By what is exact first, and only then by numbers that differ in their last bits."""
    names = sorted(frame.columns, key=lambda name: pd.api.types.is_float_dtype(frame[name]))
    return frame.sort_values(names, ignore_index=True)


def _same(ours: pd.Series[Any], theirs: pd.Series[Any]) -> bool:
    if not (ours.isna() == theirs.isna()).all():
        return False
    one, other = ours.dropna(), theirs.dropna()
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(other):
        pair = one.to_numpy(float), other.to_numpy(float)
        return np.allclose(*pair, rtol=RELATIVE, atol=ABSOLUTE)
    return one.tolist() == other.tolist()


FRAME = pd.DataFrame({"id": ["a", "b", "b"], "x": [0.1 + 0.2, 1e9, np.nan], "n": [1, 2, 3]})


def test_the_comparison_overlooks_the_order_of_rows_and_last_bits() -> None:
    assert FRAME.loc[0, "x"] != 0.3
    assert differences(FRAME, FRAME.assign(x=[0.3, 1e9, np.nan]).iloc[::-1]) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (FRAME.assign(x=[0.3, 1e9, 0.0]), ["x"]),
        (FRAME.assign(x=[0.30001, 1e9, np.nan]), ["x"]),
        (FRAME.assign(x=[0.3, 1e9 + 10, np.nan]), ["x"]),
        (FRAME.assign(id=["a", "b", None]), ["id"]),
        (FRAME.assign(id=["a", "b", "c"]), ["id"]),
        (FRAME.assign(n=[1, 3, 2]), ["x"]),
        (FRAME.iloc[1:], ["columns or number of rows"]),
        (FRAME.drop(columns="n"), ["columns or number of rows"]),
    ],
)
def test_the_comparison_finds_what_differs(planted: pd.DataFrame, found: list[str]) -> None:
    assert differences(FRAME, planted) == found


# One shop, both engines


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    try:
        require_spark(os.environ)
    except SettingsError as lacking:
        pytest.skip(lacking.problem)
    settings = EngineSettings(kind="spark", threads=2, spark=QUICK)
    with open_engine(settings, tmp_path_factory.mktemp("spark")) as engine:
        yield engine


@pytest.fixture(scope="module")
def found(spark: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Found]]:
    """What each engine made of a shop's records, and of these with one more delivery."""
    base = tmp_path_factory.mktemp("shop")
    frames = next(iter(simulate(ShopPlan(n_customers=60, seed=3, days=400)))).tables
    second = frames["orders"]["ts"].max().normalize() - timedelta(days=20)
    found: dict[str, list[Found]] = {"duckdb": [], "spark": []}
    with open_engine(EngineSettings(threads=1), base / "spill") as duckdb_engine:
        for number in (0, 1):
            sources = {
                name: deliver(frame, base, name, number, second) for name, frame in frames.items()
            }
            for kind, engine in (("duckdb", duckdb_engine), ("spark", spark)):
                settings = DataSettings(
                    tables=sources,
                    base=base,
                    workspace=Path(kind),
                    checks=CheckSettings(tolerance=1, product_id_pattern="^P[0-9]"),
                    engine=EngineSettings(kind=kind, buckets=2),
                )
                prepared = prepare(engine, settings, NOW)
                more = outcomes(engine, prepared) if number else {}
                found[kind].append(stored(prepared) | more)
    return found


def deliver(
    frame: pd.DataFrame, base: Path, name: str, number: int, second: datetime
) -> dict[str, str]:
    """Write what the first or the second delivery holds of a table, the first with bad rows."""
    kind = KINDS.get(name, "csv")
    source = {"path": f"{name}-*.{kind}"} | ({"table": name} if kind == "duckdb" else {})
    if TABLES[name].key and number:
        return source
    if not TABLES[name].key:
        frame = frame[(frame["ts"] >= second) == bool(number)]
    planted = PLANTED.get(name, []) if number == 0 else []
    frame = pd.concat([frame, *(frame.head(1).assign(**values) for _, values in planted)])
    path = base / f"{name}-{number}.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path, index=False)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.register("frame", frame)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
    return source


def stored(prepared: Prepared) -> Found:
    """Everything in the workspace, and what was said of it."""
    reports = [asdict(report) for report in prepared.reports]
    found = {
        "reports": pd.DataFrame(reports).drop(columns=["content", "rules"]).astype(str),
        "rules": pd.DataFrame([rule for report in reports for rule in report["rules"]]),
        "work": pd.DataFrame(prepared.work.items()),
    }
    for kind in ("clean", "quarantine", "rollups"):
        for folder in (prepared.store.folder / kind).iterdir():
            parts = [pd.read_parquet(file, partitioning=None) for file in folder.rglob("*.parquet")]
            frame = pd.concat(parts, ignore_index=True)
            if kind == "clean":  # the files also have room for what is said of bad rows
                frame = frame[[column.name for column in TABLES[folder.name].columns]]
            if folder.name in SHOP_WIDE:
                keys = {*frame.select_dtypes("str"), "day", "known_from"}
                frame = frame.groupby(sorted(keys), as_index=False).sum()
            found[f"{kind}/{folder.name}"] = frame
    return found


def outcomes(engine: Engine, prepared: Prepared) -> Found:
    """Vectors and labels at two cutoffs."""
    cutoffs = [prepared.today - timedelta(days=days) for days in (HORIZON_DAYS, 150)]
    vectors = build_vectors(engine, prepared.rollups, discover_families(), cutoffs)
    assert vectors.names == [column.name for f in discover_families() for column in f.columns]
    shop = (engine, prepared.rollups)
    horizon = (*shop, cutoffs, HORIZON_DAYS)
    gaps = labels.order_gaps_days(*shop, prepared.today)
    return {
        "vectors": vectors.frame,
        "labels/churn_value": labels.build_labels(
            *horizon, lookback_days=365, yearly_discount_rate=0.1
        ),
        "labels/products": labels.next_products(*horizon, lookback_days=365),
        "labels/offers": labels.offer_responses(*horizon, response_days=14),
        "labels/surveys": labels.next_survey_scores(*horizon, lookback_days=365),
        "labels/gaps": pd.DataFrame({"days": gaps}),
    }


@pytest.mark.parametrize("delivery", [0, 1])
@pytest.mark.parametrize("what", ["reports", "rules", "work", "clean", "quarantine", "rollups"])
def test_both_engines_derive_the_same_at_first_and_by_refresh(
    found: dict[str, list[Found]], what: str, delivery: int
) -> None:
    duckdb_found, spark_found = found["duckdb"][delivery], found["spark"][delivery]
    assert duckdb_found.keys() == spark_found.keys()
    names = [name for name in duckdb_found if name.split("/")[0] == what]
    assert names
    assert {name: differences(duckdb_found[name], spark_found[name]) for name in names} == {
        name: [] for name in names
    }


@pytest.mark.parametrize(
    "what", ["vectors", "churn_value", "products", "offers", "surveys", "gaps"]
)
def test_vectors_and_labels_are_the_same(found: dict[str, list[Found]], what: str) -> None:
    name = what if what == "vectors" else f"labels/{what}"
    one, other = found["duckdb"][1][name], found["spark"][1][name]
    assert len(one) > 0
    assert differences(one, other) == []
    assert one.dtypes.to_dict() == other.dtypes.to_dict()


def test_every_planted_row_is_judged_as_meant(found: dict[str, list[Found]]) -> None:
    for name, rows in PLANTED.items():
        quarantine = found["spark"][0][f"quarantine/{name}"].sort_values("source_row")
        assert quarantine["reasons"].tolist() == [f"{rule};" for rule, _ in rows if rule]
    orders = found["spark"][0]["clean/orders"]
    assert orders["product_id"].isna().sum() == 3
    assert (orders["channel"] == 'two\nlines, and a "quote"').sum() == 1
    assert orders.loc[orders["customer_id"] == "five", "ts"].tolist() == [
        pd.Timestamp("2025-01-05 08:00")
    ]


def test_the_second_delivery_was_appended(found: dict[str, list[Found]]) -> None:
    work = dict(found["spark"][1]["work"].to_numpy().tolist())
    assert work["orders"] == work["events"] == work["rollups"] == "appended"
    assert work["customers"] == "kept"
