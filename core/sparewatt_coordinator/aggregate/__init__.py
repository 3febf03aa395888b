"""The aggregator: merges rounds and scores versions, in child processes so that a gateway stays light and quick."""
