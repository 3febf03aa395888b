"""Typed stand-ins for tests of the command line; no production code imports this room."""
