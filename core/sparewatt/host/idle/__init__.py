"""How long nobody has touched mouse and keyboard: one port, an adapter for each desktop system."""
