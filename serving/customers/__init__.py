"""What the desk asks about customers: one of them, or a list of who is at risk."""
