"""The bank's example: each tier is served its own way, and the next product is offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.offers.declarations import Channel, Declarations, check_declarations, read_declarations
from models.offers.errors import RuleError
from models.offers.rules import Rule
from models.offers.schema import rule_schema
from models.segments import BANK_TIERS

EXAMPLE = Path(__file__).parents[2] / "examples" / "bank" / "offers.toml"


@pytest.fixture(scope="module")
def declared() -> Declarations:
    declared = read_declarations(EXAMPLE)
    check_declarations(declared, rule_schema(declared.policy))
    return declared


def reaches(channel: Channel, tier: str | None, *, consent: bool = True) -> bool:
    assert channel.consent is not None
    return Rule(channel.consent).holds({"email_consent": consent, "bank_tier": tier}) is True


def test_each_tier_has_its_channels_and_its_number_of_contacts(declared: Declarations) -> None:
    channels = declared.policy.channels
    served = {
        tier: {name: way.caps.month for name, way in channels.items() if reaches(way, tier)}
        for tier in BANK_TIERS
    }
    assert served == {
        "high_net_worth": {"adviser": 4},
        "potential": {"call_centre": 2, "email": 1},
        "ordinary": {"email": 1},
    }


def test_nobody_is_reached_without_consent_or_a_tier(declared: Declarations) -> None:
    for way in declared.policy.channels.values():
        assert not reaches(way, None)
        assert not any(reaches(way, tier, consent=False) for tier in BANK_TIERS)


@pytest.mark.parametrize(
    ("following", "chance", "expected"),
    [("credit-card", 0.4, True), ("credit-card", 0.2, False), ("fund", 0.9, False)],
)
def test_an_offers_rule_may_read_the_next_product(
    declared: Declarations, following: str, chance: float, expected: bool
) -> None:
    (offer,) = (offer for offer in declared.offers if offer.offer_id == "next-card")
    assert offer.applicable is not None
    row = {"next_product": following, "next_product_probability": chance}
    assert Rule(offer.applicable).holds(row) is expected


def test_a_tier_that_does_not_exist_is_marked(declared: Declarations) -> None:
    rule = Rule('bank_tier == "wealthy"')
    with pytest.raises(RuleError, match='bank_tier is never "wealthy"'):
        rule.check(rule_schema(declared.policy))
