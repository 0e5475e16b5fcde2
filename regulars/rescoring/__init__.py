"""Customers scored again within a minute of what they did, beside the server and never in it."""
