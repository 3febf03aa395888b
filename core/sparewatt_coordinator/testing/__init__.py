"""Values and fakes for tests of the run's side; no production code imports them."""
