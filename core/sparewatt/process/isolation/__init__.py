"""Takes from this process what it never needs, by the system's force; what remains is said layer by layer."""
