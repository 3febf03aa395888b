"""Words for where facts about the computer come from, and why some cannot be had."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations

IDLE_SOURCES: Final = MappingProxyType({
    "ext_idle_notify": "your Wayland desktop",
    "freedesktop_screensaver": "your desktop's screen saver",
    "macos": "macOS",
    "mutter": "GNOME",
    "windows": "Windows",
    "xscreensaver": "your X display",
})  # fmt: skip

REASONS: Final = MappingProxyType({
    "failed": "Asking for it failed, so it is not asked for any more. See the engine's log; please report this.",
    "hangs": "What tells it does not answer, so it is not waited for. Log out and in again, or restart the computer.",
    "implausible": "What tells it says what cannot be true. Restart the computer; please report this if it stays.",
    "no_answer": "The service that tells it did not answer in time. It is asked again by itself.",
    "no_counters": "Windows shows no counters of its graphics cards. Update the graphics driver.",
    "no_display": "The engine was started outside of your desktop, so it cannot see mouse and keyboard. Start it "
    "from your desktop, or let it start at logon.",
    "no_event_source": "The event system of macOS could not be opened. Update macOS.",
    "no_service": "The service that tells it does not run on this computer.",
    "no_session_bus": "Your session has no message bus that can be reached. Start the engine from your desktop, or "
    "let it start at logon.",
    "no_system_bus": "The system has no message bus that can be reached, as in a container.",
    "no_wayland_library": "Sparewatt was installed without its Wayland library. Install Sparewatt again.",
    "no_x11_library": "The system has no libX11. Install it: on Debian and Ubuntu the package libx11-6.",
    "no_xss_extension": "Your X display has no screen saver extension.",
    "no_xss_library": "The system has no libXss. Install it: on Debian and Ubuntu the package libxss1.",
    "not_offered": "Your desktop does not tell programs how long mouse and keyboard have rested.",
    "not_on_this_system": "Sparewatt cannot ask this system for it yet.",
    "not_told": "The network service does not know it. You can set it in your system's network settings.",
    "not_yet": "It has not been told yet.",
    "refused": "The system does not tell it to this user.",
    "system_too_old": "This version of the system does not tell it. Update the system.",
})  # fmt: skip
_UNKNOWN_REASON: Final = "This version has no words for why. Update Sparewatt."


def idle_source_words(source: str, translations: Translations = ENGLISH) -> str:
    """What tells the idle time, or the sentence why nothing can (`host.reading.Reading.idle_source`)."""
    name = IDLE_SOURCES.get(source)
    return reason_words(source, translations) if name is None else translations.gettext(name)


def reason_words(reason: str, translations: Translations = ENGLISH) -> str:
    """Why a fact is unknown, and what to do (`host.reading.Reading.missing`)."""
    return translations.gettext(REASONS.get(reason, _UNKNOWN_REASON))
