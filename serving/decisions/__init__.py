"""Decisions in money: which offers may be made, which one is, and what came of it."""
