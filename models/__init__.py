"""What learns: fit, predict, and state that is saved without pickle."""
