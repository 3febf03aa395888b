"""Stand-ins for tests and pictures; nothing that is shipped imports them."""
