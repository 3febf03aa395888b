"""How strongly the system holds a training process in, for whoever is asked to consent to it."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, filled

_FULL: Final = (
    "full: a training process reaches only its own folder and the run's data, no connection, no other program"
)
_PARTIAL: Final = "partial: a training process can still {missing}"
_NONE: Final = "not isolated: a training process can do what your account can do"
# Layer → what a process can do without it.
_WITHOUT: Final = MappingProxyType({
    "files": "read and change your files",
    "connections": "open connections",
    "programs": "start and touch other programs",
    "privileges": "gain rights by programs that grant them",
})  # fmt: skip


def isolation_words(level: str, missing: Sequence[str], translations: Translations = ENGLISH) -> str:
    """What holds and what does not; `level` and `missing` as in `snapshot.Snapshot`."""
    if level == "full":
        return translations.gettext(_FULL)
    if level == "none":
        return translations.gettext(_NONE)
    can = ", ".join(translations.gettext(_WITHOUT[name]) for name in missing if name in _WITHOUT)
    return filled(translations.gettext(_PARTIAL), {"missing": can})
