"""Why a retention list came out empty, and what to bring or change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from features.wording import counted
from models.bundle.schema import BundleColumns as B
from serving.catalogue import Catalogue
from serving.decisions.gates.stops import Stop
from serving.decisions.offers import OfferBook
from serving.lookups.columns import floats

_NO_OFFER: Final = (
    "No offer is declared on an outbound channel, so a plain contact by email was weighed; "
    "docs/offers.md says how to declare offers"
)
_NO_VALUE: Final = (
    "No customer has a value at risk: without margins no contact is worth anything. Bring "
    "unit_cost with the products, or set shop.margin_rate above 0, and train again"
)
_CONSENT_UNKNOWN: Final = (
    "nothing says whether the customer agreed to be contacted. Bring a customers table with "
    "email_consent; or, if all agreed, declare it in the file of offers "
    '([policy.channels.email] consent = "true"), name the file under [serving] offers, and run '
    "`regulars offers apply`"
)
_RULES: Final = (
    "the offer's days, channels, stock or rules are against it. `regulars offers check` counts who "
    "passes each gate"
)
_LATELY: Final = "the customer was contacted often enough, or the channel has its quiet hours"
_WORTHLESS: Final = (
    "it is allowed, but is worth no more than it costs, or exceeds the budget, or the customer has "
    "no score"
)


def reasons_of_empty_list(
    catalogue: Catalogue, book: OfferBook, stopped: Mapping[Stop, int]
) -> Iterator[str]:
    """Yield sentences, the commonest stop first.

    Parameters
    ----------
    stopped
        How many contacts, of each customer and offer, stopped where.
    """
    counts = Counter[str]()
    for stop, count in stopped.items():
        counts[_words(stop)] += count
    for words, count in counts.most_common():
        yield f"{counted(count, 'contact')}: {words}"
    channels = {name for offer in book.offers for name in offer.channels}
    if not any(book.channels[name].outbound for name in channels & set(book.channels)):
        yield _NO_OFFER
    at_risk = floats(catalogue.bundle.customers.column(B.VALUE_AT_RISK))
    if not np.any(at_risk > 0):
        yield _NO_VALUE


def _words(stop: Stop) -> str:
    if stop == Stop.PASSED:
        return _WORTHLESS
    if stop == Stop.CONSENT_UNKNOWN:
        return _CONSENT_UNKNOWN
    if stop == Stop.NO_CONSENT:
        return "the customer did not agree to be contacted"
    return _LATELY if stop >= Stop.NOBODY else _RULES
