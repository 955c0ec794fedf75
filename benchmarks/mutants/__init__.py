"""Realistic faults of MemesPy's actors, one patch each, and which machine finds which; ``python -m benchmarks.mutants``."""
