"""Transactions about rounds, versions, keys and the end of a run."""

from sparewatt.errors import ConflictError
from sparewatt.numeric.merge_plan import plan_digest
from sparewatt.signing import Signed
from sparewatt.work.receipt import Evaluation
from sparewatt_coordinator.rounds import Gathering, Merge, Rounds
from sparewatt_coordinator.store.base import Fenced, MergeTask, NewRun, Publication, Published, Sign
from sparewatt_coordinator.store.decide import check_next_key, check_run, check_successor
from sparewatt_coordinator.store.memory.tables import Round, Tables
from sparewatt_coordinator.store.statements import Member, VersionRow, merge_plan


def create_run(tables: Tables, new: NewRun, sign: Sign, now: int) -> None:
    manifest, tokens = check_run(new)
    if tables.known_manifest is not None:
        if tables.known_manifest != manifest:
            raise ConflictError("run.exists")
        return
    tables.new, tables.known_manifest, tables.shard_tokens = new, manifest, tokens
    tables.online_keys = [new.online_key]
    tables.rounds[manifest.start.number + 1] = Round()
    tables.publish(VersionRow(manifest.start, new.manifest, None, manifest.start_keyframe), None, sign, now)


def rotate_key(tables: Tables, signed: Signed, sign: Sign, now: int) -> None:
    if signed != tables.online_keys[-1]:
        check_next_key(tables.manifest, tables.online_keys[-1], signed)
        tables.online_keys.append(signed)
        tables.announce(sign, now)


def rounds(tables: Tables) -> Rounds:
    spec = tables.manifest.rounds
    gathered = tables.gathered()
    total, reached = 0, None
    for each in gathered:
        total += each.update.tokens
        if reached is None and total >= spec.tokens_target:
            reached = each.accepted_milliseconds
    merging = tables.merging()
    return Rounds(
        spec=spec,
        gathering=Gathering(
            number=tables.gathering,
            updates=len(gathered),
            tokens=total,
            first_milliseconds=gathered[0].accepted_milliseconds if gathered else None,
            target_milliseconds=reached,
        ),
        merge=None
        if merging is None
        else Merge(merging, "due", due_milliseconds=0, fence=tables.rounds[merging].fence),
        ending=tables.state in ("ending", "closed"),
    )


def plan(tables: Tables, round_number: int) -> bool:
    gathered = tables.gathered()
    if round_number != tables.gathering or tables.merging() is not None or not gathered:
        return False
    listed = [
        Member(each.update.assignment_id, each.update.payload, each.update.tokens, each.entry.staleness)
        for each in gathered
    ]
    newest = tables.versions[-1]
    fixed = merge_plan(
        tables.facts(), newest.version, tables.outer_states.get(newest.version.number), listed, newest.moments
    )
    tables.rounds[round_number] = Round("merging", fixed, plan_digest(fixed))
    tables.rounds[round_number + 1] = Round()
    return True


def lease_merge(tables: Tables, round_number: int) -> MergeTask | None:
    found = tables.rounds.get(round_number)
    if found is None or found.state != "merging" or found.plan is None:
        return None
    found.fence += 1
    keyframe = (found.plan.base.number + 1) % tables.manifest.outer.keyframe_every == 0
    return MergeTask(found.plan, found.plan_digest, found.fence, keyframe)


def publish(tables: Tables, publication: Publication, sign: Sign, now: int) -> Published | Fenced:
    wanted = ("merging", publication.plan_digest, publication.fence)
    for found in tables.rounds.values():
        if (found.state, found.plan_digest, found.fence) == wanted and found.plan is not None:
            check_successor(found.plan.base, publication.version)
            found.state = "published"
            row = VersionRow(
                publication.version, tables.announced, publication.patch, publication.keyframe, publication.moments
            )
            signed = tables.publish(row, found.plan.base, sign, now)
            tables.outer_states[publication.version.number] = publication.outer_state
            return Published(signed, publication.version)
    return Fenced()


def fail(tables: Tables, round_number: int, fence: int, stalled: bool, words: str, sign: Sign, now: int) -> None:
    found = tables.rounds.get(round_number)
    if found is None or found.state != "merging" or found.fence != fence:
        return
    found.failures += 1
    if stalled:
        found.state = "stalled"
        tables.state, tables.words = "stalled", words
        tables.announce(sign, now)


def resume(tables: Tables, sign: Sign, now: int) -> None:
    for found in tables.rounds.values():
        if found.state == "stalled":
            found.state, found.failures = "merging", 0
    if tables.state == "stalled":
        tables.state, tables.words = "open", ""
        tables.announce(sign, now)


def record_evaluation(tables: Tables, evaluation: Evaluation, sign: Sign, now: int) -> Signed:
    known = tables.evaluations.get(evaluation.version)
    if known is not None and known.tokens >= evaluation.tokens:
        return tables.announced
    tables.evaluations[evaluation.version] = evaluation
    return tables.announce(sign, now)


def end_run(tables: Tables, words: str) -> None:
    if tables.state in ("open", "ending"):
        tables.state, tables.words = "ending", words


def close_run(tables: Tables, words: str, sign: Sign, now: int) -> Signed:
    if tables.state == "closed":
        return tables.announced
    tables.state, tables.words = "closed", words
    return tables.announce(sign, now)
