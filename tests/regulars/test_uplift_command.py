"""``regulars train uplift``: what contacts change, learned where customers were held out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from features.simulate import ShopPlan, write_shop
from models.registry import champion, open_client
from regulars.settings import read_settings

# MLflow uses what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SETTINGS = """
[shop]
name = "mail shop"
[tables]
orders = { path = "data/orders/*.parquet" }
products = { path = "data/products/*.parquet" }
customers = { path = "data/customers/*.parquet" }
contacts = { path = "data/contacts/*.parquet" }
[engine]
threads = 1
memory_limit = "1GB"
[training]
horizon_days = 30
value_horizon_days = 30
response_days = 14
"""


def test_the_effect_is_judged_and_kept_with_its_evidence(
    regulars: Callable[..., Any], tmp_path: Path
) -> None:
    write_shop(ShopPlan(n_customers=800, seed=5, days=200), tmp_path / "data")
    config = tmp_path / "regulars.toml"
    config.write_text(SETTINGS, encoding="utf-8")
    printed = regulars("train", "uplift", "-c", config)
    assert printed.code == 0, printed.err
    assert "14 days ahead" in printed.one_line
    for word in ("uplift", "response", "random", "qini", "Evidence: randomised"):
        assert word in printed.one_line
    assert "Nothing published: mail shop has no champion for churn yet; run" in printed.one_line
    champion_now = champion(open_client(read_settings(config).mlruns), "mail shop.uplift")
    assert (champion_now is None) == ("not promoted" in printed.one_line)
    if champion_now is not None:
        assert champion_now.card["definition"]["contact_cost"] == pytest.approx(0.12)
        assert champion_now.card["definition"]["evidence"] == "randomised"


def test_a_shop_without_contacts_is_refused(regulars: Callable[..., Any], config: Path) -> None:
    printed = regulars("train", "uplift", "-c", config)
    assert printed.code == 1
    assert "contacts" in printed.err
