"""One joined run as the snapshot shows it."""

from collections.abc import Sequence

from sparewatt.engine.device_driver import DeviceDriver
from sparewatt.engine.run_driver import RunDriver
from sparewatt.engine.snapshots import Moments, plain_error
from sparewatt.session.day import day_began_unix_s
from sparewatt.session.events import ManifestChanged
from sparewatt.snapshot import ChangeSnapshot, ConnectionSnapshot, EvaluationSnapshot, RunSnapshot
from sparewatt.work.changes import manifest_changes
from sparewatt.work.manifest import Manifest
from sparewatt.work.plain import plain_text


def run_snapshot(run: RunDriver, devices: Sequence[DeviceDriver], now: Moments) -> RunSnapshot:
    """`devices` are all of the engine's."""
    manifest, state, latest = run.manifest, run.state, run.latest
    applied = [
        driver.state.applied.number for driver in devices if driver.run is run and driver.state.applied is not None
    ]
    error = state.error if state.error is not None else run.error
    totals = state.totals
    return RunSnapshot(
        run=run.run,
        title=plain_text(manifest.title),
        purpose=plain_text(manifest.purpose),
        organiser=plain_text(manifest.organiser),
        licence=plain_text(manifest.licence),
        validation=manifest.validation,
        loss_unit=manifest.data.loss_unit,
        state="open" if latest is None else latest.state,
        words="" if latest is None else plain_text(latest.words),
        connection=ConnectionSnapshot(
            state=state.connection,
            url=run.joined.url,
            error=None if error is None else plain_error(error, now.unix(state.retry_at_s)),
            bytes_up=state.bytes_up,
            bytes_down=state.bytes_down,
        ),
        trust=state.trust,
        version=max(applied, default=None),
        version_latest=None if latest is None else latest.version.number,
        evaluations=()
        if latest is None
        else tuple(EvaluationSnapshot(each.version, each.loss_micro, each.tokens) for each in latest.evaluations),
        run_tokens=0 if latest is None else latest.tokens,
        outbox=totals.pending,
        updates_accepted=totals.accepted,
        updates_refused=totals.refused,
        tokens_accepted=totals.tokens,
        credit_micro=totals.credit_micro,
        receipts=totals.receipts,
        download_bytes=manifest.costs.download_bytes_first,
        work_refused=run.refused_work,
        credit_today_micro=totals.credit_today_micro if totals.day_s == day_began_unix_s(now.unix_s) else 0,
        disk_bytes=run.disk_bytes,
        encrypted=run.joined.url.startswith("wss:"),
        changed=_changes(manifest, state.changed),
        changed_run="" if state.changed is None else state.changed.run,
    )


def _changes(manifest: Manifest, changed: ManifestChanged | None) -> tuple[ChangeSnapshot, ...]:
    found = () if changed is None else manifest_changes(manifest, changed.manifest)
    return tuple(ChangeSnapshot(each.field, each.before, each.after) for each in found)
