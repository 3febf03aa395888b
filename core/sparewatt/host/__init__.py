"""This computer as facts: readings and samples, the devices it has, and locks against others that use it."""
