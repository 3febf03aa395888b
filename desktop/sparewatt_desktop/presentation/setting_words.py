"""The words around a setting: what a value would change now, and what its numbers mean. Pure."""

from collections.abc import Sequence

from sparewatt.control.messages import DevicePreview
from sparewatt.snapshot import ConflictSnapshot, DecisionSnapshot, DeviceSnapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.conflicts import conflict_words
from sparewatt.wording.status import reason_sentence


def preview_sentences(
    devices: Sequence[DeviceSnapshot],
    previews: Sequence[DevicePreview],
    now_unix_s: int,
    translations: Translations = ENGLISH,
) -> tuple[str, ...]:
    """What a value would change right now: one sentence where all devices agree, else one for each device.

    Args:
        devices: as they are now.
        previews: what each would be allowed.
    """
    known = {device.device: device for device in devices}
    told = [
        (preview.device, _preview(known.get(preview.device), preview.decision, now_unix_s, translations))
        for preview in previews
    ]
    different = {words for _, words in told}
    if len(different) <= 1:
        return tuple(different)
    template = translations.gettext("{device}: {words}")
    return tuple(
        filled(template, {"device": known[device].name if device in known else device, "words": words})
        for device, words in told
    )


def new_conflicts(
    known: Sequence[ConflictSnapshot], previewed: Sequence[ConflictSnapshot], translations: Translations = ENGLISH
) -> tuple[str, ...]:
    """The sentences of conflicts that a value would bring about, which are not there already."""
    there = {(each.conflict, each.setting) for each in known}
    return tuple(
        conflict_words(each.conflict, each.parameters, translations)
        for each in previewed
        if (each.conflict, each.setting) not in there
    )


def unsaved_words(count: int, translations: Translations = ENGLISH) -> str:
    """How many changes wait to be saved."""
    words = translations.ngettext("{count} change is not saved.", "{count} changes are not saved.", count)
    return filled(words, {"count": count})


def elsewhere_words(value: str, translations: Translations = ENGLISH) -> str:
    """That the stored value changed while the person typed another."""
    words = translations.gettext(
        "Meanwhile it was set to {value} elsewhere; yours is kept here until you save or undo."
    )
    return filled(words, {"value": value})


def changed_elsewhere_words(translations: Translations = ENGLISH) -> str:
    """That the settings changed under the person's hands."""
    return translations.gettext(
        "The settings were changed elsewhere meanwhile. What you typed is still here: look it over, then save again."
    )


def _preview(
    device: DeviceSnapshot | None, decision: DecisionSnapshot, now_unix_s: int, translations: Translations
) -> str:
    gettext = translations.gettext
    if device is not None and _same(device.decision, decision):
        return gettext("Changes nothing right now.")
    reason = reason_sentence(decision.reasons[0], now_unix_s, translations) if decision.reasons else ""
    if decision.compute in ("hold", "stop"):
        return (
            filled(gettext("Would pause now: {reason}"), {"reason": reason}) if reason else gettext("Would pause now.")
        )
    if decision.compute == "limited":
        return filled(gettext("Would work slower now: {reason}"), {"reason": reason})
    if decision.transfers == "none":
        return filled(gettext("Would work, but send and fetch nothing now: {reason}"), {"reason": reason})
    if device is not None and device.decision.compute in ("hold", "stop"):
        return gettext("Would work now.")
    return gettext("Would go on working now.")


def _same(now: DecisionSnapshot, then: DecisionSnapshot) -> bool:
    """Whether a person would see no difference."""
    shown = [(each.compute, each.transfers, each.reasons[0].rule if each.reasons else None) for each in (now, then)]
    return shown[0] == shown[1]
