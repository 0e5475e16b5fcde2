"""How often the simulated shop e-mails its customers, and what their opens reveal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

MailingName = Literal["monthly", "weekly"]


@dataclass(frozen=True)
class Mailing:
    """Campaigns at a fixed interval, each to a random half of the customers.

    Attributes
    ----------
    first_day
        Day of the first campaign, counted from the plan's start.
    every_days
        Days from one campaign to the next.
    window_days
        Days on which an e-mail has an effect, its own included; at most ``every_days``.
    opens_tell
        Whether responsive customers open more e-mails and those who have left open fewer;
        otherwise opens are random, or follow from an accepted offer.
    """

    first_day: int
    every_days: int
    window_days: int
    opens_tell: bool


MAILINGS: Final[dict[MailingName, Mailing]] = {
    "monthly": Mailing(first_day=15, every_days=30, window_days=14, opens_tell=False),
    "weekly": Mailing(first_day=15, every_days=7, window_days=7, opens_tell=True),
}
