"""Where an offer stops on its way to a customer, and why."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Gate = Literal["eligible", "applicable", "suitable", "contact_policy", "arbitration"]


class Stop(IntEnum):
    """The first thing that kept an offer from a customer, in the order of the gates."""

    PASSED = 0
    # Eligible: may we?
    UNKNOWN_PRODUCT = 10
    OUT_OF_STOCK = 11
    RETIRED = 12
    NONE_SELLABLE = 13
    PRODUCT_DISMISSED = 14
    OFFER_DISMISSED = 15
    NOT_ELIGIBLE = 16
    ELIGIBILITY_UNKNOWN = 17
    # Applicable: does it fit now?
    NOT_YET = 20
    ENDED = 21
    OTHER_CHANNEL = 22
    OTHER_PLACEMENT = 23
    NOT_APPLICABLE = 24
    APPLICABILITY_UNKNOWN = 25
    # Suitable: is it good for the customer?
    NOT_SUITABLE = 30
    SUITABILITY_UNKNOWN = 31
    # Contact policy
    NOBODY = 40
    NO_CONSENT = 41
    CONSENT_UNKNOWN = 42
    QUIET_HOURS = 43
    FATIGUE = 44
    CUSTOMER_CAP_DAY = 45
    CUSTOMER_CAP_WEEK = 46
    CUSTOMER_CAP_MONTH = 47
    CHANNEL_CAP_DAY = 48
    CHANNEL_CAP_WEEK = 49
    CHANNEL_CAP_MONTH = 50
    OFFER_CAP_DAY = 51
    OFFER_CAP_WEEK = 52
    OFFER_CAP_MONTH = 53


GATES: Final[tuple[Gate, ...]] = (
    "arbitration",
    "eligible",
    "applicable",
    "suitable",
    "contact_policy",
)
"""By number: 0 is what comes after all gates were passed."""

_GATE_NUMBERS: Final = np.array(
    [0 if stop == 0 else min(stop // 10, 4) for stop in range(max(Stop) + 1)], dtype=np.int8
)


def gate_of(stop: Stop) -> Gate:
    """Return the gate at which an offer stopped, ``arbitration`` where it passed them all."""
    return GATES[int(_GATE_NUMBERS[stop])]


def gate_numbers(stops: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the number of the gate for each stop; 0 where all were passed."""
    numbers: NDArray[np.int8] = _GATE_NUMBERS[stops]
    return numbers
