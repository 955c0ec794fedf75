"""A history as something to look at."""
