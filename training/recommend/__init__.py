"""The recommendation job, its backtest, and the recommenders' tables for the bundle."""
