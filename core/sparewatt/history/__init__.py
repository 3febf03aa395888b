"""What contributing took and gave: energy, cost, carbon dioxide, data and tokens, by day, device and run.

No name of a program is ever kept, and nothing of it leaves the computer.
"""
