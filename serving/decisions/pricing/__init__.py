"""What every action is worth to the shop, in money, term by term."""
