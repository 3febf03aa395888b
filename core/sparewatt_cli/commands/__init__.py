"""One module for each command or group of commands: its options, its help, and the way to what does the work."""
