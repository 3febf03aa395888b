"""A store that forgets everything at its end: for tests, and as the plain reading of what a store promises."""

from sparewatt_coordinator.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
