"""What a changed run means to the person who consented to it: one line for each field of a manifest."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.units import bytes_words, count_words, duration_words

# By whole name first, then by the part before the first dot.
FIELDS: Final = MappingProxyType({
    "title": "Title",
    "purpose": "Purpose",
    "organiser": "Organiser",
    "licence": "Licence",
    "created_at_s": "Made at",
    "run_key": "Organiser's key",
    "format": "Format of the description",
    "task": "Kind of task",
    "validation": "Checks of results",
    "costs.download_bytes_first": "Download at first",
    "costs.download_bytes_per_version": "Download for each version",
    "costs.upload_bytes_per_update": "Upload for each update",
    "costs.disk_bytes": "Disk",
    "costs.memory_bytes": "Memory",
    "costs": "Costs",
    "data.description": "Data",
    "data.tokens": "Tokens of data",
    "data": "Data, technical",
    "model": "Model, technical",
    "optimiser": "Training, technical",
    "inner": "Size of a piece of work",
    "codec": "How results are written",
    "outer": "How results are merged",
    "rounds.tokens_total": "Planned tokens",
    "rounds.seconds_total": "Planned time",
    "rounds": "Rounds, technical",
    "start": "Version it starts from",
    "frozen": "Weights that are not changed",
    "start_keyframe": "Version it starts from",
})  # fmt: skip

_CHANGED: Final = "{label}: {before} → {after}"
# What a whole number counts, by the end of its field's name or by a part of it.
_AMOUNTS: Final[tuple[tuple[str, Callable[[int, Translations], str]], ...]] = (
    ("bytes", bytes_words),
    (".size", bytes_words),
    ("tokens", count_words),
    ("seconds_", duration_words),
    ("created_at_s", lambda moment, _: datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")),
)
# The last second of the year 9999, behind which there is no date.
_LARGEST: Final = 253_402_300_799


def change_words(field: str, before: str, after: str, translations: Translations = ENGLISH) -> str:
    """One change as a line, such as ``Disk: 1.5 GB → 4.0 GB``; a field without a name of its own is named as well."""
    group, _, rest = field.partition(".")
    label = FIELDS.get(field) or FIELDS.get(group) or field
    name = translations.gettext(label)
    if field not in FIELDS and group in FIELDS and rest:
        name = f"{name} ({rest})"
    words = _value_words(field, before, translations), _value_words(field, after, translations)
    # A change that is lost by rounding is told to the last digit.
    first, last = (before, after) if words[0] == words[1] else words
    return filled(translations.gettext(_CHANGED), {"label": name, "before": first or "-", "after": last or "-"})


def _value_words(field: str, value: str, translations: Translations) -> str:
    """A number with its unit, where what it counts is known; every other value as it is written."""
    if not (value.isascii() and value.isdigit()) or len(value) > len(str(_LARGEST)) or int(value) > _LARGEST:
        return value
    words = next((words for part, words in _AMOUNTS if part in field and "milliseconds" not in field), None)
    return value if words is None else words(int(value), translations)
