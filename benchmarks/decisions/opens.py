"""What opened e-mails reveal to a reader who knows how the simulated customers were made.

Customers open e-mails at rates of their own, and fewer once they have left. So the opens before
the last sign of life tell the rate, and with it of the effect; those since tell besides whether
there still is anybody. When a silent customer left is taken as one of a few spans of the
silence, in whose midst the e-mails fall half before and half after.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.simulate import ShopPlan
from features.simulation.contacts import OPENED_AFTER_LEAVING
from features.vocabulary import Columns as C

Floats = NDArray[np.float64]

_SPANS: Final = 8


@dataclass(frozen=True, eq=False)
class Opens:
    """E-mails opened and ignored by n customers, those that led to an order left out.

    Attributes
    ----------
    opened, ignored
        Before the last sign of life, shape (n,).
    opened_by, ignored_by
        Since then, until the end of each span's first half, and in all of the silence: (n, spans
        + 1).
    """

    opened: Floats
    ignored: Floats
    opened_by: Floats
    ignored_by: Floats

    def evidence(self, rate: float) -> Floats:
        """Return the log likelihood of what was opened before the last sign of life."""
        return np.asarray(self.opened * np.log(rate) + self.ignored * np.log1p(-rate))

    def silence(
        self, rate: float, acting: Floats, dropout: Floats, days: Floats
    ) -> tuple[Floats, Floats]:
        """Return P(silent, and opened what was | rates): still there, and left, each (n,).

        Parameters
        ----------
        rate
            Share of e-mails opened while a customer stays.
        acting, dropout
            Rates per day of what breaks a silence and of leaving.
        days
            Length of the silence.
        """
        later = OPENED_AFTER_LEAVING * rate
        as_if_left = self.opened_by[:, -1] * np.log(later)
        as_if_left += self.ignored_by[:, -1] * np.log1p(-later)
        stayed = np.exp(
            as_if_left[:, None]
            - self.opened_by * np.log(OPENED_AFTER_LEAVING)
            + self.ignored_by * (np.log1p(-rate) - np.log1p(-later))
        )
        until = np.exp(-((acting + dropout) * days)[:, None] * np.linspace(0, 1, _SPANS + 1))
        left = (-np.diff(until, axis=1) * stayed[:, :-1]).sum(axis=1)
        return until[:, -1] * stayed[:, -1], left * dropout / (acting + dropout)


def read_opens(plan: ShopPlan, data: Path, who: pd.Index[str], silent_from: Floats) -> Opens:
    """Count e-mails; ``silent_from`` is the day after the last sign of life, shape (n,)."""
    contacts = pd.read_parquet(data / "contacts")
    sent = contacts[contacts[C.TREATED] & contacts[C.ACCEPTED_AT].isna()]
    place = who.get_indexer(pd.Index(sent[C.CUSTOMER_ID]))
    sent, place = sent[place >= 0], place[place >= 0]
    day = (sent[C.TS] - pd.Timestamp(plan.start)).dt.days.to_numpy()
    opened = sent[C.OPENED_AT].notna().to_numpy()
    length = np.maximum(plan.days - silent_from, 1.0)
    share = (day - silent_from[place]) / length[place]
    # Of halves of spans, the first span's first half is 0; what came before the silence, -1.
    half = np.where(share < 0, -1, np.floor(share * 2 * _SPANS)).astype(np.int64)

    def count(chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        cells = np.zeros((len(who), 2 * _SPANS + 1))
        np.add.at(cells, (place[chosen], half[chosen] + 1), 1.0)
        by_half = np.cumsum(cells[:, 1:], axis=1)
        return cells[:, 0], np.column_stack([by_half[:, ::2], by_half[:, -1]])

    (seen_opened, opened_by), (seen_ignored, ignored_by) = count(opened), count(~opened)
    return Opens(seen_opened, seen_ignored, opened_by, ignored_by)
