"""The same small model and tokens in other projects that train over networks, each in an environment of its own."""
