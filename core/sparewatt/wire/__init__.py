"""The wire between an engine and a coordinator: messages, bounded frames, transfers. Sans-I/O."""
