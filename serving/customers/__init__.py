"""Answers for retention teams: one customer's profile, and the list of customers at risk."""
