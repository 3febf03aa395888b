"""The one state that the tray and the status page both show: a mark, a sentence, and what can be done about it."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from sparewatt.snapshot import DeviceSnapshot, ReasonSnapshot, Snapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.errors import error_words
from sparewatt.wording.status import device_sentence, state_sentence
from sparewatt.wording.units import duration_words
from sparewatt_desktop.actions import Action, OpenPage, OpenSetting, actions_for, setting_address
from sparewatt_desktop.connection import Link
from sparewatt_desktop.engine_words import engine_notice
from sparewatt_desktop.theme import Tone

Mark = Literal["contributing", "limited", "waiting", "paused", "attention", "no-engine"]

TONES: Final = MappingProxyType(
    {
        "contributing": "accent",
        "limited": "caution",
        "waiting": "quiet",
        "paused": "quiet",
        "attention": "attention",
        "no-engine": "quiet",
    }
)
# Rules that only the person can do something about; everything else ends by itself.
_NEEDS_THE_PERSON: Final = frozenset(
    {"settings_unknown", "memory_low", "disk_low", "sensors_lost", "disk_writes", "budget_unknown"}
)
# Pauses of some seconds, which come and go while a device works within its limits.
_PASSING: Final = frozenset({"power_spent", "measuring", "no_sample", "sample_stale", "decision_stale"})


@dataclass(frozen=True)
class State:
    """Attributes:
    title: the state in a few words.
    sentence: why, and until when.
    actions: what changes exactly that, the nearest first.
    """

    mark: Mark
    title: str
    sentence: str
    actions: tuple[Action, ...] = ()
    pausable: bool = False

    @property
    def tone(self) -> Tone:
        return TONES[self.mark]  # type: ignore[return-value]  # the table holds tones


def state_of(link: Link, snapshot: Snapshot | None, translations: Translations = ENGLISH) -> State:
    """What to show for the whole computer."""
    if snapshot is None or link.phase in ("slow", "other_version", "refused"):
        notice = engine_notice(link, translations)
        if notice is not None:
            mark = _notice_mark(link, notice.tone)
            actions = () if notice.action is None else (notice.action,)
            return State(mark, notice.title, notice.text, actions)
    if snapshot is None:
        return State("no-engine", translations.gettext("Stopped"), translations.gettext("The engine has stopped."))
    return _working_state(snapshot, translations)


def _notice_mark(link: Link, tone: Tone) -> Mark:
    if tone == "attention":
        return "attention"
    return "waiting" if link.phase in ("looking", "starting", "replacing") else "no-engine"


def _working_state(snapshot: Snapshot, translations: Translations) -> State:
    gettext = translations.gettext
    sentence = state_sentence(snapshot, translations)
    if snapshot.phase != "running":
        title = gettext("Starting") if snapshot.phase == "starting" else gettext("Stopping")
        return State("waiting", title, sentence)
    if snapshot.key_store == "waiting":
        return State("attention", gettext("Waiting for your keyring"), sentence)
    if not snapshot.runs:
        text = gettext("Paste an invite, and this computer can help to train an open model.")
        return State("waiting", gettext("No run is joined yet"), text, (OpenPage(gettext("Join a run"), "join"),))
    if not snapshot.devices:
        return _without_devices(snapshot, translations)
    return _device_state(shown_device(snapshot), snapshot, sentence, translations)


def _without_devices(snapshot: Snapshot, translations: Translations) -> State:
    gettext = translations.gettext
    error = snapshot.sensing.error
    if error is not None:
        words = error_words(error.error_id, error.parameters, translations)
        return State("attention", gettext("No device can be read"), words, (OpenPage(gettext("Devices"), "devices"),))
    if snapshot.sensing.state == "running":
        text = gettext("Nothing on this computer can train. A graphics card, an Apple chip or a processor can.")
        return State("attention", gettext("No device found"), text, (OpenPage(gettext("Devices"), "devices"),))
    return State("waiting", gettext("Looking for devices"), gettext("This takes a few seconds."))


def shown_device(snapshot: Snapshot) -> DeviceSnapshot:
    """The device that speaks for the computer: the one that does most. There must be one."""
    order = ("training", "starting", "ready", "stopping", "none", "failed")
    return min(snapshot.devices, key=lambda device: order.index(device.worker))


def _device_state(device: DeviceSnapshot, snapshot: Snapshot, sentence: str, translations: Translations) -> State:
    gettext = translations.gettext
    decision = device.decision
    if decision.compute in ("hold", "stop") and decision.reasons:
        return _held_state(decision.reasons[0], device, snapshot, sentence, translations)
    if device.error is not None and device.worker in ("none", "failed"):
        again = _again(device, snapshot, translations)
        text = " ".join(part for part in (sentence, again) if part)
        devices = OpenPage(gettext("Devices"), "devices")
        return State("attention", gettext("Something failed"), text, (devices,), pausable=True)
    if device.pause is not None and device.worker != "failed" and device.pause.rule not in _PASSING:
        return _resting_state(device.pause, device, sentence, translations)
    if device.worker == "training":
        if device.pause is not None or device.limit_reason in ("power", "temperature") or decision.compute == "limited":
            return State("limited", gettext("Contributing, within your limits"), sentence, pausable=True)
        return State("contributing", gettext("Contributing"), sentence, pausable=True)
    if device.worker == "starting":
        return State("waiting", gettext("Getting ready"), sentence, pausable=True)
    if decision.reasons:
        actions = actions_for(decision.reasons[0], device, snapshot, translations)
        return State("waiting", gettext("Waiting"), sentence, actions, pausable=True)
    text = device_sentence(device, snapshot.taken_unix_s, translations)
    return State("waiting", gettext("Ready"), text, pausable=True)


def _resting_state(pause: ReasonSnapshot, device: DeviceSnapshot, sentence: str, translations: Translations) -> State:
    """The governor lets nothing compute for a while, although the rules do."""
    gettext = translations.gettext
    if pause.setting is None:
        return State("limited", gettext("Resting for your limits"), sentence, pausable=True)
    change = OpenSetting(gettext("Change this limit"), setting_address(pause.setting, device))
    return State("limited", gettext("Resting for your limits"), sentence, (change,), pausable=True)


def _held_state(
    reason: ReasonSnapshot, device: DeviceSnapshot, snapshot: Snapshot, sentence: str, translations: Translations
) -> State:
    gettext = translations.gettext
    actions = actions_for(reason, device, snapshot, translations)
    if reason.rule in ("paused", "paused_for_game"):
        return State("paused", gettext("Paused"), sentence, actions)
    if reason.rule in ("contribution_off", "device_off"):
        return State("paused", gettext("Switched off"), sentence, actions)
    mark: Mark = "attention" if reason.rule in _NEEDS_THE_PERSON else "waiting"
    return State(mark, gettext("Waiting"), sentence, actions, pausable=True)


def _again(device: DeviceSnapshot, snapshot: Snapshot, translations: Translations) -> str:
    if device.error is None or device.error.retry_unix_s is None:
        return ""
    left = device.error.retry_unix_s - snapshot.taken_unix_s
    if left <= 0:
        return ""
    return filled(translations.gettext("It is tried again in {left}."), {"left": duration_words(left, translations)})
