"""The run's side of Sparewatt: hands out work, accepts updates, pays credit, merges rounds into versions."""
