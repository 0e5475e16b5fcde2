"""Churn and value, both read from one curve per customer: the time to the next order."""
