"""Package data of `alerts`: rules and texts as tables."""
