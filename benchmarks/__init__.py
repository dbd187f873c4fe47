"""Benchmarks: ratios of things measured side by side in one run. Absolute times mean little on shared machines."""
