"""Offers: their declarations, and the language of the rules that say who may get them."""
