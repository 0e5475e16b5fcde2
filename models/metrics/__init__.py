"""How models are judged: classification, value and ranking metrics."""
