"""Typed stand-ins for the world outside, for tests and simulations only."""
