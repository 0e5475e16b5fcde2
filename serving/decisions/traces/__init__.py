"""Traces answer "why not X?": where each offer stopped, and what the others were worth."""
