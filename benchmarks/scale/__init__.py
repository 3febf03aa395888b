"""What many contributors mean for a run: a simulation that drives the shipped round code, and sums on paper.

``python -m benchmarks.scale`` simulates, ``python -m benchmarks.scale --paper`` prints docs/scale.md.
"""
