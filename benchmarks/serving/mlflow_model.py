"""A small MLflow model that looks ten items up: run by itself, for MLflow takes long to load.

Usage: ``python mlflow_model.py FOLDER`` saves it there; MLflow then loads this file.
"""

from __future__ import annotations

import sys
from typing import Final

import mlflow.pyfunc
from mlflow.models import set_model

_CUSTOMERS: Final = 10_000


_ITEMS: Final = {
    f"C{customer:05d}": [f"P{(customer * 7 + k) % 50_000:05d}" for k in range(10)]
    for customer in range(_CUSTOMERS)
}


def look_up(model_input: list[str]) -> list[list[str]]:
    """Return the ten items of each customer, precomputed."""
    return [_ITEMS[customer] for customer in model_input]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__, pip_requirements=[])
else:
    set_model(look_up)
