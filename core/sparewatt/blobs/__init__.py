"""Content-addressed files on this computer."""
