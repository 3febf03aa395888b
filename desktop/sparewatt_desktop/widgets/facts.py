"""What a table of facts shows. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One line: a name, a value, and a sentence where there is something to say."""

    name: str
    value: str
    note: str = ""
