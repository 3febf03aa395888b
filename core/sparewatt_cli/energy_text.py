"""The account of energy as lines for a terminal."""

from collections.abc import Sequence

from sparewatt.control.messages import EnergyReply
from sparewatt.history.rows import EnergyRow, PastAssignment
from sparewatt.history.sums import sums_of
from sparewatt.wording.energy import carbon_words, honesty_words, measured_words, money_words, yield_words
from sparewatt.wording.units import bytes_words
from sparewatt_cli.figures import count_text, moment_text, seconds_text

NOTHING_YET = "Nothing was counted yet."


def energy_lines(told: EnergyReply) -> list[str]:
    """One line a period, with one below it for each device where there are several."""
    periods = sorted({row.begins for row in told.energy} | {row.begins for row in told.traffic})
    if not periods:
        return [NOTHING_YET]
    traffic = {row.begins: row for row in told.traffic}
    lines: list[str] = []
    for begins in periods:
        rows = tuple(row for row in told.energy if row.begins == begins)
        moved = traffic.get(begins)
        data = 0 if moved is None else moved.bytes_up + moved.bytes_down
        written = 0 if moved is None else moved.bytes_down + moved.bytes_written
        lines.append(
            f"{begins}  {_figures(rows, told)}, {bytes_words(data)} sent and received, {bytes_words(written)} written"
        )
        devices = sorted({row.device for row in rows})
        if len(devices) > 1:
            lines += [
                f"  {device}: {_figures(tuple(row for row in rows if row.device == device), told)}"
                for device in devices
            ]
    if not told.priced:
        lines.append("No cost is counted without a price: sparewatt settings set power_price_ct_per_kwh CENTS")
    return lines


def assignment_lines(past: Sequence[PastAssignment]) -> list[str]:
    """One line each, the newest first."""
    if not past:
        return [NOTHING_YET]
    return [
        f"{moment_text(each.ended_unix_s)}  {each.run[:8]}  {each.device}: {count_text(each.tokens)} tokens in "
        f"{seconds_text(each.ended_unix_s - each.began_unix_s)}, {_assignment_energy(each)}"
        for each in past
    ]


def _figures(rows: tuple[EnergyRow, ...], told: EnergyReply) -> str:
    sums = sums_of(rows)
    watt_hours, unmeasured_s = sums.millijoules / 3_600_000, sums.unmeasured_milliseconds / 1000
    parts = [measured_words(watt_hours, unmeasured_s)]
    if told.priced and watt_hours:
        parts.append(money_words(round(sums.cost_micro), told.currency))
    if watt_hours:
        parts.append(carbon_words(sums.carbon_milligrams / 1000))
    parts.append(f"{count_text(sums.tokens)} tokens")
    if sums.tokens and watt_hours:
        parts.append(yield_words(sums.tokens, watt_hours))
    honest = honesty_words(estimated=sums.estimated_millijoules > 0, unmeasured_s=unmeasured_s if watt_hours else 0)
    return ", ".join(parts) + (f" ({honest})" if honest else "")


def _assignment_energy(each: PastAssignment) -> str:
    words = measured_words(each.millijoules / 3_600_000, 0 if each.measured else 1)
    return f"{words} (estimated)" if each.estimated else words
