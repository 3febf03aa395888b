"""Speeds and footprints, each as a ratio to its reference in the same run. ``python -m benchmarks`` lists them.

Nothing here runs within the tests but the pure parts: a figure depends on the machine, a test must not.
"""
