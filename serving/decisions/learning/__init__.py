"""What came of decisions: outcomes, experiments and the log on which policies are judged."""
