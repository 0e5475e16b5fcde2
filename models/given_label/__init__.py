"""Churn where the label is given: a plain table of customers, one row each, outcomes known."""
