"""What the person wants just now, apart from their settings."""

import msgspec


class Intents(msgspec.Struct, frozen=True):
    """Attributes:
    paused_until_unix_s: end of a pause; 0 for "until I resume", None when not paused.
    paused_for_game: paused until the game that played then has closed.
    contribute_until_unix_s: end of "contribute now"; None when it was not asked for.
    """

    paused_until_unix_s: int | None = None
    contribute_until_unix_s: int | None = None
    paused_for_game: bool = False

    def paused_at(self, unix_s: float) -> bool:
        """Whether the pause still holds at a moment."""
        until = self.paused_until_unix_s
        return until is not None and (until == 0 or unix_s < until)

    def contributing_at(self, unix_s: float) -> bool:
        """Whether "contribute now" still holds at a moment."""
        return self.contribute_until_unix_s is not None and unix_s < self.contribute_until_unix_s
