"""The parameters of a simulated shop, and what all parts of the simulation share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from features.errors import SettingsError
from features.simulation.mailing import MAILINGS, Mailing, MailingName

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

SECONDS_PER_DAY: Final = 86_400
LONGEST_VISIT_SECONDS: Final = 5 * 3_600  # shop hours begin at 7: a visit never spans midnight
BLOCK_CUSTOMERS: Final = 1_000
NEVER: Final = np.iinfo(np.int64).min  # as seconds, exactly what numpy reads as "not a time"

# A random stream is seeded by its place here: append new ones, to leave the others unchanged.
Concern = Literal[
    "catalogue",
    "customers",
    "contacts",
    "orders",
    "baskets",
    "returns",
    "opening",
    "service",
    "browsing",
    "profiles",
    "contracts",
    "referrals",
    "invoices",
    "questionnaires",
    "attention",
]


@dataclass(frozen=True)
class ShopPlan:
    """One simulated shop; the same plan is the same shop, to the bit.

    Parameters
    ----------
    n_customers
        Number of customers, and the only measure of size.
    seed
        The seed of all randomness.
    days
        Length of the history, in days.
    end
        The day on which the history stops, exclusive: today's ``as_of``.
    mailing
        How the shop writes to its customers: ``monthly``, or ``weekly`` with opens that tell who
        heeds e-mails and who has left.

    Raises
    ------
    SettingsError
        When there would be no customer, less than a quarter of history, or an unknown mailing.
    """

    n_customers: int = 20_000
    seed: int = 7
    days: int = 730
    end: date = date(2026, 7, 1)
    mailing: MailingName = "monthly"

    def __post_init__(self) -> None:
        if self.n_customers < 1:
            raise SettingsError(
                f"a shop of {self.n_customers} customers cannot be simulated",
                "Ask for at least one customer.",
            )
        if self.days < 90:
            raise SettingsError(
                f"{self.days} days are too short a history for seasons and campaigns",
                "Ask for at least 90 days.",
            )
        if self.mailing not in MAILINGS:
            raise SettingsError(
                f"no shop is known that mails {self.mailing!r}",
                f"Choose one of: {', '.join(MAILINGS)}.",
            )

    @property
    def start(self) -> date:
        """First day of the history; times inside the simulation count from its midnight."""
        return self.end - timedelta(days=self.days)

    @property
    def campaigns(self) -> Mailing:
        """How e-mails go out."""
        return MAILINGS[self.mailing]

    @property
    def n_blocks(self) -> int:
        """How many blocks of customers, each with random streams of its own."""
        return -(-self.n_customers // BLOCK_CUSTOMERS)

    @property
    def end_second(self) -> int:
        """Seconds from the start to the exclusive end."""
        return self.days * SECONDS_PER_DAY

    def day_of(self, moment: date) -> int:
        """Return the days from the start to ``moment``."""
        return (moment - self.start).days


def random_stream(plan: ShopPlan, concern: Concern, block: int = 0) -> np.random.Generator:
    """Return the random stream of one concern in one block of customers.

    Streams depend only on seed, block and concern: so a shop does not depend on the size of the
    chunks, and a change in how customers browse does not change their orders.
    """
    key = (get_args(Concern).index(concern), block)
    return np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=key))
