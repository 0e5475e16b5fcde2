"""Trials of hyperparameters on the terminal."""

from __future__ import annotations

import io

import pandas as pd
from rich.console import Console

from models.boosting import BoostingParameters
from regulars.console import show_frame
from regulars.train_shop import side_by_side


def test_five_trials_fit_on_a_terminal_with_every_name_in_full() -> None:
    defaults = vars(BoostingParameters())
    tried = [{"trial": n, "log_loss": 0.5 + n / 100, "roc_auc": 0.75, **defaults} for n in range(5)]
    text = io.StringIO()
    show_frame(Console(file=text, width=80), side_by_side(pd.DataFrame(tried)), "Tried")
    rows = [[cell.strip() for cell in line.split("│")] for line in text.getvalue().splitlines()]
    shown = {row[1]: row[2:-1] for row in rows if len(row) > 2}
    assert set(shown) == {"log_loss", "roc_auc", *defaults}
    assert shown["log_loss"] == ["0.5000", "0.5100", "0.5200", "0.5300", "0.5400"]
    assert shown["most_rows_a_tree"] == ["40,000"] * 5
    assert all(f"trial {n}" in text.getvalue() for n in range(5))
