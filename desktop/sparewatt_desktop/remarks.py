"""What a person should know besides the state, and the way to where it is settled. Pure."""

from dataclasses import dataclass

from sparewatt.snapshot import Snapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.conflicts import conflict_words
from sparewatt.wording.errors import error_words
from sparewatt_desktop.actions import Action, OpenPage, OpenSetting
from sparewatt_desktop.theme import Tone
from sparewatt_desktop.widgets.text import plain

TEXT_MOST = 400


@dataclass(frozen=True)
class Remark:
    """Attributes:
    text: one sentence or two.
    action: opens the place where it is settled.
    """

    text: str
    action: Action | None
    tone: Tone = "caution"


def remarks_of(snapshot: Snapshot, translations: Translations = ENGLISH) -> tuple[Remark, ...]:
    """All that there is to say, what keeps work from being done first."""
    gettext = translations.gettext
    found: list[Remark] = []
    for run in snapshot.runs:
        if run.changed_run:
            words = gettext("{title} has changed. Nothing is contributed to it before you agree.")
            text = filled(words, {"title": plain(run.title)})
            found.append(Remark(text, OpenPage(gettext("See what changed"), "join"), "attention"))
    error = snapshot.settings_error
    if error is not None:
        text = plain(error_words(error.error_id, error.parameters, translations), TEXT_MOST)
        found.append(Remark(text, OpenPage(gettext("Settings"), "settings"), "attention"))
    error = snapshot.logon_error
    if error is not None:
        text = plain(error_words(error.error_id, error.parameters, translations), TEXT_MOST)
        found.append(Remark(text, OpenSetting(gettext("Change"), "start_at_logon")))
    for conflict in snapshot.conflicts:
        text = plain(conflict_words(conflict.conflict, conflict.parameters, translations), TEXT_MOST)
        found.append(Remark(text, OpenSetting(gettext("Change"), conflict.setting)))
    return tuple(found)
