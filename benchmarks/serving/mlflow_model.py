"""A small MLflow model that looks ten items up: run by itself, for MLflow takes long to load.

Usage: ``python mlflow_model.py FOLDER`` saves it there; MLflow then loads this file.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import mlflow.pyfunc
from mlflow.models import set_model

_CUSTOMERS: Final = 10_000


class LookUp(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow's types are not read
    """Ten items for each customer, precomputed."""

    def __init__(self) -> None:
        self._items = {
            f"C{customer:05d}": [f"P{(customer * 7 + k) % 50_000:05d}" for k in range(10)]
            for customer in range(_CUSTOMERS)
        }

    def predict(self, context: Any, model_input: list[str]) -> list[list[str]]:
        """Return the items of each customer."""
        return [self._items[customer] for customer in model_input]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(sys.argv[1], python_model=__file__, pip_requirements=[])
else:
    set_model(LookUp())
