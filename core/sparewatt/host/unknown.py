"""A fact that cannot be had, with why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unknown:
    """Attributes:
    reason: an id whose words are ``wording.sensors.reason_words``.
    """

    reason: str
