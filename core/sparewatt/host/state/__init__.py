"""Facts about the computer and who uses it, apart from idle time: session, power, network, games, programs."""
