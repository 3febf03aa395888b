"""The desktop app: shows an engine's snapshots, sends it commands, and decides nothing itself."""
