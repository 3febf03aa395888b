"""Stand-ins for the engine's side of the desktop, for tests, pictures and benchmarks only."""
