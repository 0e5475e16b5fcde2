"""What a treatment changes, customer by customer, and how far that may be believed."""
