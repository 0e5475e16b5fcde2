"""Policies: off-policy evaluation on logs, exploration, and experiments."""
