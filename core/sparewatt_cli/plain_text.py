"""Text from a model or a network, made fit for a terminal."""


def harmless(text: str) -> str:
    """`text` with everything but line ends replaced by a dot that could move a cursor, clear a screen, or worse."""
    return "".join(mark if mark.isprintable() or mark == "\n" else "·" for mark in text.expandtabs(4))
