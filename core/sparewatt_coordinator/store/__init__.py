"""The coordinator's memory: whole transactions that return outcomes."""
