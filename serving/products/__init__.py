"""Products for a shopper, a cart or a page: candidates, rules, ranks and reasons."""
