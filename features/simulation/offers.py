"""The simulated shop's offers: one for each category, made by e-mail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.simulation.frames import midnight, numbered, timestamps, vocabulary_frame
from features.simulation.plan import Floats, Integers, ShopPlan
from features.simulation.words import CATEGORIES
from features.vocabulary import Columns as C

E_MAIL_COST = 0.12


def offers_frame(plan: ShopPlan) -> pd.DataFrame:
    """Return the vocabulary's ``offers`` table: one offer for each category."""
    n = len(CATEGORIES)
    always = np.ones(n, dtype=np.int64)
    return vocabulary_frame(
        "offers",
        {
            C.OFFER_ID: offer_ids(np.arange(n)),
            C.OFFER_NAME: [
                f"{rate:.0%} off {kind.name}"
                for kind, rate in zip(CATEGORIES, offer_rates(), strict=True)
            ],
            C.CATEGORY: [kind.name for kind in CATEGORIES],
            C.DISCOUNT_RATE: offer_rates(),
            C.CONTACT_COST: np.full(n, E_MAIL_COST),
            C.STARTS_AT: timestamps(plan, 0 * always),
            C.ENDS_AT: timestamps(plan, midnight((plan.days + 180) * always)),
        },
    )


def offer_ids(offer: Integers) -> Any:
    """Return the ids of offers by number, which is that of their category."""
    return numbered("OFFER", offer, 2)


def offer_rates() -> Floats:
    """Return the discount rate of each offer: half the margin, 10 % to 25 % in steps of 5 %."""
    margin = np.array([kind.margin for kind in CATEGORIES])
    return np.round(np.clip(margin / 2, 0.10, 0.25) * 20) / 20
