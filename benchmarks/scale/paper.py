"""docs/scale.md: sums from measured figures, for three crowds and three models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.scale import costs
from benchmarks.scale.course import TOKENS_A_PARAMETER, Outcome
from benchmarks.scale.population import (
    AWAY_FACTOR,
    MODEL_FLOP_SHARE,
    SESSION_MEAN_S,
    SESSION_SCALE_S,
    SESSION_SHAPE,
    mean_tokens_per_s,
)
from sparewatt.numeric.merge_plan import UPDATES_MOST
from sparewatt_coordinator.create.profile import OUTER_STEPS_LEAST, run_profile

CROWDS: Final = (100, 10_000, 1_000_000)
MODELS: Final = (("125 M", 125_000_000), ("1 B", 1_000_000_000), ("7 B", 7_000_000_000))
_SETTLES: Final = 100
_MOVES: Final = {
    "merging": "merging by blocks on several aggregators, which integer sums allow; or fewer contributors a run",
    "updates a round": "several runs at once, or groups that merge locally, for a round holds 1,024 updates",
    "the gateway": "patches from an HTTPS server or a content network, which announcements may name; more gateways",
}


@dataclass(frozen=True)
class Sums:
    """Of one crowd and one model.

    Attributes:
        there: devices that are there at a time.
        round_s: from one round's begin to the next; the longer of what tokens and what the merge take.
        updates: accepted a round.
        surplus: share of the devices' time for which no round has room.
        loads: what is needed over what there is: above 1 it is a bottleneck.
    """

    there: float
    tokens_per_s: float
    round_s: float
    updates: float
    merge_s: float
    outer_steps: int
    days: float
    up_bytes_per_s: float
    down_bytes_per_s: float
    rows_per_s: float
    rows: int
    surplus: float
    loads: dict[str, float]

    @property
    def short(self) -> tuple[str, ...]:
        """What there is too little of."""
        return tuple(name for name, load in self.loads.items() if load > 1.0)


def short_from(parameters: int, name: str) -> int | None:
    """The fewest contributors with whom there is too little of `name`; None where a hundred million are not enough."""
    enough, short = 2, 100_000_000
    if name not in sums(short, parameters).short:
        return None
    while short > enough + max(1, enough // 100):
        middle = (enough + short) // 2
        enough, short = (enough, middle) if name in sums(middle, parameters).short else (middle, short)
    return short


def sums(contributors: int, parameters: int) -> Sums:
    """What so many contributors mean for a run of 20 tokens a parameter."""
    there = contributors / (1.0 + AWAY_FACTOR)
    total = TOKENS_A_PARAMETER * parameters
    profile = run_profile("large", max(2, round(there)), tokens=total)
    plan, speed = profile.rounds, mean_tokens_per_s(parameters)
    supply, full = there * speed, profile.assignment_tokens
    each = min(max(speed * plan.seconds_most, full / 4), full)
    gathering = min(plan.tokens_target / supply + plan.grace_milliseconds / 1000, plan.seconds_most)
    gathering = max(gathering, each / supply)
    wanted = gathering * supply / each
    updates, round_s = min(wanted, UPDATES_MOST), gathering
    for _ in range(_SETTLES):
        # Updates go on arriving while the round before is merged, until this one is full.
        updates = min(max(wanted, round_s * supply / each), UPDATES_MOST)
        round_s = max(gathering, costs.merge_seconds(parameters, round(updates)))
    merge_s = costs.merge_seconds(parameters, round(updates))
    surplus = max(0.0, 1.0 - updates * each / (round_s * supply))
    merged_per_s = supply * (1.0 - surplus)
    arriving = merged_per_s / each
    up, down = arriving * costs.update_bytes(parameters), there * costs.patch_bytes(parameters) / round_s
    return Sums(
        there=there,
        tokens_per_s=supply,
        round_s=round_s,
        updates=updates,
        merge_s=merge_s,
        outer_steps=max(1, round(total / merged_per_s / round_s)),
        days=total / merged_per_s / 86_400,
        up_bytes_per_s=up,
        down_bytes_per_s=down,
        rows_per_s=arriving * costs.ROWS_AN_UPDATE,
        rows=round(total / each * costs.ROWS_AN_UPDATE),
        surplus=surplus,
        loads={
            "merging": costs.merge_seconds(parameters, round(min(wanted, UPDATES_MOST))) / gathering,
            "updates a round": wanted / UPDATES_MOST,
            "the gateway": (up + down) / costs.GATEWAY_BYTES_A_SECOND,
        },
    )


def page(date: str, machine: str, outcomes: Sequence[Outcome]) -> str:
    """The page as Markdown, with what simulations found."""
    found = [(crowd, name, sums(crowd, parameters)) for name, parameters in MODELS for crowd in CROWDS]
    rows = [
        f"| {name} | {crowd:,} | {each.outer_steps:,} | {_days(each.days)} | {_seconds(each.round_s)} "
        f"| {each.updates:,.0f} "
        f"| {_seconds(each.merge_s)} | {_rate(each.up_bytes_per_s)} | {_rate(each.down_bytes_per_s)} "
        f"| {each.rows_per_s:,.1f} | {each.rows:,} | {100 * each.surplus:.0f} % "
        f"| {', '.join(each.short) or 'nothing'} |"
        for crowd, name, each in found
    ]
    moves = [
        f"| {name} | {' | '.join(_crowd(short_from(parameters, name)) for _, parameters in MODELS)} | {moved} |"
        for name, moved in _MOVES.items()
    ]
    return _PAGE.format(
        date=date,
        machine=machine,
        rows="\n".join(rows),
        moves="\n".join(moves),
        outcomes="\n".join(_outcome(each) for each in outcomes),
        outer_steps=OUTER_STEPS_LEAST,
        share=f"{100 * MODEL_FLOP_SHARE:.0f} %",
        shape=SESSION_SHAPE,
        scale=SESSION_SCALE_S,
        mean=SESSION_MEAN_S / 3600,
        outer=f"{1e9 * costs.MERGE_SECONDS_A_PARAMETER:.0f}",
        update=f"{1e9 * costs.UPDATE_SECONDS_A_PARAMETER:.2f}",
        gateway=_rate(costs.GATEWAY_BYTES_A_SECOND),
        up=costs.UPDATE_BITS_A_PARAMETER,
        down=costs.PATCH_BITS_A_PARAMETER,
        most=f"{UPDATES_MOST:,}",
    )


def _outcome(found: Outcome) -> str:
    newest = found.staleness.get(0, 0) / max(1, sum(found.staleness.values()))
    trained = max(1, found.merged_tokens + found.late_tokens + found.lost_tokens)
    return (
        f"| {found.parameters / 1e6:,.0f} M | {found.contributors:,} | {found.hours:.1f} h "
        f"| {found.devices_there:,.0f} | {_share(found.surplus_share)} | {_share(found.utilisation)} "
        f"| {_share(found.goodput)} | {_share(found.late_tokens / trained)} | {_share(found.lost_tokens / trained)} "
        f"| {found.outer_steps:,} | {_share(newest)} | {_share(found.merging_share)} |"
    )


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _crowd(contributors: int | None) -> str:
    """To two digits, for the figures behind it are no better."""
    if contributors is None:
        return "never"
    digits = 10 ** max(0, len(str(contributors)) - 2)
    return f"{round(contributors / digits) * digits:,}"


def _days(days: float) -> str:
    if days >= 1:
        return f"{days:,.0f} d" if days >= 10 else f"{days:.1f} d"
    return f"{24 * days:.1f} h" if days >= 1 / 24 else _seconds(86_400 * days)


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _rate(bytes_per_s: float) -> str:
    bits = 8 * bytes_per_s
    return f"{bits / 1e9:,.1f} Gbit/s" if bits >= 1e9 else f"{bits / 1e6:,.1f} Mbit/s"


_PAGE: Final = """\
# Scale on paper

This page is computed: `python -m benchmarks.scale --paper > docs/scale.md`. {date}, {machine}.

| model | contributors | outer steps | lasts | a round | updates in it | its merge | up | down | rows/s | rows in all \
| surplus | short of |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
{rows}

A run trains 20 tokens a parameter; of the contributors a third is there at a time. *Surplus* is the share of their
time for which no round has room: the coordinator hands out no work whose update would change no version. So a run with
much of it takes no longer than one with less, and no shorter. A round lasts five minutes at most, as the ready-made
runs have it; an organiser of 7 B parameters would choose longer ones, and fewer outer steps.

## What is short first, and what moves it

| short of | from contributors, 125 M | 1 B | 7 B | what moves it |
|---|---|---|---|---|
{moves}

A model needs some {outer_steps} outer steps, so with many contributors a round is never planned larger than that
share of all tokens. More contributors than that make rounds shorter, not better, until a merge takes longer than a
round: from then on they are surplus, and belong in other runs, in measurements or in audits. That is so for one
process that merges, which is what there is today.

## Where the figures are from

- Cards by their share in the Steam survey of September 2023, as the press reported it; laptops, AMD's cards
  and others are left out. They train at {share} of their half-precision throughput, without a cap. That share and
  the throughput of each card are assumptions: no graphics card was measured yet.
- A contributor stays for {mean:.1f} h on average, in a Weibull distribution of shape {shape:g} and scale
  {scale:,.0f} s, and is away twice as long. The kind of distribution is from Nurmi, Brevik and Wolski (Euro-Par 2005);
  its two numbers, and how long it is away, are assumptions. `benchmarks/scale/population.py` has the sources.
- A merge: {outer} ns a parameter for patch, outer state, files and hashes (docs/speeds.md, "Publishing"), and
  {update} ns a parameter for each update (`python -m benchmarks.scale --merging`).
- An update is {up} bits a parameter (top-k, 64 of 4,096), a patch {down} (512 of 4,096). Every device that is there
  fetches every version. Training data and newcomers' first weights are left out: they need not come from the gateway.
- One gateway moves {gateway} (docs/measured.md, transfer over TLS on the loopback).
- Four rows an update: assignment, update with receipt, credit, place in the round. How many of them a second a database
  takes is not measured yet, so it is never named as what is short.
- A round holds at most {most} updates.

## The same in virtual time

`python -m benchmarks.scale` lets simulated contributors come, leave in the middle of their work and return, with the
shipped code that sizes assignments, cuts ranges and closes rounds. It knows what this page does not: updates that come
too late, work that is cut short, and slow cards beside fast ones. Six virtual hours, or until all tokens are merged;
what was found is in [scale.jsonl](scale.jsonl), where `--keep` puts it:

| model | contributors | lasted | there | of their time without work | utilisation | goodput | late | lost \
| outer steps | from the newest version | merging |
|---|---|---|---|---|---|---|---|---|---|---|---|
{outcomes}

*Utilisation* is the share of the lent device time that went into merged updates, *goodput* merged tokens of trained
ones. *Late* tokens were trained and credited, but their round was over or full, and others trained them again; *lost*
ones were on devices that were switched off without a word. *Merging* is the share of the time in which the one
aggregator was busy.
"""
