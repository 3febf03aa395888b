"""Drives the shipped governor and pacer with random cards, and checks what must hold on every one of them.

``python -m tests.governor_simulation --machines N --start SEED`` tries N machines; ``--trace FILE`` replays a recorded
trace. A machine is a function of its seed.
"""
