"""The coordinator as a program: gateway, store, rounds and aggregators put together.

`python -m sparewatt_coordinator.server --data DIR` serves the run in a data folder.
"""
