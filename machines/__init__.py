"""State machines over the real actors; ``python -m machines`` runs them and prints a summary."""
