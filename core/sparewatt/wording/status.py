"""The sentences of a snapshot: what the computer does now, and why it does not do more."""

from sparewatt.snapshot import ComputerSnapshot, DeviceSnapshot, ReasonSnapshot, Snapshot
from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.errors import error_words
from sparewatt.wording.idle import idle_words
from sparewatt.wording.rules import rule_words
from sparewatt.wording.units import duration_words, percent_words


def state_sentence(snapshot: Snapshot, translations: Translations = ENGLISH) -> str:
    """One sentence for the whole computer: the best that any of its devices does."""
    if snapshot.phase == "starting":
        return translations.gettext("Starting.")
    if snapshot.phase == "stopping":
        return translations.gettext("Stopping; what is finished is kept.")
    if snapshot.key_store == "waiting":
        return translations.gettext("Waiting for your keyring. Unlock it, and work goes on.")
    if not snapshot.runs:
        return translations.gettext("No run is joined yet.")
    if not snapshot.devices:
        return translations.gettext("Looking for devices.")
    best = min(snapshot.devices, key=_rank)
    training = sum(device.worker == "training" for device in snapshot.devices)
    if training > 1:
        return filled(translations.gettext("Training on {count} devices."), {"count": training})
    return device_sentence(best, snapshot.taken_unix_s, translations)


def device_sentence(device: DeviceSnapshot, now_unix_s: int, translations: Translations = ENGLISH) -> str:
    """What one device does, or why it does nothing and until when."""
    if device.decision.compute in ("hold", "stop") and device.decision.reasons:
        return reason_sentence(device.decision.reasons[0], now_unix_s, translations)
    if device.error is not None and device.worker in ("none", "failed"):
        return error_words(device.error.error_id, device.error.parameters, translations)
    match device.worker:
        case "training":
            return filled(
                translations.gettext("Training on {name}{limit}."),
                {"name": device.name, "limit": duty_words(device, translations)},
            )
        case "starting":
            return filled(translations.gettext("Getting {name} ready."), {"name": device.name})
        case "stopping":
            return filled(translations.gettext("Stopping {name}; its work is kept."), {"name": device.name})
        case "failed":
            return filled(translations.gettext("{name} failed and is tried again by itself."), {"name": device.name})
        case "ready" | "none":
            if device.decision.reasons:
                return reason_sentence(device.decision.reasons[0], now_unix_s, translations)
            return filled(translations.gettext("{name} is waiting for work."), {"name": device.name})


def reason_sentence(reason: ReasonSnapshot, now_unix_s: int, translations: Translations = ENGLISH) -> str:
    """A matching rule, with how long it still lasts where that is known."""
    words = rule_words(reason.rule, reason.parameters, translations)
    if reason.until_unix_s is None or reason.until_unix_s <= now_unix_s:
        return words
    left = duration_words(reason.until_unix_s - now_unix_s, translations)
    return filled(translations.gettext("{words} It ends in {left}."), {"words": words, "left": left})


def duty_words(device: DeviceSnapshot, translations: Translations = ENGLISH) -> str:
    """What keeps a device below its full speed, to follow its name; empty at full speed."""
    duty = percent_words(device.duty_percent)
    match device.limit_reason:
        case "speed_limit":
            return filled(translations.gettext(" at {duty} of its time, your speed limit"), {"duty": duty})
        case "power":
            return filled(translations.gettext(" at {duty} of its time, to stay under your watts"), {"duty": duty})
        case "temperature":
            return filled(translations.gettext(" at {duty} of its time, to stay cool"), {"duty": duty})
        case None:
            return ""


def limits_sentence(device: DeviceSnapshot, translations: Translations = ENGLISH) -> str:
    """The limits that are kept on a device, with what they are held against."""
    limits = device.limits
    parts = [filled(translations.gettext("speed limit {speed}"), {"speed": percent_words(device.speed_limit_percent)})]
    if limits.power_cap_watts is not None:
        mean = device.sensors.power_mean_watts
        words: Parameters = {"cap": limits.power_cap_watts, "mean": "" if mean is None else f"{mean:.0f}"}
        template = "cap {cap} W" if mean is None else "cap {cap} W (mean of a minute {mean} W)"
        parts.append(filled(translations.gettext(template), words))
    if limits.temperature_limit_celsius is not None:
        limit = limits.temperature_limit_celsius
        parts.append(filled(translations.gettext("temperature limit {limit} °C"), {"limit": limit}))
    return filled(translations.gettext("Limits: {limits}."), {"limits": ", ".join(parts)})


def idle_sentence(computer: ComputerSnapshot, translations: Translations = ENGLISH) -> str:
    """Whether somebody uses the computer, as far as that can be known."""
    if computer.seat is False:
        return translations.gettext("This computer has no screen and keyboard of its own, so nobody is waited for.")
    if computer.idle_s is None:
        return idle_words(computer.idle_source or "unknown", translations)
    if computer.idle_s < 60:
        return translations.gettext("Somebody is using the computer.")
    length = duration_words(computer.idle_s, translations)
    return filled(translations.gettext("Mouse and keyboard have rested for {length}."), {"length": length})


def _rank(device: DeviceSnapshot) -> int:
    return ("training", "starting", "ready", "stopping", "none", "failed").index(device.worker)
