"""Benchmarks; ``python -m benchmarks`` runs them and prints one table."""
