"""How far a claim that an action changes anything may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # trees and all: the server reads grades and needs none of it
    from models.uplift.overlap import Overlap

Evidence = Literal["randomised", "observational", "risk_only"]
Design = Literal["randomised", "observational"]


@dataclass(frozen=True)
class Grade:
    """An evidence grade and what it rests on, in words."""

    evidence: Evidence
    because: str


def grade_evidence(design: Design | None, overlap: Overlap | None) -> Grade:
    """Grade an effect by how treatment was given and whether the groups can be compared.

    Parameters
    ----------
    design
        How treatment was given, as declared; None without treatment data.
    overlap
        What the customers' features say of it.
    """
    if design is None or overlap is None:
        return Grade(
            "risk_only",
            "no effect of a contact was learned (`regulars train uplift`, where a campaign held "
            "customers out): a risk ranking",
        )
    if not overlap.holds:
        return Grade("risk_only", overlap.says)
    if design == "randomised" and overlap.looks_random:
        return Grade("randomised", overlap.says)
    if design == "randomised":
        return Grade("observational", f"declared random, but it does not look so; {overlap.says}")
    return Grade("observational", f"adjusted for what is known of the customers; {overlap.says}")
