"""How strongly workers are held in by the system, said wherever a person decides by it."""

from typing import Final, Literal

# Workers get a clean environment and no open files of the engine, but nothing yet forbids them to open others.
ISOLATION: Final[Literal["none", "partial", "full"]] = "none"
