"""The run's side of a trial, through the packages that a real run is made and looked after with."""
