"""Exact numbers: weights, keyframes, updates, patches and merges, in blocks of 2**18 coordinates.

The package itself loads no numpy, so that `version_hash` and `merge_plan` serve programs that have none.
"""
