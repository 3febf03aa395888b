"""What the person wants just now, apart from their settings."""

import msgspec


class Intents(msgspec.Struct, frozen=True):
    """Attributes:
    paused_until_unix_s: end of a pause; 0 for "until I resume", None when not paused.
    """

    paused_until_unix_s: int | None = None

    def paused_at(self, unix_s: float) -> bool:
        """Whether the pause still holds at a moment."""
        until = self.paused_until_unix_s
        return until is not None and (until == 0 or unix_s < until)
