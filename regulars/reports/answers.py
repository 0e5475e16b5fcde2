"""The server's answers in a few plain lines, for who meets them for the first time."""

from __future__ import annotations

from typing import Any

_DRIVERS_SHOWN = 3


def tell_churn_list(answer: dict[str, Any]) -> list[str]:
    """Tell whose value is at risk: one line per customer."""
    currency, days = answer["definition"]["currency"], answer["definition"]["churn_horizon_days"]
    return [
        f"{row['customer_id']}: {row['value_at_risk']:,.2f} {currency} at risk; no order within "
        f"{days} days with probability {row['churn_probability']:.0%}; {_words(row['stage'])}, "
        f"last order {row['days_since_last_order']} days ago"
        for row in answer["items"]
    ]


def tell_customer(answer: dict[str, Any]) -> list[str]:
    """Tell who one customer is, and what speaks for and against their leaving."""
    return [
        f"{answer['orders']} orders, earned {answer['clv_historic']:,.2f} so far; expected from "
        f"now on {answer['clv_predicted']:,.2f} ({answer['clv_lower']:,.2f} to "
        f"{answer['clv_upper']:,.2f}); {_words(answer['segment'])}, {_words(answer['stage'])}",
        *(driver["text"] for driver in answer["drivers"][:_DRIVERS_SHOWN]),
    ]


def tell_products(answer: dict[str, Any]) -> list[str]:
    """Tell which products are recommended, and why: one line each."""
    return [
        f"{item['rank']}. {item['product_id']}"
        + "".join(f"; {reason['text']}" for reason in item["reasons"])
        for item in answer["items"]
    ]


def tell_offers(answer: dict[str, Any]) -> list[str]:
    """Tell what the offers are worth, and of what that is made: one line each."""
    return [
        f"{item['rank']}. {item['name'] or item['action']}: worth "
        f"{item['terms']['offer_value']:,.4f} {item['terms']['currency']}, accepted with "
        f"probability {item['terms']['p_accept']:.2%} at a margin of "
        f"{item['terms']['margin']:,.2f}; evidence {item['terms']['evidence']}"
        for item in answer["items"]
    ]


def _words(name: str) -> str:
    return name.replace("_", " ")
