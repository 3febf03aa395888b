"""An engine's snapshot as lines for a terminal."""

from collections.abc import Iterator

from sparewatt.snapshot import DeviceSnapshot, RunSnapshot, Snapshot
from sparewatt.wording.conflicts import conflict_words
from sparewatt.wording.energy import carbon_words, energy_words, honesty_words, money_words
from sparewatt.wording.status import idle_sentence, limits_sentence
from sparewatt.wording.units import bytes_words, credit_words, loss_words
from sparewatt_cli.figures import count_text, moment_text, sparkline, watts_text
from sparewatt_cli.words import error_sentence, rule_sentence

_WORKERS = {
    "none": "not working",
    "starting": "starting",
    "ready": "ready",
    "training": "training",
    "stopping": "stopping",
    "failed": "failed",
}


def status_lines(snapshot: Snapshot) -> tuple[str, ...]:
    """Everything a person asks first: does it run, why (not), what for, how fast, what came of it."""
    return tuple(_all_lines(snapshot))


def _all_lines(snapshot: Snapshot) -> Iterator[str]:
    yield f"Engine {snapshot.engine_version} runs since {moment_text(snapshot.started_unix_s)}."
    if snapshot.paused_until_unix_s is not None:
        until = snapshot.paused_until_unix_s
        yield f"Paused until {moment_text(until)}." if until else "Paused until you resume: sparewatt resume"
    if snapshot.paused_for_game:
        yield "Paused until a minute after the game has closed."
    if snapshot.contribute_until_unix_s is not None:
        yield f"Contributing until {moment_text(snapshot.contribute_until_unix_s)}, by your word."
    if snapshot.computer is not None:
        yield idle_sentence(snapshot.computer)
    if snapshot.key_store == "waiting":
        yield "Waiting for your keyring: unlock it, and work goes on."
    if not snapshot.runs:
        yield "No run is joined. Join one with an invite: sparewatt join"
    for run in snapshot.runs:
        yield from _run_lines(run)
    for device in snapshot.devices:
        yield from _device_lines(device)
    yield from _energy_lines(snapshot)
    for conflict in snapshot.conflicts:
        yield f"{conflict_words(conflict.conflict, conflict.parameters)} Setting: {conflict.setting}."
    for error in (snapshot.settings_error, snapshot.energy_error, snapshot.sensing.error):
        if error is not None:
            yield error_sentence(error.error_id, error.parameters)


def _energy_lines(snapshot: Snapshot) -> Iterator[str]:
    energy = snapshot.energy
    if energy is None:
        return
    cost = "" if energy.cost_micro_month is None else f", {money_words(energy.cost_micro_month, energy.currency)}"
    honest = honesty_words(estimated=energy.estimated, unmeasured_s=energy.unmeasured_s_month)
    yield ""
    yield (
        f"This month {energy_words(energy.watt_hours_month)} (today {energy_words(energy.watt_hours_today)}){cost}, "
        f"{carbon_words(energy.carbon_grams_month)}, {bytes_words(energy.network_bytes_month)} sent and received"
        + (f"; {honest}" if honest else "")
    )


def _run_lines(run: RunSnapshot) -> Iterator[str]:
    yield ""
    yield f"Run {run.run[:8]}  {run.title}  ({run.organiser}; {run.validation})"
    version = "no version yet" if run.version is None else f"version {run.version}"
    yield f"  {run.connection.state}, {version}, {run.state}" + (f": {run.words}" if run.words else "")
    if run.evaluations:
        bars = sparkline([each.loss_micro for each in run.evaluations], 40)
        yield f"  held-out loss {loss_words(run.evaluations[-1].loss_micro, run.loss_unit)}  {bars}"
    yield (
        f"  {count_text(run.tokens_accepted)} tokens accepted, {credit_words(run.credit_micro)}, "
        f"{run.receipts} receipts, {run.outbox} results on their way"
    )
    yield f"  {bytes_words(run.connection.bytes_up)} sent, {bytes_words(run.connection.bytes_down)} received"
    if run.connection.error is not None:
        yield f"  {error_sentence(run.connection.error.error_id, run.connection.error.parameters)}"


def _device_lines(device: DeviceSnapshot) -> Iterator[str]:
    yield ""
    speed = "" if device.tokens_per_s is None else f", {count_text(device.tokens_per_s)} tokens/s"
    heat = device.sensors.temperature_celsius
    yield (
        f"{device.device}  {device.name}: {_WORKERS[device.worker]}{speed}, {watts_text(device.sensors.power_watts)}"
        + ("" if heat is None else f", {heat:.0f} °C")
    )
    yield f"  {limits_sentence(device)}"
    if device.current is not None:
        work = device.current
        steps = f"inner step {work.inner_steps} of {work.inner_steps_total}"
        yield f"  {work.phase}, {steps} on version {work.base_version}"
    for reason in device.decision.reasons:
        end = f" Until {moment_text(reason.until_unix_s)}." if reason.until_unix_s else ""
        change = f" Setting: {reason.setting}." if reason.setting else ""
        yield f"  {rule_sentence(reason.rule, reason.parameters)}{end}{change}"
    if device.error is not None:
        yield f"  {error_sentence(device.error.error_id, device.error.parameters)}"
