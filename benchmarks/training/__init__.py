"""Experiments on training quality: many contributors in one process and in simulated time, with the production codec,
merge, patches, inner loop and round machine. Their speed proves nothing; their losses and bytes are the real ones.
"""
