"""Learning from logged decisions: outcomes, experiments and the evaluation of policies."""
