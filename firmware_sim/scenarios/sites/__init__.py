"""Site files that scenarios are written for."""
