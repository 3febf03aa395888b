"""Reading what is shown, sent or deleted; each runs inside an open transaction."""

from typing import Final

from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.ranges import position_tokens
from sparewatt_coordinator.store.base import CONTRIBUTORS_MOST, ContributorStatus, RunStatus, Way
from sparewatt_coordinator.store.sqlite.merging import outer_state
from sparewatt_coordinator.store.sqlite.tables import Tables
from sparewatt_coordinator.store.statements import disposable, shortest_way

CONTRIBUTORS_SHOWN: Final = 100
DISPOSABLE_MOST: Final = 1_000
# The last two published rounds are kept, so that a merge can be looked into or done again.
ROUNDS_KEPT: Final = 2


def way(tables: Tables, have: VersionId | None) -> Way:
    return shortest_way(tables.versions(), have)


def may_fetch(tables: Tables, blob: BlobRef) -> bool:
    found = tables.one(
        "SELECT 1 FROM blobs WHERE sha256 = ? AND size = ? AND kind IN ('data', 'version')", blob.sha256, blob.size
    )
    return found is not None


def disposable_blobs(tables: Tables) -> tuple[BlobRef, ...]:
    before = tables.newest().number - ROUNDS_KEPT
    old_versions = {blob.sha256 for _, blob in disposable(tables.versions())}
    rows = tables.sql.execute(
        "SELECT sha256, max(size), group_concat(kind), min(number), max(number) FROM blobs GROUP BY sha256 HAVING"
        " sum(kind IN ('payload', 'state') AND number <= ?) + sum(kind = 'version') = count(*) ORDER BY 4",
        (before,),
    )
    found: list[BlobRef] = []
    for sha256, size, kinds, _, _ in rows:
        if "version" in kinds and sha256 not in old_versions:
            continue
        found.append(BlobRef(sha256=sha256, size=size))
        if len(found) == DISPOSABLE_MOST:
            break
    return tuple(found)


def forget_blobs(tables: Tables, blobs: tuple[BlobRef, ...]) -> None:
    for blob in blobs:
        tables.sql.execute("DELETE FROM blobs WHERE sha256 = ?", (blob.sha256,))
        tables.sql.execute(
            "UPDATE versions SET patch_sha256 = NULL, patch_size = NULL WHERE patch_sha256 = ?", (blob.sha256,)
        )
        tables.sql.execute(
            "UPDATE versions SET keyframe_sha256 = NULL, keyframe_size = NULL WHERE keyframe_sha256 = ?", (blob.sha256,)
        )


def status(tables: Tables) -> RunStatus:
    record = tables.record()
    gathering = tables.gathering()
    merging = tables.one("SELECT round, failures FROM rounds WHERE state IN ('merging', 'stalled')")
    facts = tables.facts()
    late = tables.number("SELECT count(*) FROM updates WHERE merged = 'late'")
    drawn = position_tokens(tables.cursor(), tuple(tokens for _, tokens in tables.shards()), tables.order)
    return RunStatus(
        state=record.state,
        words=record.words,
        version=record.version,
        versions=tables.number("SELECT count(*) FROM versions"),
        outer_state=outer_state(tables, record.version),
        evaluations=tables.evaluations(),
        gathering_round=gathering,
        gathering_updates=facts.gathering_updates,
        gathering_tokens=tables.number(
            "SELECT coalesce(sum(tokens), 0) FROM updates WHERE round = ? AND merged = 'yes'", gathering
        ),
        merging_round=_integer(merging, 0),
        merge_failures=_integer(merging, 1) or 0,
        live_leases=tables.number("SELECT count(*) FROM assignments WHERE state = 'leased'"),
        leased_tokens=facts.leased_tokens,
        gap_tokens=tables.number("SELECT coalesce(sum(count), 0) FROM gaps"),
        trained_tokens=record.trained_tokens,
        credited_tokens=record.credited_tokens,
        tokens_drawn=drawn,
        updates_accepted=tables.number("SELECT count(*) FROM updates"),
        updates_late=late,
        updates_refused=tables.number("SELECT count(*) FROM assignments WHERE state = 'refused'"),
        updates_stored=tables.number("SELECT count(*) FROM updates WHERE stored = 1"),
        credit_micro=tables.number("SELECT coalesce(sum(credit_micro), 0) FROM credits WHERE state <> 'revoked'"),
        contributors=_contributors(tables, "5 DESC, contributor", CONTRIBUTORS_SHOWN),
        contributors_total=tables.number("SELECT count(*) FROM contributors"),
    )


def contributors(tables: Tables) -> tuple[ContributorStatus, ...]:
    return _contributors(tables, "seen_milliseconds DESC, contributor", CONTRIBUTORS_MOST)


def _contributors(tables: Tables, order: str, most: int) -> tuple[ContributorStatus, ...]:
    rows = tables.sql.execute(
        "SELECT contributor, trusted, count(sequence), coalesce(sum(tokens), 0), coalesce(sum(credit_micro), 0),"  # noqa: S608 - one of two orders above
        " revoked, seen_milliseconds FROM contributors LEFT JOIN credits USING (contributor) GROUP BY contributor"
        f" ORDER BY {order} LIMIT ?",
        (most,),
    )
    return tuple(ContributorStatus(row[0], bool(row[1]), row[2], row[3], row[4], bool(row[5]), row[6]) for row in rows)


def _integer(row: tuple[object, ...] | None, column: int) -> int | None:
    found = None if row is None else row[column]
    return found if isinstance(found, int) else None
