"""Why it cannot be known whether somebody uses the computer: the words of `host.reading.Reading.idle_source`."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations

IDLE: Final = MappingProxyType({
    "no_display": "This session has no display that could be asked.",
    "no_x": "The display cannot be reached.",
    "no_xss_library": "The library that tells it (libXss) is not installed.",
    "no_wayland_library": "The library that tells it (libwayland-client) is not installed.",
    "no_service": "The service of this desktop that tells it is not there.",
    "no_event_source": "The system's source of input events cannot be reached.",
    "not_offered": "This desktop tells no program for how long mouse and keyboard have rested.",
    "not_on_this_system": "This system tells no program for how long mouse and keyboard have rested.",
    "refused": "The desktop refused to say for how long mouse and keyboard have rested.",
    "no_answer": "The desktop did not answer for how long mouse and keyboard have rested.",
    "hangs": "The desktop did not answer for how long mouse and keyboard have rested.",
    "failed": "Asking for how long mouse and keyboard have rested failed.",
    "implausible": "What the system says of how long mouse and keyboard have rested cannot be true.",
})  # fmt: skip
_UNKNOWN: Final = "This system does not say for how long mouse and keyboard have rested."


def idle_words(cause: str, translations: Translations = ENGLISH) -> str:
    """A sentence for any cause; one that has no words of its own gets the general one."""
    return translations.gettext(IDLE.get(cause, _UNKNOWN))
