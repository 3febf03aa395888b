"""Examples at the end of a command's help."""


def examples(*lines: str) -> str:
    """An epilog that shows each line as it is; ``\\b`` keeps it from being wrapped."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
