"""Reading what is shown, sent or deleted."""

import msgspec

from sparewatt.signing import digest
from sparewatt.work.version import BlobRef
from sparewatt_coordinator.ranges import position_tokens
from sparewatt_coordinator.store.base import CONTRIBUTORS_MOST, ContributorStatus, RunRecord, RunStatus
from sparewatt_coordinator.store.memory.tables import Tables
from sparewatt_coordinator.store.statements import disposable


def record(tables: Tables) -> RunRecord:
    new, manifest = tables.created()
    return RunRecord(
        run=digest(manifest),
        manifest_signed=new.manifest,
        manifest=manifest,
        online_keys=tuple(tables.online_keys),
        state=tables.state,
        words=tables.words,
        version=tables.newest,
        latest=tables.announced,
        trained_tokens=tables.trained,
        credited_tokens=tables.credited,
        started_milliseconds=tables.started,
    )


def may_fetch(tables: Tables, blob: BlobRef) -> bool:
    new, manifest = tables.created()
    versions = [each for row in tables.versions for each in row.blobs]
    frozen = () if manifest.frozen is None else (manifest.frozen.weights,)
    return blob in (manifest.data.index, *frozen, *new.shards, *versions)


def disposable_blobs(tables: Tables) -> tuple[BlobRef, ...]:
    before = tables.newest.number - 2
    old = {blob for _, blob in disposable(tables.kept_versions())}
    versions = {each for row in tables.kept_versions() for each in row.blobs}
    payloads = [(each.entry.round, each.update.payload) for each in tables.taken]
    numbered = [*payloads, *tables.outer_states.items()]
    old |= {blob for number, blob in numbered if number <= before}
    needed = {blob for number, blob in numbered if number > before} | (versions - old)
    gone = {blob for blob in old if blob.sha256 in tables.forgotten}
    return tuple(sorted(old - needed - gone, key=lambda blob: blob.sha256))


def forget_blobs(tables: Tables, blobs: tuple[BlobRef, ...]) -> None:
    gone = {blob.sha256 for blob in blobs}
    tables.forgotten |= gone
    tables.versions = [
        msgspec.structs.replace(
            row,
            patch=None if row.patch is not None and row.patch.sha256 in gone else row.patch,
            keyframe=None if row.keyframe is not None and row.keyframe.sha256 in gone else row.keyframe,
            moments=None if row.moments is not None and row.moments.sha256 in gone else row.moments,
        )
        for row in tables.versions
    ]


def status(tables: Tables) -> RunStatus:
    gathered = tables.gathered()
    merging = tables.merging()
    rows = tables.assignments.values()
    by_credit = sorted(contributors(tables), key=lambda each: (-each.credit_micro, each.contributor))
    return RunStatus(
        state=tables.state,
        words=tables.words,
        version=tables.newest,
        versions=len(tables.versions),
        outer_state=tables.outer_states.get(tables.newest.number),
        evaluations=tuple(tables.evaluations[number] for number in sorted(tables.evaluations)),
        gathering_round=tables.gathering,
        gathering_updates=len(gathered),
        gathering_tokens=sum(each.update.tokens for each in gathered),
        merging_round=merging,
        merge_failures=0 if merging is None else tables.rounds[merging].failures,
        live_leases=sum(row.state == "leased" for row in rows),
        leased_tokens=tables.leased,
        gap_tokens=sum(gap.piece.count for gap in tables.gaps.values()),
        trained_tokens=tables.trained,
        credited_tokens=tables.credited,
        tokens_drawn=position_tokens(tables.cursor, tables.shard_tokens, tables.order),
        updates_accepted=len(tables.taken),
        updates_late=sum(each.entry.merged == "late" for each in tables.taken),
        updates_refused=sum(row.state == "refused" for row in rows),
        updates_stored=sum(each.stored for each in tables.taken),
        credit_micro=sum(each.receipt.credit_micro for each in tables.taken),
        contributors=tuple(by_credit),
        contributors_total=len(tables.contributors),
    )


def contributors(tables: Tables) -> tuple[ContributorStatus, ...]:
    found = []
    for contributor, row in tables.contributors.items():
        mine = [each for each in tables.taken if each.receipt.contributor == contributor]
        found.append(
            ContributorStatus(
                contributor,
                row.trusted,
                len(mine),
                sum(each.update.tokens for each in mine),
                sum(each.receipt.credit_micro for each in mine),
                row.revoked,
                row.seen_milliseconds,
            )
        )
    newest_first = sorted(found, key=lambda each: (-each.seen_milliseconds, each.contributor))
    return tuple(newest_first[:CONTRIBUTORS_MOST])
