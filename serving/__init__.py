"""The server: bundle, decisions, events and HTTP."""
