"""Rolling back is one command: which bundles there are, and serving an earlier one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.bundle.folder import Bundle, SparseRows, current_version, write_bundle
from models.bundle.manifest import Manifest, activate
from models.bundle.schema import MATRICES

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


def empty_bundle(version: str, as_of: date) -> Bundle:
    manifest = Manifest(
        version=version,
        created_at=NOW,
        as_of=as_of,
        currency="EUR",
        shop="corner shop",
        horizon_days=90,
        value_horizon_days=365,
        population="nobody",
        discount_rate=0.1,
        margin_assumed=None,
        models={},
        data_fingerprint="d",
        vector_fingerprint="v",
    )
    none: Any = pa.table({"customer_id": pa.array([], pa.string())})
    matrices = {
        name: SparseRows.from_rows(
            [{}] if name in {"popular", "newcomers"} else [], dict.fromkeys(values, np.float32)
        )
        for name, values in MATRICES.items()
    }
    return Bundle(
        manifest=manifest,
        customers=none,
        vectors=none,
        products=pa.table(
            {
                "product_id": pa.array([], pa.string()),
                "in_stock": pa.array([], pa.bool_()),
                "retired": pa.array([], pa.bool_()),
            }
        ),
        offers=pa.table(
            {
                "offer_id": pa.array([], pa.string()),
                "offer_name": pa.array([], pa.string()),
                "discount_rate": pa.array([], pa.float64()),
                "contact_cost": pa.array([], pa.float64()),
            }
        ),
        **matrices,
        directions=np.zeros((0, 1), dtype=np.float32),
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    root = tmp_path / ".regulars" / "bundles"
    for version, day in (("v1", date(2026, 5, 1)), ("v2", date(2026, 6, 1))):
        write_bundle(root, empty_bundle(version, day))
        activate(root, version)
    path = tmp_path / "regulars.toml"
    path.write_text('[tables]\norders = { path = "orders.csv" }\n', encoding="utf-8")
    return path


def test_the_list_marks_what_is_served(regulars: Any, config: Path) -> None:
    shown = regulars("bundles", "list", "-c", config)
    assert shown.out.splitlines() == [
        "  v1  as of 2026-05-01  made 2026-06-02 12:00",
        "* v2  as of 2026-06-01  made 2026-06-02 12:00",
    ]


def test_an_earlier_bundle_is_served_again_by_its_name(regulars: Any, config: Path) -> None:
    shown = regulars("bundles", "activate", "v1", "-c", config)
    assert shown.out == "Now serving v1; before: v2\n"
    assert current_version(config.parent / ".regulars" / "bundles") == "v1"


@pytest.mark.parametrize(
    ("version", "problem"), [("v3", "no bundle in"), ("../v1", "cannot name a bundle")]
)
def test_what_is_no_bundle_is_refused_and_nothing_changes(
    regulars: Any, config: Path, version: str, problem: str
) -> None:
    shown = regulars("bundles", "activate", version, "-c", config)
    assert shown.code == 1
    assert problem in shown.err
    assert current_version(config.parent / ".regulars" / "bundles") == "v2"


def test_a_damaged_bundle_is_refused_before_it_is_served(regulars: Any, config: Path) -> None:
    root = config.parent / ".regulars" / "bundles"
    (root / "v1" / "customers.arrow").write_bytes(b"damaged")
    shown = regulars("bundles", "activate", "v1", "-c", config)
    assert "customers.arrow of bundle v1 is damaged" in shown.err
    assert current_version(root) == "v2"
