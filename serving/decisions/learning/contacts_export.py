"""Outcomes as rows of the ``contacts`` table, so that the next training learns from them.

A row is one offer made to a known customer or, for a customer in the holdout, the offer that would
have come first: the same policy chose it and chance withheld it, so that effects can be learned
from the comparison. Products shown at full price are not contacts.
"""

from __future__ import annotations

from typing import Final

import pandas as pd

from features.vocabulary import Columns as C
from models.policy.variants import HOLDOUT
from serving.decisions.learning.logged_choices import LoggedChoice
from serving.decisions.learning.outcome_columns import OutcomeColumns as O
from serving.decisions.policies.exploration import OFFER

CAMPAIGN: Final = "next best offer"

_COLUMNS: Final = [
    C.CONTACT_ID, C.CUSTOMER_ID, C.CAMPAIGN_ID, C.TS, C.TREATED, C.CHANNEL, C.OFFER_ID, C.COST,
    C.OPENED_AT, C.ACCEPTED_AT,
]  # fmt: skip


def as_contacts(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the contacts among some outcomes, with the names of the vocabulary.

    Columns: ``contact_id, customer_id, campaign_id, ts, treated`` (false where held out),
    ``channel`` (the placement), ``offer_id, cost, opened_at`` (the first click), ``accepted_at``.
    """
    known = outcomes[outcomes[C.CUSTOMER_ID].notna()]
    made = known[known[O.ACTION] == "offer"].assign(treated=True)
    held_out = known[(known[O.VARIANT] == HOLDOUT) & known[O.PROPENSITY].notna()]
    offers = held_out[O.CHOICE].map(_withheld_offer).astype("string")
    withheld = held_out.assign(offer_id=offers, treated=False)
    contacts = pd.concat([made, withheld.dropna(subset=[C.OFFER_ID])])
    contacts = contacts.sort_values([C.TS, O.DECISION_ID, O.RANK], ignore_index=True)
    named = contacts.rename(
        columns={O.PLACEMENT: C.CHANNEL, C.CONTACT_COST: C.COST, O.CLICKED_AT: C.OPENED_AT}
    )
    ids = named[O.DECISION_ID] + " " + named[O.RANK].astype("string")
    whole = named.assign(contact_id=ids, campaign_id=CAMPAIGN)[_COLUMNS]
    return whole.astype({C.TREATED: bool, C.CAMPAIGN_ID: "string"})


def _withheld_offer(choice: LoggedChoice) -> str | None:
    """Return the offer that would have come first; None where no offer would have."""
    # The first of equals, as the policy has it: doing nothing, which is worth 0, before any offer.
    best = max(choice.candidates, key=lambda each: each.value)
    return best.id.removeprefix(OFFER) if best.id.startswith(OFFER) else None
