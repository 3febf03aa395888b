"""The disposable process that trains, and its supervisor in the engine."""
