"""Names of variants with a meaning of their own; loads nothing, so that settings can say them."""

from __future__ import annotations

from typing import Final

HOLDOUT: Final = "holdout"
"""The variant of customers kept out of every experiment and offer."""
