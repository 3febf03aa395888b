"""What the page of energy says: amounts, periods, budgets, and what was worked on. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from sparewatt.control.messages import EnergyReply
from sparewatt.history.calendar import day_of, period_begin, periods_back
from sparewatt.history.rows import EnergyRow, PastAssignment, Period
from sparewatt.snapshot import EnergySnapshot
from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.energy import carbon_words, energy_words, honesty_words, measured_words, money_words, yield_words
from sparewatt.wording.units import bytes_words, count_words, duration_words
from sparewatt_desktop.widgets.facts import Fact

COUNTS: Final[Mapping[Period, int]] = {"day": 31, "week": 26, "month": 12}
_WATT_HOUR_MILLIJOULES: Final = 3_600_000
_GIGABYTE: Final = 10**9
_MICRO: Final = 10**6


@dataclass(frozen=True)
class Bar:
    """One period of the chart.

    Attributes:
        label: the period in short.
        estimated_share: of its energy, 0 to 1.
        unmeasured: whether a device worked whose power could not be read.
        spoken: the same in words.
    """

    label: str
    watt_hours: float
    estimated_share: float
    unmeasured: bool
    spoken: str


@dataclass(frozen=True)
class Used:
    """What a period took, of all devices and runs together."""

    watt_hours: float
    estimated_share: float
    unmeasured_s: float
    carbon_grams: float
    tokens: int


def used(rows: Iterable[EnergyRow]) -> Used:
    """The sum of some rows."""
    known = tuple(rows)
    millijoules = sum(row.millijoules for row in known)
    estimated = sum(row.estimated_millijoules for row in known)
    return Used(
        millijoules / _WATT_HOUR_MILLIJOULES,
        estimated / millijoules if millijoules else 0.0,
        sum(row.unmeasured_milliseconds for row in known) / 1000,
        sum(row.carbon_milligrams for row in known) / 1000,
        sum(row.tokens for row in known),
    )


def today_facts(
    energy: EnergySnapshot, today: Used | None, *, priced: bool, translations: Translations = ENGLISH
) -> tuple[Fact, ...]:
    """Energy, cost, carbon dioxide and yield of today; `today` is None until the account's rows came."""
    unmeasured_s = 0.0 if today is None else today.unmeasured_s
    gettext = translations.gettext
    rows = [Fact(gettext("Energy"), measured_words(energy.watt_hours_today, unmeasured_s, translations))]
    rows.append(_cost(energy.cost_micro_today, energy.currency, priced=priced, translations=translations))
    if today is not None:
        rows.append(Fact(gettext("Carbon dioxide"), carbon_words(today.carbon_grams, translations)))
        rows.append(_yield(today.tokens, today.watt_hours, translations))
    return tuple(rows)


def month_facts(energy: EnergySnapshot, *, priced: bool, translations: Translations = ENGLISH) -> tuple[Fact, ...]:
    """The same of this month, with how far it can be believed."""
    gettext = translations.gettext
    honesty = honesty_words(
        estimated=energy.estimated, unmeasured_s=energy.unmeasured_s_month, translations=translations
    )
    amount = measured_words(energy.watt_hours_month, energy.unmeasured_s_month, translations)
    return (
        Fact(gettext("Energy"), amount, honesty),
        _cost(energy.cost_micro_month, energy.currency, priced=priced, translations=translations),
        Fact(gettext("Carbon dioxide"), carbon_words(energy.carbon_grams_month, translations)),
        _yield(energy.tokens_month, energy.watt_hours_month, translations),
    )


def budget_facts(
    values: Mapping[str, str], energy: EnergySnapshot, translations: Translations = ENGLISH
) -> tuple[Fact, ...]:
    """Every budget that is set, and how much of it is left; `values` are settings by their address."""
    gettext = translations.gettext
    found: list[Fact] = []

    def add(name: str, spent: float, budget: float, spent_words: str, budget_words: str, left_words: str) -> None:
        value = filled(gettext("{spent} of {budget}"), {"spent": spent_words, "budget": budget_words})
        left = filled(gettext("{amount} left"), {"amount": left_words})
        found.append(Fact(name, value, left if spent < budget else gettext("Used up; devices wait.")))

    kwh = _number(values, "energy_budget_kwh_per_month")
    if kwh:
        spent = energy.watt_hours_month
        add(
            gettext("Energy this month"),
            spent,
            1000 * kwh,
            energy_words(spent, translations),
            f"{kwh} kWh",
            energy_words(max(0.0, 1000 * kwh - spent), translations),
        )
    money = _number(values, "money_budget_per_month")
    if money and energy.cost_micro_month is not None:
        cost, budget = energy.cost_micro_month, money * _MICRO
        shown = [money_words(micro, energy.currency, translations) for micro in (cost, budget, max(0, budget - cost))]
        add(gettext("Money this month"), cost, budget, *shown)
    elif money:
        note = gettext("Without a price of power no cost is counted.")
        found.append(Fact(gettext("Money this month"), gettext("cannot be kept"), note))
    data = _number(values, "data_budget_gb_per_month")
    if data:
        sent, most = energy.network_bytes_month, data * _GIGABYTE
        add(gettext("Data this month"), sent, most, *_byte_words(sent, most, translations))
    writes = _number(values, "disk_write_limit_gb_per_day")
    if writes:
        written, most = energy.disk_bytes_today, writes * _GIGABYTE
        add(gettext("Written to disk today"), written, most, *_byte_words(written, most, translations))
    return tuple(found)


def bars(
    reply: EnergyReply,
    period: Period,
    now_unix_s: int,
    translations: Translations = ENGLISH,
    zone: tzinfo | None = None,
) -> tuple[Bar, ...]:
    """One bar for each period up to now, also for those in which nothing was used."""
    rows: dict[date, list[EnergyRow]] = {}
    for row in reply.energy:
        rows.setdefault(date.fromisoformat(row.begins), []).append(row)
    return tuple(
        _bar(begin, period, used(rows.get(begin, ())), translations) for begin in _begins(period, now_unix_s, zone)
    )


def today_of(reply: EnergyReply, now_unix_s: int, zone: tzinfo | None = None) -> Used:
    """What today took by a reply that lists days."""
    today = day_of(now_unix_s, zone).isoformat()
    return used(row for row in reply.energy if row.begins == today)


def chart_summary(shown: tuple[Bar, ...], translations: Translations = ENGLISH) -> str:
    """The chart in a sentence."""
    gettext = translations.gettext
    total = sum(bar.watt_hours for bar in shown)
    unmeasured = any(bar.unmeasured for bar in shown)
    if total == 0:
        return gettext("Energy not measured.") if unmeasured else gettext("Nothing was used in this time.")
    most = max(shown, key=lambda bar: bar.watt_hours)
    words = gettext("{total} in all; the most was {most} ({period}).")
    told = {
        "total": energy_words(total, translations),
        "most": energy_words(most.watt_hours, translations),
        "period": most.label,
    }
    parts = [filled(words, told)]
    if any(bar.estimated_share > 0 for bar in shown):
        parts.append(gettext("Striped parts are estimated from single readings."))
    if unmeasured:
        parts.append(gettext("A dash below marks a time in which the power of a device could not be read."))
    return " ".join(parts)


def past_cells(
    past: PastAssignment,
    names: Mapping[str, str],
    titles: Mapping[str, str],
    translations: Translations = ENGLISH,
    zone: tzinfo | None = None,
) -> tuple[str, ...]:
    """One assignment as cells: when, run, device, length, tokens, energy."""
    gettext = translations.gettext
    ended = datetime.fromtimestamp(past.ended_unix_s, zone)
    watt_hours = past.millijoules / _WATT_HOUR_MILLIJOULES
    amount = energy_words(watt_hours, translations)
    if not past.measured:
        amount = (
            gettext("not measured") if not past.millijoules else filled(gettext("over {amount}"), {"amount": amount})
        )
    elif past.estimated:
        amount = filled(gettext("about {amount}"), {"amount": amount})
    return (
        _dated(gettext("{month}-{day} {clock}"), ended),
        titles.get(past.run, past.run[:8]),
        names.get(past.device, past.device),
        duration_words(max(0, past.ended_unix_s - past.began_unix_s), translations),
        count_words(past.tokens, translations) if past.tokens else gettext("given back"),
        amount,
    )


def _begins(period: Period, now_unix_s: int, zone: tzinfo | None) -> tuple[date, ...]:
    today = day_of(now_unix_s, zone)
    last = period_begin(today, period)
    begin = periods_back(today, period, COUNTS[period])
    found = []
    while begin <= last:
        found.append(begin)
        begin = period_begin(begin + timedelta(days={"day": 1, "week": 7, "month": 32}[period]), period)
    return tuple(found)


def _bar(begin: date, period: Period, amount: Used, translations: Translations) -> Bar:
    gettext = translations.gettext
    template = gettext("{year}-{month}") if period == "month" else gettext("{month}-{day}")
    label = _dated(template, begin)
    unmeasured = amount.unmeasured_s >= 1
    words = measured_words(amount.watt_hours, amount.unmeasured_s, translations)
    parts = [f"{label}: {words}"]
    honesty = honesty_words(
        estimated=amount.estimated_share > 0, unmeasured_s=amount.unmeasured_s, translations=translations
    )
    return Bar(
        label, amount.watt_hours, amount.estimated_share, unmeasured, "; ".join([*parts, *filter(None, [honesty])])
    )


def _dated(template: str, moment: date) -> str:
    """A date, or a time of a day, in the order that `template` has."""
    parts = {"year": "%Y", "month": "%m", "day": "%d", "clock": "%H:%M"}
    return filled(template, {name: moment.strftime(mark) for name, mark in parts.items()})


def _cost(micro: int | None, currency: str, *, priced: bool, translations: Translations) -> Fact:
    gettext = translations.gettext
    if micro is None or not priced:
        note = gettext("Say your price of power in the settings, and the cost is counted from then on.")
        return Fact(gettext("Cost"), gettext("not counted"), note)
    return Fact(gettext("Cost"), money_words(micro, currency, translations))


def _yield(tokens: int, watt_hours: float, translations: Translations) -> Fact:
    gettext = translations.gettext
    if not tokens or not watt_hours:
        return Fact(gettext("Yield"), gettext("not known yet"))
    return Fact(gettext("Yield"), yield_words(tokens, watt_hours, translations))


def _byte_words(spent: int, budget: int, translations: Translations) -> tuple[str, str, str]:
    amounts = (spent, budget, max(0, budget - spent))
    first, second, third = (bytes_words(amount, translations) for amount in amounts)
    return first, second, third


def _number(values: Mapping[str, str], address: str) -> int:
    return int(values.get(address, "0"))
