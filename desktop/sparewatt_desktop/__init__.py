"""The desktop app's place: it will show an engine's snapshots and send it commands, and decide nothing itself.

There is no window yet; the `sparewatt` command does everything that can be done today.
"""
