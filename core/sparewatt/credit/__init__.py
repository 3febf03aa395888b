"""Receipts and the chain of keys that they are checked against. Pure."""
