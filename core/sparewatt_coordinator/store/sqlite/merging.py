"""Transactions about rounds, versions and the end of a run; each runs inside an open transaction."""

from sparewatt.errors import ConflictError
from sparewatt.numeric.merge_plan import MergePlan, plan_digest
from sparewatt.signing import Signed, digest
from sparewatt.work.receipt import ANNOUNCEMENT_KIND, Evaluation
from sparewatt.work.version import BlobRef, VersionId
from sparewatt_coordinator.rounds import Gathering, Merge, Rounds
from sparewatt_coordinator.store.base import (
    Fenced,
    MergeTask,
    NewRun,
    Publication,
    Published,
    RunState,
    Sign,
)
from sparewatt_coordinator.store.decide import check_next_key, check_run, check_successor
from sparewatt_coordinator.store.sqlite.tables import Tables, text, value
from sparewatt_coordinator.store.statements import Member, RunNumbers, VersionRow, announcement, merge_plan


def create_run(tables: Tables, new: NewRun, sign: Sign, now: int) -> None:
    manifest, shard_tokens = check_run(new)
    run = digest(manifest)
    existing = tables.one("SELECT run FROM run")
    if existing is not None:
        if existing[0] == run:
            return
        raise ConflictError("run.exists")
    numbers = RunNumbers(run=run, sequence=1, evaluations=(), tokens=0, contributors=0, state="open", words="")
    start = VersionRow(manifest.start, new.manifest, None, manifest.start_keyframe)
    signed = sign(ANNOUNCEMENT_KIND, announcement(numbers, start, None, now // 1000))
    tables.sql.execute(
        "INSERT INTO run (only_row, run, manifest, state, words, latest, announcements, cursor_pass,"
        " cursor_place, cursor_first, trained_tokens, credited_tokens)"
        " VALUES (1, ?, ?, 'open', '', ?, 1, 0, 0, 0, 0, 0)",
        (run, text(new.manifest), text(signed)),
    )
    tables.sql.execute("INSERT INTO online_keys (signed) VALUES (?)", (text(new.online_key),))
    tables.sql.executemany(
        "INSERT INTO shards (shard, sha256, size, tokens) VALUES (?, ?, ?, ?)",
        [
            (number, shard.sha256, shard.size, tokens)
            for number, (shard, tokens) in enumerate(zip(new.shards, shard_tokens, strict=True))
        ],
    )
    frozen = () if manifest.frozen is None else (manifest.frozen.weights,)
    for blob in (manifest.data.index, *frozen, *new.shards):
        tables.add_blob("data", 0, blob)
    _add_version(tables, manifest.start, signed, None, manifest.start_keyframe)
    tables.sql.execute("INSERT INTO rounds (round, state) VALUES (?, 'gathering')", (manifest.start.number + 1,))


def rotate_key(tables: Tables, signed: Signed, sign: Sign, now: int) -> None:
    newest = tables.online_keys()[-1]
    if signed != newest:
        check_next_key(tables.manifest(), newest, signed)
        tables.sql.execute("INSERT INTO online_keys (signed) VALUES (?)", (text(signed),))
        tables.announce(sign, ANNOUNCEMENT_KIND, now)


def rounds(tables: Tables) -> Rounds:
    spec = tables.manifest().rounds
    number = tables.gathering()
    rows = tables.sql.execute(
        "SELECT tokens, accepted_milliseconds FROM updates WHERE round = ? AND merged = 'yes'"
        " ORDER BY accepted_milliseconds",
        (number,),
    ).fetchall()
    total = 0
    reached: int | None = None
    for tokens, accepted in rows:
        total += tokens
        if reached is None and total >= spec.tokens_target:
            reached = accepted
    merging = tables.sql.execute("SELECT round, fence FROM rounds WHERE state IN ('merging', 'stalled')").fetchone()
    ending = tables.sql.execute("SELECT state FROM run").fetchone()[0] in ("ending", "closed")
    return Rounds(
        spec=spec,
        gathering=Gathering(
            number=number,
            updates=len(rows),
            tokens=total,
            first_milliseconds=rows[0][1] if rows else None,
            target_milliseconds=reached,
        ),
        merge=None if merging is None else Merge(round=merging[0], phase="due", due_milliseconds=0, fence=merging[1]),
        ending=ending,
    )


def plan(tables: Tables, round_number: int) -> bool:
    if tables.gathering() != round_number:
        return False
    if tables.one("SELECT 1 FROM rounds WHERE state IN ('merging', 'stalled')") is not None:
        return False
    rows = tables.sql.execute(
        "SELECT assignment_id, payload_sha256, payload_size, tokens, staleness FROM updates"
        " WHERE round = ? AND merged = 'yes'",
        (round_number,),
    ).fetchall()
    if not rows:
        return False
    facts = tables.facts()
    members = [Member(row[0], BlobRef(sha256=row[1], size=row[2]), row[3], row[4]) for row in rows]
    moments = tables.versions()[-1].moments
    fixed = merge_plan(facts, facts.version, outer_state(tables, facts.version), members, moments)
    tables.sql.execute(
        "UPDATE rounds SET state = 'merging', plan = ?, plan_digest = ? WHERE round = ?",
        (text(fixed), plan_digest(fixed), round_number),
    )
    tables.sql.execute("INSERT INTO rounds (round, state) VALUES (?, 'gathering')", (round_number + 1,))
    return True


def lease_merge(tables: Tables, round_number: int) -> MergeTask | None:
    row = tables.sql.execute(
        "UPDATE rounds SET fence = fence + 1 WHERE round = ? AND state = 'merging' RETURNING plan, plan_digest, fence",
        (round_number,),
    ).fetchall()
    if not row:
        return None
    every = tables.manifest().outer.keyframe_every
    fixed = value(row[0][0], MergePlan)
    return MergeTask(fixed, row[0][1], row[0][2], keyframe=(fixed.base.number + 1) % every == 0)


def publish(tables: Tables, publication: Publication, sign: Sign, now: int) -> Published | Fenced:
    row = tables.sql.execute(
        "SELECT round, plan FROM rounds WHERE state = 'merging' AND plan_digest = ? AND fence = ?",
        (publication.plan_digest, publication.fence),
    ).fetchone()
    if row is None:
        return Fenced()
    base = value(row[1], MergePlan).base
    version = publication.version
    check_successor(base, version)
    tables.sql.execute("UPDATE rounds SET state = 'published' WHERE round = ?", (row[0],))
    numbers = tables.numbers()
    moments = publication.moments
    newest = VersionRow(version, tables.record().latest, publication.patch, publication.keyframe, moments)
    signed = sign(ANNOUNCEMENT_KIND, announcement(numbers, newest, base, now // 1000))
    _add_version(tables, version, signed, publication.patch, publication.keyframe)
    if moments is not None:
        # Which version has it stands in the version's announcement.
        tables.add_blob("version", version.number, moments)
    tables.add_blob("state", version.number, publication.outer_state)
    tables.remember(signed, numbers.sequence)
    return Published(signed, version)


def fail(tables: Tables, round_number: int, fence: int, stalled: bool, words: str, sign: Sign, now: int) -> None:
    changed = tables.sql.execute(
        "UPDATE rounds SET failures = failures + 1, state = ? WHERE round = ? AND state = 'merging' AND fence = ?",
        ("stalled" if stalled else "merging", round_number, fence),
    ).rowcount
    if changed and stalled:
        _set_state(tables, "stalled", words, sign, now)


def resume(tables: Tables, sign: Sign, now: int) -> None:
    tables.sql.execute("UPDATE rounds SET state = 'merging', failures = 0 WHERE state = 'stalled'")
    if tables.record().state == "stalled":
        _set_state(tables, "open", "", sign, now)


def record_evaluation(tables: Tables, evaluation: Evaluation, sign: Sign, now: int) -> Signed:
    changed = tables.sql.execute(
        "INSERT INTO evaluations (version, loss_micro, tokens) VALUES (?, ?, ?) ON CONFLICT (version) DO UPDATE"
        " SET loss_micro = excluded.loss_micro, tokens = excluded.tokens WHERE excluded.tokens > tokens",
        (evaluation.version, evaluation.loss_micro, evaluation.tokens),
    ).rowcount
    return tables.announce(sign, ANNOUNCEMENT_KIND, now) if changed else tables.record().latest


def end_run(tables: Tables, words: str) -> None:
    tables.sql.execute("UPDATE run SET state = 'ending', words = ? WHERE state IN ('open', 'ending')", (words,))


def close_run(tables: Tables, words: str, sign: Sign, now: int) -> Signed:
    record = tables.record()
    if record.state == "closed":
        return record.latest
    return _set_state(tables, "closed", words, sign, now)


def outer_state(tables: Tables, version: VersionId) -> BlobRef | None:
    row = tables.sql.execute(
        "SELECT sha256, size FROM blobs WHERE kind = 'state' AND number = ?", (version.number,)
    ).fetchone()
    return None if row is None else BlobRef(sha256=row[0], size=row[1])


def _set_state(tables: Tables, state: RunState, words: str, sign: Sign, now: int) -> Signed:
    tables.sql.execute("UPDATE run SET state = ?, words = ?", (state, words))
    return tables.announce(sign, ANNOUNCEMENT_KIND, now)


def _add_version(
    tables: Tables, version: VersionId, signed: Signed, patch: BlobRef | None, keyframe: BlobRef | None
) -> None:
    tables.sql.execute(
        "INSERT INTO versions (branch, number, sha256, announcement, patch_sha256, patch_size, keyframe_sha256,"
        " keyframe_size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *version.position,
            version.sha256,
            text(signed),
            patch.sha256 if patch else None,
            patch.size if patch else None,
            keyframe.sha256 if keyframe else None,
            keyframe.size if keyframe else None,
        ),
    )
    for each in (patch, keyframe):
        if each is not None:
            tables.add_blob("version", version.number, each)
