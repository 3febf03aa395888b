"""The engine's side of a run: what is believed, what is sent, what must not be lost."""
