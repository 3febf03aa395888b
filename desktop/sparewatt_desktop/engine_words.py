"""What is said about the engine itself when it cannot simply be shown: one sentence and a next step for every phase."""

from dataclasses import dataclass

from sparewatt.wording.catalogue import ENGLISH, Translations
from sparewatt.wording.errors import sentence
from sparewatt_desktop.actions import Engine
from sparewatt_desktop.connection import Link, restart_s
from sparewatt_desktop.theme import Tone


@dataclass(frozen=True)
class Notice:
    """Attributes:
    title: what is the matter, in a few words.
    text: one or two sentences: why, and what happens next.
    action: the next step, where it is the person's.
    tone: how much it matters.
    """

    title: str
    text: str
    action: Engine | None
    tone: Tone


def engine_notice(link: Link, translations: Translations = ENGLISH) -> Notice | None:
    """What to say about the engine; None while its state speaks for itself."""
    gettext = translations.gettext
    why = "" if link.error is None else sentence(link.error, translations)
    start = Engine(gettext("Start the engine"), "start")
    match link.phase:
        case "talking" | "stopping" | "stopped":
            return None
        case "looking":
            return Notice(gettext("One moment"), gettext("Looking for the engine."), None, "quiet")
        case "starting":
            return Notice(
                gettext("Starting"), gettext("The engine is starting. This takes a few seconds."), None, "quiet"
            )
        case "missing":
            text = gettext("Nothing computes on this computer until the engine runs.")
            return Notice(gettext("The engine is not running"), text, start, "caution")
        case "overdue":
            return Notice(gettext("The engine is slow to start"), why, start, "caution")
        case "slow":
            text = gettext("It may be busy. What you see is its last state; it goes on by itself.")
            return Notice(gettext("The engine does not answer"), text, None, "caution")
        case "ended":
            return Notice(gettext("The engine ended unexpectedly"), _again(link, translations), start, "attention")
        case "failed":
            text = " ".join(part for part in (why, _again(link, translations)) if part)
            return Notice(gettext("The engine could not start"), text, start, "attention")
        case "replacing":
            text = gettext(
                "The engine that runs has another version. It finishes what it does, then the new one starts."
            )
            return Notice(gettext("Changing to the new version"), text, None, "quiet")
        case "other_version":
            replace = Engine(gettext("Replace the engine"), "replace")
            return Notice(gettext("The engine has another version"), why, replace, "attention")
        case "refused":
            again = Engine(gettext("Look again"), "look")
            return Notice(gettext("The engine cannot be trusted"), why, again, "attention")


def _again(link: Link, translations: Translations) -> str:
    if restart_s(link) is not None:
        return translations.gettext("Finished work is kept. The engine is started again by itself.")
    return translations.gettext("Finished work is kept. If it ends again, see engine.log in its folder.")
