"""What a changed run means to the person who consented to it: one line for each field of a manifest."""

from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, filled

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
    "costs.download_bytes_first": "Download at first, bytes",
    "costs.download_bytes_per_version": "Download for each version, bytes",
    "costs.upload_bytes_per_update": "Upload for each update, bytes",
    "costs.disk_bytes": "Disk, bytes",
    "costs.memory_bytes": "Memory, bytes",
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
    "rounds.seconds_total": "Planned seconds",
    "rounds": "Rounds, technical",
    "start": "Version it starts from",
    "frozen": "Weights that are not changed",
    "start_keyframe": "Version it starts from",
})  # fmt: skip

_CHANGED: Final = "{label}: {before} → {after}"


def change_words(field: str, before: str, after: str, translations: Translations = ENGLISH) -> str:
    """One change as a line."""
    label = FIELDS.get(field) or FIELDS.get(field.partition(".")[0]) or field
    shown = {"label": translations.gettext(label), "before": before or "-", "after": after or "-"}
    return filled(translations.gettext(_CHANGED), shown)
