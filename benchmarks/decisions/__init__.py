"""Decisions in money, judged: effects, logged policies, acceptance, products held."""
