"""A Feast repository with ten items for each customer: run by the Python of Feast's environment.

Usage: ``python feast_shop.py FOLDER``, which is empty.
"""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd

_CUSTOMERS: Final = 10_000
_SETTINGS: Final = """\
project: shop
provider: local
registry: registry.db
online_store:
  type: sqlite
  path: online.db
entity_key_serialization_version: 3
"""


def main(folder: Path) -> None:
    """Describe the features, and write them to the online store."""
    feast: Any = importlib.import_module("feast")
    types: Any = importlib.import_module("feast.types")
    (folder / "feature_store.yaml").write_text(_SETTINGS, encoding="utf-8")
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{customer:05d}" for customer in range(_CUSTOMERS)],
            "items": [
                [f"P{(customer * 7 + k) % 50_000:05d}" for k in range(10)]
                for customer in range(_CUSTOMERS)
            ],
            "ts": datetime.now(UTC),
        }
    )
    frame.to_parquet(folder / "items.parquet")
    customer = feast.Entity(
        name="customer_id", join_keys=["customer_id"], value_type=feast.ValueType.STRING
    )
    view = feast.FeatureView(
        name="recommendations",
        entities=[customer],
        ttl=timedelta(days=30),
        schema=[feast.Field(name="items", dtype=types.Array(types.String))],
        source=feast.FileSource(path=str(folder / "items.parquet"), timestamp_field="ts"),
    )
    store = feast.FeatureStore(repo_path=str(folder))
    store.apply([customer, view])
    store.write_to_online_store("recommendations", df=frame)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
