"""Mistakes in rules and declarations: what they say, and what to do instead."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from models.offers.checking import Field
from models.offers.declarations import (
    Caps,
    Channel,
    check_declarations,
    compiled_rules,
    read_declarations,
)
from models.offers.errors import OfferError, RuleError
from models.offers.rules import Rule
from models.offers.schema import rule_schema

SCHEMA = {
    "orders_365d": Field("number"),
    "tier": Field("text", ("top_1", "rest")),
    "country": Field("text"),
    "email_consent": Field("boolean"),
    "context.today": Field("date"),
}


@pytest.mark.parametrize(
    ("text", "message", "part", "remedy"),
    [
        ("orders_356d >= 2", "there is no orders_356d", "orders_356d", "did you mean orders_365d?"),
        ("country == Germany", "there is no Germany", "Germany", "put texts between quotes"),
        ("orders_365d == null", "there is no null", "null", "column is missing"),
        ("context.cart > 2", "there is no context.cart", "context.cart", "declare it"),
        ("tier > 3", "tier is a text and 3 is a number", ">", "compare it with a text"),
        ("orders_365d in [1, 'a']", 'orders_365d is a number and "a" is a text', "in", "a number"),
        ('tier == "gold"', 'tier is never "gold"', '"gold"', "it is one of top_1, rest"),
        ('tier in ["top_1", "gold"]', 'tier is never "gold"', "in", "it is one of top_1, rest"),
        ("country < 'D'", "neither more nor less", "<", "compare with ==, != or in"),
        ("orders_365d", "orders_365d is a number", "orders_365d", "orders_365d >= 2"),
        ("not tier", "tier is a text, not true or false", "tier", "not turns a condition round"),
        ("country + 1 > 2", "country is a text, not a number", "country", "+ calculates"),
        ("email_consent and -tier > 1", "tier is a text, not a number", "tier", "have a sign"),
        ("context.today > 2026-02-30", "there is no day 2026-02-30", "2026-02-30", "calendar"),
        ("context.today > 3", "context.today is a day and 3 is a number", ">", "with a day"),
        ("orders_365d = 2", "'=' is not allowed here", "=", "compare with =="),
        ("orders_365d >= 2 && email_consent", "'&' is not allowed here", "&", "write: and"),
        ("orders_365d > 20%", "'%' is not allowed here", "%", "between 0 and 1"),
        ("tier == 'rest", '"\'" is not allowed here', "'", "close the text"),
        ("1 < orders_365d < 3", "a comparison has two sides", "<", "a < b and b < c"),
        ("(orders_365d > 1", "the end of the rule is not allowed here", "", "write and, or, or )"),
        ("orders_365d > 1 tier", "'tier' is not allowed here", "tier", "and, or, or the end"),
        ("orders_365d is 1", "'1' is not allowed here", "1", "missing or known"),
        ("tier in 'rest'", "is not allowed here", "'rest'", "a list, as in"),
        ("orders_365d not 3", "'3' is not allowed here", "3", "not in"),
        ("and", "'and' is not allowed here", "and", "write a column"),
        (" ", "the rule is empty", " ", "leave it out"),
        ("orders_365d > 1e999", "this number is too large", "1e999", "smaller"),
        ("(" * 60 + "true" + ")" * 60, "nested too deeply", "(", "fewer parentheses"),
        ("1" + " + 1" * 60 + " > 2", "calculates too much", "+", "name the column"),
        ("__import__('os')", "'(' is not allowed here", "(", "and, or, or the end"),
    ],
)
def test_a_mistake_is_named_marked_and_put_right(
    text: str, message: str, part: str, remedy: str
) -> None:
    with pytest.raises(RuleError) as raised:
        Rule(text).check(SCHEMA)
    mistake = raised.value
    assert message in mistake.message
    assert text[mistake.span.at : mistake.span.at + mistake.span.width] == part
    assert remedy in mistake.remedy


def test_the_place_is_marked_under_the_line_that_it_is_in() -> None:
    with pytest.raises(RuleError) as raised:
        Rule('tier == "rest"\n  and orders_356d > 2').check(SCHEMA)
    assert str(raised.value).splitlines() == [
        "there is no orders_356d",
        '    tier == "rest"',
        "      and orders_356d > 2",
        "          ^^^^^^^^^^^",
        "  Remedy: did you mean orders_365d?",
    ]


def write(folder: Path, text: str) -> Path:
    path = folder / "offers.toml"
    path.write_text(text, encoding="utf-8")
    return path


HEAD = '[[offers]]\noffer_id = "tea"\nname = "Tea"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "prise = 3", "offer tea.prise: no such setting"),
        (HEAD + "discount_rate = 15", "offer tea.discount_rate: Input should be less than or"),
        (
            HEAD + "starts_on = 2026-06-02\nends_on = 2026-06-02",
            "offer tea: ends_on 2026-06-02 is not after starts_on 2026-06-02",
        ),
        (HEAD + "starts_on = 2026-06-31", "is not valid TOML"),
        (HEAD + 'starts_on = "soon"', "offer tea.starts_on"),
        (HEAD + 'product_id = "p"\ncategory = "c"', "an offer promotes one or the other"),
        (HEAD + "[offers.caps]\nday = 0", "offer tea.caps.day"),
        (HEAD + HEAD, "offer tea is declared twice"),
        ('[[offers]]\nname = "Tea"', "offer number 1.offer_id: Field required"),
        (HEAD + 'channels = ["pigeon"]', "offer tea: no channel pigeon; known: app, email"),
        (HEAD + "points = 50", "offer tea gives points: say under [policy] what one is worth"),
        ("[policy.channels.sms]\ncaps = { day = 1 }", "policy.channels.sms: say whom it may reach"),
        ('[policy]\ntime_zone = "Berlin"', "policy.time_zone: no such time zone"),
        ('[policy.context]\ncart = "money"', "policy.context.cart"),
        ('[policy.context]\nhour = "number"', "context.hour is there already"),
        ('[policy.context]\n"a b" = "number"', "'a b' is no name for a rule"),
        ("[policies]", "policies: no such setting"),
        (HEAD + 'eligible = "orders_365d = 2"', "offer tea, eligible: '=' is not allowed here"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(OfferError) as raised:
        read_declarations(write(tmp_path, text))
    assert said in raised.value.problem


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OfferError, match="there is no file of offers"):
        read_declarations(tmp_path / "none.toml")


def test_rules_are_checked_against_scores_vectors_and_the_declared_context(tmp_path: Path) -> None:
    text = (
        '[policy.context]\ncart_value = "number"\n'
        '[policy.channels.sms]\nconsent = "country == \\"SE\\""\n'
        + HEAD
        + 'eligible = "orders_365d >= 2 and churn_probability > 0.5 and email_consent"\n'
        + 'applicable = "context.cart_value > 30 and context.weekday != \\"sunday\\""\n'
        + 'suitable = "tier in [\\"top_1\\"] or stage == \\"lost\\" or segment is known"\n'
    )
    declared = read_declarations(write(tmp_path, text))
    check_declarations(declared, rule_schema(declared.policy))
    assert [place for place, _ in compiled_rules(declared)] == [
        "channel sms, consent",
        "offer tea, eligible",
        "offer tea, applicable",
        "offer tea, suitable",
    ]


def test_the_offer_and_the_gate_of_a_wrong_rule_are_named(tmp_path: Path) -> None:
    declared = read_declarations(write(tmp_path, HEAD + "suitable = \"tier == 'platinum'\""))
    with pytest.raises(RuleError, match='offer tea, suitable: tier is never "platinum"'):
        check_declarations(declared, rule_schema(declared.policy))


def test_the_offers_of_the_example_are_as_they_should_be() -> None:
    example = Path(__file__).parents[2] / "examples" / "simulated_shop" / "offers.toml"
    declared = read_declarations(example)
    check_declarations(declared, rule_schema(declared.policy))
    assert any(offer.points for offer in declared.offers)
    assert any(offer.caps.limits and "email" in offer.channels for offer in declared.offers)


def test_quiet_hours_may_pass_midnight() -> None:
    night = Channel.model_validate({"outbound": False, "quiet_hours": ["21:00", "08:00"]})
    noon = Channel.model_validate({"outbound": False, "quiet_hours": ["12:00", "13:00"]})
    hours = [f"{hour:02}:00" for hour in range(24)]

    def quiet(channel: Channel) -> list[str]:
        return [hour for hour in hours if channel.is_quiet(time.fromisoformat(hour))]

    assert quiet(night) == [*hours[:8], *hours[21:]]
    assert quiet(noon) == ["12:00"]
    assert Caps(day=1, month=4).limits == {1: 1, 30: 4}
