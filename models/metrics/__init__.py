"""Metrics: of churn, value and rankings, with bootstrap intervals and comparisons."""
