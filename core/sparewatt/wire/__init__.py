"""What an engine and a coordinator say to each other: messages, their codec under hard limits, transfers; sans-I/O."""
