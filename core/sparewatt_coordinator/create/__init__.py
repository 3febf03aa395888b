"""Text to run, and version to checkpoint: what an organiser does before and after training. Needs numpy, no torch."""
