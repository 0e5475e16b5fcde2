"""How the simulated shop writes to its customers: how often, and what opening an e-mail tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

MailingName = Literal["monthly", "weekly"]


@dataclass(frozen=True)
class Mailing:
    """E-mails that go out by the toss of a coin, every so many days.

    Attributes
    ----------
    first_day
        Of the first campaign, counted from the plan's start.
    every_days
        From one campaign to the next.
    window_days
        How long an e-mail is at work, its own day included; no longer than ``every_days``.
    opens_tell
        Whether those who heed e-mails open more of them and those who have left open fewer, as
        shops find; else an e-mail is opened by chance alone, or for the offer taken up.
    """

    first_day: int
    every_days: int
    window_days: int
    opens_tell: bool


MAILINGS: Final[dict[MailingName, Mailing]] = {
    "monthly": Mailing(first_day=15, every_days=30, window_days=14, opens_tell=False),
    "weekly": Mailing(first_day=15, every_days=7, window_days=7, opens_tell=True),
}
