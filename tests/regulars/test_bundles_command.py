"""Publishing and rolling back are one command each, and none of them trains."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.bundle.folder import current_version, read_bundle, write_bundle
from models.bundle.manifest import activate
from regulars.settings import read_settings
from tests.regulars.small_bundles import small_bundle


@pytest.fixture
def two_bundles(tmp_path: Path) -> Path:
    root = tmp_path / ".regulars" / "bundles"
    for version, day in (("v1", date(2026, 5, 1)), ("v2", date(2026, 6, 1))):
        write_bundle(root, small_bundle(version, day))
        activate(root, version)
    path = tmp_path / "regulars.toml"
    path.write_text('[tables]\norders = { path = "orders.csv" }\n', encoding="utf-8")
    return path


@pytest.fixture
def beside_trained(trained: Path) -> Path:
    """Return settings of the trained shop with a products file and a workspace of their own."""
    text = trained.read_text().replace("data/products/*.parquet", "sold_out.parquet")
    path = trained.parent / "sold_out.toml"
    path.write_text(text + '[paths]\nworkspace = "sold_out"\n', encoding="utf-8")
    return path


def test_the_list_marks_what_is_served(regulars: Any, two_bundles: Path) -> None:
    shown = regulars("bundles", "list", "-c", two_bundles)
    assert shown.out.splitlines() == [
        "  v1  as of 2026-05-01  made 2026-06-02 12:00",
        "* v2  as of 2026-06-01  made 2026-06-02 12:00",
    ]


def test_an_earlier_bundle_is_served_again_by_its_name(regulars: Any, two_bundles: Path) -> None:
    shown = regulars("bundles", "activate", "v1", "-c", two_bundles)
    assert shown.out == "Now serving v1; before: v2\n"
    assert current_version(two_bundles.parent / ".regulars" / "bundles") == "v1"


@pytest.mark.parametrize(
    ("version", "problem"), [("v3", "regulars bundles list"), ("../v1", "cannot name a bundle")]
)
def test_what_is_no_bundle_is_refused_and_nothing_changes(
    regulars: Any, two_bundles: Path, version: str, problem: str
) -> None:
    shown = regulars("bundles", "activate", version, "-c", two_bundles)
    assert shown.code == 1
    assert problem in shown.err
    assert current_version(two_bundles.parent / ".regulars" / "bundles") == "v2"


def test_a_damaged_bundle_is_refused_before_it_is_served(regulars: Any, two_bundles: Path) -> None:
    root = two_bundles.parent / ".regulars" / "bundles"
    (root / "v1" / "customers.arrow").write_bytes(b"damaged")
    shown = regulars("bundles", "activate", "v1", "-c", two_bundles)
    assert "customers.arrow of bundle v1 is damaged" in shown.err
    assert current_version(root) == "v2"


# MLflow uses what SQLAlchemy deprecates.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_sells_out_after_the_training_is_out_of_stock_in_the_next_bundle(
    regulars: Any, trained: Path, beside_trained: Path
) -> None:
    products = pd.read_parquet(trained.parent / "data" / "products")
    sold_out = products["product_id"].iloc[:3].tolist()
    products["stock"] = 5
    products.loc[products["product_id"].isin(sold_out), "stock"] = 0
    products.to_parquet(trained.parent / "sold_out.parquet")
    shown = regulars("bundles", "publish", "-c", beside_trained)
    assert shown.code == 0, shown.err
    root = read_settings(beside_trained).bundles
    catalogue = read_bundle(root / str(current_version(root))).products.to_pandas()
    assert catalogue.set_index("product_id")["in_stock"].drop(sold_out).all()
    assert not catalogue.set_index("product_id")["in_stock"].loc[sold_out].any()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_is_published_without_models_or_of_a_day_that_they_learned_from(
    regulars: Any, trained: Path, beside_trained: Path
) -> None:
    shown = regulars("bundles", "publish", "-c", trained, "--as-of", "2026-03-01")
    assert shown.code == 1
    assert "the champions learned from days after 2026-03-01" in shown.err
    untrained = beside_trained.read_text().replace("corner shop", "other shop")
    beside_trained.write_text(untrained, encoding="utf-8")
    shown = regulars("bundles", "publish", "-c", beside_trained)
    assert shown.code == 1
    assert "regulars train" in shown.err
