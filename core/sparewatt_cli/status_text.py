"""An engine's snapshot as lines for a terminal."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from sparewatt.snapshot import DeviceSnapshot, EnergySnapshot, RunSnapshot, Snapshot
from sparewatt.wording.catalogue import ENGLISH, Parameters, Translations, filled
from sparewatt.wording.conflicts import conflict_words
from sparewatt.wording.energy import carbon_words, energy_words, honesty_words, measured_words, money_words
from sparewatt.wording.status import idle_sentence, limits_sentence
from sparewatt.wording.units import bytes_words, credit_words, loss_words
from sparewatt_cli.figures import count_text, moment_text, sparkline, watts_text
from sparewatt_cli.words import error_sentence, pause_sentence, rule_sentence

_WORKERS: Final = MappingProxyType({
    "none": "not working",
    "starting": "starting",
    "ready": "ready",
    "training": "training",
    "stopping": "stopping",
    "failed": "failed",
})  # fmt: skip
_PHASES: Final = MappingProxyType({
    "fetching": "fetching",
    "ready": "ready",
    "training": "training",
    "encoding": "encoding",
})  # fmt: skip
_CONNECTIONS: Final = MappingProxyType({
    "disconnected": "disconnected",
    "connecting": "connecting",
    "handshake": "connecting",
    "connected": "connected",
    "refused": "refused",
})  # fmt: skip
_RUNS: Final = MappingProxyType({"open": "open", "stalled": "stalled", "closed": "closed"})
_VALIDATIONS: Final = MappingProxyType({"unaudited": "unaudited"})


def status_lines(snapshot: Snapshot, words: Translations = ENGLISH) -> tuple[str, ...]:
    """Everything a person asks first: does it run, why (not), what for, how fast, what came of it."""
    return tuple(_all_lines(snapshot, words))


def setting_words(sentence: str, setting: str, words: Translations) -> str:
    """A sentence with the setting that would change it."""
    return filled(words.gettext("{sentence} Setting: {setting}."), {"sentence": sentence, "setting": setting})


def _all_lines(snapshot: Snapshot, words: Translations) -> Iterator[str]:
    gettext = words.gettext
    runs = {"version": snapshot.engine_version, "moment": moment_text(snapshot.started_unix_s, words)}
    yield filled(gettext("Engine {version} runs since {moment}."), runs)
    yield from _asked_lines(snapshot, words)
    if snapshot.computer is not None:
        yield idle_sentence(snapshot.computer, words)
    if snapshot.key_store == "waiting":
        yield gettext("Waiting for your keyring. Unlock it, and work goes on.")
    if not snapshot.runs:
        yield gettext("No run is joined. Join one with an invite: sparewatt join")
    for run in snapshot.runs:
        yield from _run_lines(run, words)
    for device in snapshot.devices:
        yield from _device_lines(device, words)
    if snapshot.energy is not None:
        yield ""
        yield _energy_line(snapshot.energy, words)
    for conflict in snapshot.conflicts:
        sentence = conflict_words(conflict.conflict, conflict.parameters, words)
        yield setting_words(sentence, conflict.setting, words)
    for error in (snapshot.settings_error, snapshot.energy_error, snapshot.sensing.error):
        if error is not None:
            yield error_sentence(error.error_id, error.parameters, words)


def _asked_lines(snapshot: Snapshot, words: Translations) -> Iterator[str]:
    """What the person asked for, for a while."""
    gettext = words.gettext
    if snapshot.paused_until_unix_s is not None:
        yield pause_sentence(snapshot.paused_until_unix_s, words)
    if snapshot.paused_for_game:
        yield gettext("Paused until a minute after the game has closed.")
    if snapshot.contribute_until_unix_s is not None:
        until = {"moment": moment_text(snapshot.contribute_until_unix_s, words)}
        yield filled(gettext("Contributing until {moment}, by your word."), until)


def _energy_line(energy: EnergySnapshot, words: Translations) -> str:
    month = measured_words(energy.watt_hours_month, energy.unmeasured_s_month, words)
    if energy.watt_hours_month:
        used = {"month": month, "today": energy_words(energy.watt_hours_today, words)}
        month = filled(words.gettext("{month} (today {today})"), used)
    parts = [month]
    if energy.cost_micro_month is not None:
        parts.append(money_words(energy.cost_micro_month, energy.currency, words))
    parts.append(carbon_words(energy.carbon_grams_month, words))
    moved = {"amount": bytes_words(energy.network_bytes_month, words)}
    parts.append(filled(words.gettext("{amount} sent and received"), moved))
    unmeasured_s = energy.unmeasured_s_month if energy.watt_hours_month else 0
    honest = honesty_words(estimated=energy.estimated, unmeasured_s=unmeasured_s, translations=words)
    line = filled(words.gettext("This month {parts}"), {"parts": ", ".join(parts)})
    return f"{line}; {honest}" if honest else line


def _run_lines(run: RunSnapshot, words: Translations) -> Iterator[str]:
    gettext = words.gettext
    audited = gettext(_VALIDATIONS[run.validation]) if run.validation in _VALIDATIONS else run.validation
    yield ""
    named = {"run": run.run[:8], "title": run.title, "organiser": run.organiser, "checks": audited}
    yield filled(gettext("Run {run}  {title}  ({organiser}; {checks})"), named)
    version = gettext("no version yet")
    if run.version is not None:
        version = filled(gettext("version {version}"), {"version": run.version})
    state = f"{gettext(_CONNECTIONS[run.connection.state])}, {version}, {gettext(_RUNS[run.state])}"
    yield f"  {state}: {run.words}" if run.words else f"  {state}"
    if run.evaluations:
        bars = sparkline([each.loss_micro for each in run.evaluations], 40)
        loss = {"loss": loss_words(run.evaluations[-1].loss_micro, run.loss_unit, words)}
        yield f"  {filled(gettext('held-out loss {loss}'), loss)}  {bars}"
    accepted: Parameters = {
        "tokens": count_text(run.tokens_accepted, words),
        "credit": credit_words(run.credit_micro, words),
        "receipts": run.receipts,
        "results": run.outbox,
    }
    came = gettext("{tokens} tokens accepted, {credit}, {receipts} receipts, {results} results on their way")
    yield f"  {filled(came, accepted)}"
    moved = {
        "sent": bytes_words(run.connection.bytes_up, words),
        "received": bytes_words(run.connection.bytes_down, words),
    }
    traffic = gettext(
        "{sent} sent, {received} received, encrypted" if run.encrypted else "{sent} sent, {received} received"
    )
    yield f"  {filled(traffic, moved)}"
    if run.changed_run:
        changed = gettext(
            "The organiser has changed this run, and nothing is contributed to it. See what changed: sparewatt consent "
            "{run}"
        )
        yield f"  {filled(changed, {'run': run.run[:8]})}"
    elif run.connection.error is not None:
        yield f"  {error_sentence(run.connection.error.error_id, run.connection.error.parameters, words)}"


def _device_lines(device: DeviceSnapshot, words: Translations) -> Iterator[str]:
    gettext = words.gettext
    parts = [gettext(_WORKERS[device.worker])]
    if device.tokens_per_s is not None:
        parts.append(filled(gettext("{count} tokens/s"), {"count": count_text(device.tokens_per_s, words)}))
    parts.append(watts_text(device.sensors.power_watts, words))
    heat = device.sensors.temperature_celsius
    if heat is not None:
        parts.append(f"{heat:.0f} °C")
    yield ""
    yield f"{device.device}  {device.name}: {', '.join(parts)}"
    yield f"  {limits_sentence(device, words)}"
    if device.current is not None:
        work = device.current
        done = {"done": work.inner_steps, "total": work.inner_steps_total, "version": work.base_version}
        steps = filled(gettext("inner step {done} of {total} on version {version}"), done)
        yield f"  {gettext(_PHASES[work.phase])}, {steps}"
    for reason in device.decision.reasons:
        sentence = rule_sentence(reason.rule, reason.parameters, words)
        if reason.until_unix_s:
            ends = {"sentence": sentence, "moment": moment_text(reason.until_unix_s, words)}
            sentence = filled(gettext("{sentence} Until {moment}."), ends)
        yield f"  {setting_words(sentence, reason.setting, words) if reason.setting else sentence}"
    if device.error is not None:
        yield f"  {error_sentence(device.error.error_id, device.error.parameters, words)}"
    if device.uncompiled is not None:
        yield f"  {error_sentence(device.uncompiled.error_id, device.uncompiled.parameters, words)}"
