"""Ours against peers and limits: one file, one command, one table each."""
