"""Recommenders beside their peers, on public data."""
