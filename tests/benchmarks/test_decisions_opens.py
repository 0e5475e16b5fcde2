"""What opened e-mails tell a reader of who has left, against the integral over every moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.decisions.opens import Opens, read_opens
from features.simulate import ShopPlan
from features.simulation.contacts import OPENED_AFTER_LEAVING
from features.vocabulary import Columns as C

PLAN = ShopPlan(n_customers=1, days=400, mailing="weekly")
RATE, ACTING, DROPOUT = 0.4, 0.01, 0.004


def one_customer(tmp_path: Path, days: list[int], opened: list[bool], silent_from: int) -> Opens:
    sent = pd.to_datetime(PLAN.start) + pd.to_timedelta(days, unit="D") + pd.Timedelta(hours=6)
    frame = pd.DataFrame(
        {
            C.CUSTOMER_ID: "C1",
            C.TS: sent,
            C.TREATED: True,
            C.OPENED_AT: [at if was else pd.NaT for at, was in zip(sent, opened, strict=True)],
            C.ACCEPTED_AT: pd.NaT,
        }
    )
    (tmp_path / "contacts").mkdir()
    frame.to_parquet(tmp_path / "contacts" / "part.parquet")
    return read_opens(PLAN, tmp_path, pd.Index(["C1"]), np.array([float(silent_from)]))


def by_integral(days: list[int], opened: list[bool], silent_from: int) -> tuple[float, float]:
    """Weigh every moment of leaving, in steps of a twentieth of a day."""
    after = np.array(days) >= silent_from
    sent, was = np.array(days)[after] + 0.25, np.array(opened)[after]
    length = PLAN.days - silent_from

    def likelihood(leaves: float) -> float:
        rate = np.where(sent > leaves, OPENED_AFTER_LEAVING * RATE, RATE)
        return float(np.prod(np.where(was, rate, 1 - rate)))

    moments = np.arange(0.025, length, 0.05)
    density = DROPOUT * np.exp(-(ACTING + DROPOUT) * moments)
    left = sum(d * likelihood(silent_from + m) for d, m in zip(density, moments, strict=True))
    there = np.exp(-(ACTING + DROPOUT) * length) * likelihood(np.inf)
    return there, left * 0.05


@pytest.mark.parametrize("last_opened", [0, 150, 300, 399])
def test_opens_since_the_last_order_show_who_is_still_there(
    tmp_path: Path, last_opened: int
) -> None:
    days = list(range(15, 400, 7))
    opened = [day <= last_opened and number % 2 == 0 for number, day in enumerate(days)]
    silent_from = 100
    opens = one_customer(tmp_path, days, opened, silent_from)
    length = np.array([float(PLAN.days - silent_from)])
    there, left = opens.silence(RATE, np.array([ACTING]), np.array([DROPOUT]), length)
    exact_there, exact_left = by_integral(days, opened, silent_from)
    assert there[0] == pytest.approx(exact_there)
    p_there = there[0] / (there[0] + left[0])
    assert p_there == pytest.approx(exact_there / (exact_there + exact_left), abs=0.06)


def test_what_was_opened_before_counts_for_the_rate_alone(tmp_path: Path) -> None:
    opens = one_customer(tmp_path, [20, 27, 34, 200], [True, True, False, False], 100)
    assert (opens.opened[0], opens.ignored[0]) == (2, 1)
    assert opens.evidence(RATE)[0] == pytest.approx(2 * np.log(RATE) + np.log(1 - RATE))
    assert opens.ignored_by[0, -1] == 1
