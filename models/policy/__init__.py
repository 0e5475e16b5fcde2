"""Policies judged from logs, explored with known chances, and compared in experiments."""
