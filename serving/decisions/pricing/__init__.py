"""Pricing: what every action is worth to the shop, in money, term by term."""
