"""Offers and consent for the bundle: what the shop's tables say, and what is declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from features.engine import Engine
from features.prepare import Prepared
from features.vocabulary import Columns as C
from models.bundle.schema import OFFERS
from models.bundle.schema import BundleColumns as B
from models.offers.bundling import offer_rows
from models.offers.declarations import Declarations


def offers_of(engine: Engine, prepared: Prepared, declared: Declarations) -> Any:
    """Return the table's offers and the declared ones, as the bundle holds them."""
    if "offers" not in prepared.clean:
        return offer_rows(OFFERS.empty_table(), declared)
    offers = engine.frame(prepared.clean["offers"])
    table = pd.DataFrame(
        {
            C.OFFER_ID: offers[C.OFFER_ID],
            C.OFFER_NAME: offers[C.OFFER_NAME],
            C.PRODUCT_ID: offers[C.PRODUCT_ID],
            C.CATEGORY: offers[C.CATEGORY],
            C.DISCOUNT_RATE: offers[C.DISCOUNT_RATE].fillna(0.0),
            C.CONTACT_COST: offers[C.CONTACT_COST].fillna(0.0),
            B.STARTS_ON: offers[C.STARTS_AT].dt.date,
            B.ENDS_ON: offers[C.ENDS_AT].dt.date,
        }
    )
    return offer_rows(pa.Table.from_pandas(table, preserve_index=False), declared)


def email_consent(
    engine: Engine, prepared: Prepared, customer_ids: NDArray[np.str_]
) -> ExtensionArray:
    """Return each customer's present consent to e-mail; missing if unknown.

    It is no feature: consent withdrawn when leaving would leak the leaving to earlier cutoffs. For
    the decision whom to write to the latest state is the right one.
    """
    if "customers" not in prepared.clean:
        return pd.array([None] * len(customer_ids), dtype="boolean")
    customers = prepared.clean["customers"]
    frame = engine.frame(customers.select(C.CUSTOMER_ID, C.EMAIL_CONSENT))
    consent = frame.set_index(C.CUSTOMER_ID)[C.EMAIL_CONSENT].reindex(customer_ids)
    return consent.astype("boolean").array
