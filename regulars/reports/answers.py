"""The server's answers in a few plain lines, for `regulars demo`."""

from __future__ import annotations

from typing import Any

from features.wording import counted

_DRIVERS_SHOWN = 3


def describe_churn_list(answer: dict[str, Any]) -> list[str]:
    """Describe whose value is at risk: one line per customer."""
    currency, days = answer["definition"]["currency"], answer["definition"]["churn_horizon_days"]
    return [
        f"{row['customer_id']}: {row['value_at_risk']:,.2f} {currency} at risk; no order within "
        f"{days} days with probability {row['churn_probability']:.0%}; {_words(row['stage'])}, "
        f"last order {row['days_since_last_order']} days before {answer['as_of']}"
        for row in answer["items"]
    ]


def describe_customer(answer: dict[str, Any]) -> list[str]:
    """Describe one customer, and what raises or lowers their churn score."""
    return [
        f"As of {answer['as_of']}: {counted(answer['orders'], 'order')} with a margin of "
        f"{answer['clv_historic']:,.2f} so far; {answer['clv_predicted']:,.2f} expected from then "
        f"on ({answer['clv_lower']:,.2f} to {answer['clv_upper']:,.2f}); "
        f"{_words(answer['segment'])}, {_words(answer['stage'])}",
        *(driver["text"] for driver in answer["drivers"][:_DRIVERS_SHOWN]),
    ]


def describe_products(answer: dict[str, Any]) -> list[str]:
    """Describe which products are recommended, and why: one line each."""
    return [
        f"{item['rank']}. {item['product_id']}"
        + "".join(f"; {reason['text']}" for reason in item["reasons"])
        for item in answer["items"]
    ]


def describe_offers(answer: dict[str, Any]) -> list[str]:
    """Describe what the offers are worth, and what that consists of: one line each."""
    return [
        f"{item['rank']}. {item['name'] or item['action']}: worth "
        f"{item['terms']['offer_value']:,.4f} {item['terms']['currency']}, accepted with "
        f"probability {item['terms']['p_accept']:.2%} at a margin of "
        f"{item['terms']['margin']:,.2f}; evidence {item['terms']['evidence']}"
        for item in answer["items"]
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")
